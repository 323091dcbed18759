//! How a record and an account end: words of one connection go, and with the last of them the account, kept for the
//! retention so that the same push can have it back.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Kind;
use crate::reconcile::{Source, World};
use crate::scim::key::Key;
use crate::store::people::Account;
use crate::store::{conflicts, credentials, identity, invitations, people, resources, values, vouches};

use super::passwords::source_of;
use super::words::{addresses_of, everywhere, invitable_of, subject_of, user_name_of};
use super::{Connected, Result, Work, world};

/// Tombstones outlive even a retention of nothing: 30 days.
const TOMBSTONE: i64 = 30 * 24 * 60 * 60 * 1000;

impl Work<'_> {
    /// One connection's words end: its record, lists, links and claims. With the last record the account is retired.
    pub(crate) async fn end_record(&mut self, connected: &Connected, account: &Account) -> Result<()> {
        let id = account.person.id.as_str();
        self.touch(id).await?;
        let record = account.person.records.iter().find(|record| record.connection == connected.id);
        let others = account.person.records.iter().any(|record| record.connection != connected.id);
        let gone = !others && (record.is_some() || !account.person.links.iter().any(|l| l.connection != connected.id));
        if let Some(record) = record {
            self.keep_end(connected, account, record.off).await?;
            let mut marks = Vec::new();
            if let Some(external_id) = &record.external_id {
                marks.push((connected.id.clone(), "anchor", self.mark("anchor", external_id)));
            }
            for (namespace, anchor) in identity::anchors_of(&mut self.tx, id).await? {
                if namespace == connected.namespace() {
                    marks.push((connected.id.clone(), "anchor", self.mark("anchor", &anchor)));
                }
            }
            for link in account.person.links.iter().filter(|link| link.connection == connected.id) {
                let subject = subject_of(&link.connection, &link.subject);
                marks.push((connected.id.clone(), "subject", self.mark("subject", &subject)));
            }
            let until = self.keep_until();
            identity::add_tombstones(&mut self.tx, &marks, Some(id), self.now, until).await?;
            resources::remove_record(&mut self.tx, &connected.id, id).await?;
            values::remove(&mut self.tx, id, &connected.id).await?;
            credentials::remove(&mut self.tx, id, &source_of(Some(&connected.id))).await?;
            vouches::remove_member_source(&mut self.tx, id, &Source::Push(connected.id.clone())).await?;
            self.rewritten.insert(id.to_owned());
            if !gone {
                let event = self.event(Kind::RecordRemoved).of(id).and(&connected.id);
                self.publish(event);
            }
        }
        if !gone {
            self.keep_names(account, |link| link.connection == connected.id).await?;
        }
        for link in &account.person.links {
            if gone || link.connection == connected.id {
                identity::remove_link(&mut self.tx, &link.connection, &link.subject).await?;
            }
        }
        if gone {
            self.retire(account).await?;
        }
        Ok(())
    }

    /// What the home ended stays ended when it goes: its `Off` moves to the account.
    pub(super) async fn keep_end(&mut self, connected: &Connected, account: &Account, off: Option<i64>) -> Result<()> {
        let person = &account.person;
        if account.home.as_deref() == Some(&connected.id)
            && let Some(off) = off
        {
            let off = person.off.map_or(off, |own| own.max(off));
            people::set_lifecycle(&mut self.tx, &person.id, person.suspended, Some(off), None).await?;
        }
        Ok(())
    }

    /// The account goes: 404 for everybody, out of uniqueness, with tombstones of every name it had.
    pub(crate) async fn retire(&mut self, account: &Account) -> Result<()> {
        let id = account.person.id.as_str();
        self.touch(id).await?;
        let anchors = identity::anchors_of(&mut self.tx, id).await?;
        let namespaces: BTreeSet<String> =
            anchors
                .iter()
                .map(|(namespace, _)| namespace.clone())
                .chain(
                    account.person.records.iter().filter_map(|record| {
                        self.configuration.connection(&record.connection).map(Connected::namespace)
                    }),
                )
                .collect();
        let mut marks = Vec::new();
        for (namespace, anchor) in &anchors {
            marks.push((everywhere(namespace), "anchor", self.mark("anchor", anchor)));
        }
        for link in &account.person.links {
            if let Some(connected) = self.configuration.connection(&link.connection) {
                let subject = subject_of(&link.connection, &link.subject);
                marks.push((everywhere(&connected.namespace()), "subject", self.mark("subject", &subject)));
            }
        }
        let name = user_name_of(&account.document).map(|name| Key::user_name(name).0);
        for namespace in &namespaces {
            if let Some(name) = &name {
                marks.push((everywhere(namespace), "user_name", self.mark("user_name", name)));
            }
            for address in addresses_of(&account.document) {
                marks.push((everywhere(namespace), "address", self.mark("address", &address)));
            }
        }
        for record in &account.person.records {
            if let (Some(external_id), Some(key), Some(connected)) = (
                &record.external_id,
                account.name_keys.get(&record.connection),
                self.configuration.connection(&record.connection),
            ) {
                let mark = self.mark("revive", &format!("{external_id}\u{0}{key}"));
                marks.push((everywhere(&connected.namespace()), "revive", mark));
            }
        }
        let until = self.keep_until();
        identity::add_tombstones(&mut self.tx, &marks, Some(id), self.now, until).await?;
        for link in &account.person.links {
            identity::remove_link(&mut self.tx, &link.connection, &link.subject).await?;
        }
        resources::remove_records(&mut self.tx, id).await?;
        identity::remove_anchors(&mut self.tx, id).await?;
        conflicts::remove_rulings_of(&mut self.tx, id).await?;
        people::remove_words(&mut self.tx, id).await?;
        people::set_pinned(&mut self.tx, id, None).await?;
        credentials::remove_all(&mut self.tx, id).await?;
        values::remove_all(&mut self.tx, id).await?;
        vouches::remove_all_but_denies(&mut self.tx, id).await?;
        invitations::remove_of(&mut self.tx, id, &invitable_of(&account.document)).await?;
        let off = if account.person.suspended { account.person.off } else { None };
        people::set_lifecycle(&mut self.tx, id, account.person.suspended, off, Some(self.now)).await?;
        self.end_tokens(id).await?;
        let event = self.event(Kind::UserDeleted).of(id);
        self.publish(event);
        self.report_departure(account).await?;
        self.touched.remove(id);
        if self.directory.retention == 0 {
            self.erase(id, "User").await?;
        }
        Ok(())
    }

    /// How long tombstones count: as long as what is retired is kept, and never less than any login's evidence.
    pub(crate) fn keep_until(&self) -> i64 {
        self.now + self.directory.retention.max(TOMBSTONE)
    }

    /// The memberships that end with the account.
    pub(super) async fn report_departure(&mut self, account: &Account) -> Result<()> {
        let before = self.before.get(&account.person.id).cloned().unwrap_or_default();
        let mut accounts = [account.clone()];
        let world: World =
            world::gather(&mut self.tx, &self.configuration, &self.registry, &mut accounts, self.now).await?;
        self.report_memberships(&account.person.id, &before, &BTreeSet::new(), &world);
        self.report_roles(&account.person.id, &before, &BTreeMap::new());
        Ok(())
    }
}
