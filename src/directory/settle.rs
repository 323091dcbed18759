//! Deriving again: whoever is touched is judged anew by the pure function, and only differences are written.
//!
//! Owns everything that is materialised of a person: the effective document and its index, `active`, `home`, `dead`, the
//! derived membership rows and `live`. Configuration is read here, after the people's locks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::event::Kind;
use crate::reconcile::{Derived, OWNER, Source, Word, World, cells, derive};
use crate::scim::document::Document;
use crate::scim::key::{self, Entry, Key};
use crate::scim::resource_type::ResourceType;
use crate::store::{people, people::Account, resources, search, values, vouches};

use super::passwords::{password_row, stands_apart};
use super::platform::name_keeper;
use super::work::Before;
use super::{Configuration, Result, Work, world};

/// How many people are judged at once; more would only hold memory.
const BATCH: usize = 500;

impl Work<'_> {
    /// Derives everybody who is touched.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        let touched: Vec<String> = std::mem::take(&mut self.touched).into_iter().collect();
        if touched.is_empty() {
            return Ok(());
        }
        self.configuration = Configuration::load(&mut self.tx).await?;
        for batch in touched.chunks(BATCH) {
            let ids: BTreeSet<String> = batch.iter().cloned().collect();
            let mut accounts = people::load(&mut self.tx, &ids).await?;
            let mut world =
                world::gather(&mut self.tx, &self.configuration, &self.registry, &mut accounts, self.now).await?;
            let mut judged: Vec<Derived> = accounts.iter().map(|account| derive(&account.person, &world)).collect();
            self.hold_back(&mut accounts, &mut judged, &mut world).await?;
            self.share(&begun(&accounts, &judged, &world)).await?;
            let (mut live, mut roles) = (Vec::new(), Vec::new());
            for (account, derived) in accounts.iter().zip(&judged) {
                live.extend(self.write_rows(account, derived).await?);
                roles.extend(changed_roles(account, derived));
                self.write_person(account, derived).await?;
                self.report(account, derived, &world);
            }
            let changes: Vec<(&str, &str, &Source, bool)> = live
                .iter()
                .map(|(member, (parent, source), live)| (member.as_str(), parent.as_str(), source, *live))
                .collect();
            vouches::set_live(&mut self.tx, &changes).await?;
            vouches::set_roles(&mut self.tx, &roles).await?;
        }
        Ok(())
    }

    /// Derived rows that began or ended; answers the rows that stand and whose `live` differs.
    async fn write_rows(
        &mut self,
        account: &Account,
        derived: &Derived,
    ) -> Result<Vec<(String, (String, Source), bool)>> {
        let id = &account.person.id;
        let gone: Vec<(String, Source)> = account
            .stored
            .keys()
            .filter(|key| key.1.is_derived() && !derived.rows.contains_key(*key))
            .cloned()
            .collect();
        if !gone.is_empty() {
            vouches::remove(&mut self.tx, id, &gone).await?;
        }
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for (key, live) in &derived.rows {
            match account.stored.get(key) {
                None => {
                    let mut row = vouches::Row::person(&key.0, id, key.1.clone(), Word::Grant, None);
                    row.live = *live;
                    row.role = derived.roles.get(key).cloned();
                    new.push(row);
                }
                Some(stored) if stored != live => changed.push((id.clone(), key.clone(), *live)),
                Some(_) => {}
            }
        }
        if !new.is_empty() {
            vouches::put(&mut self.tx, &new).await?;
        }
        Ok(changed)
    }

    async fn write_person(&mut self, account: &Account, derived: &Derived) -> Result<()> {
        let id = account.person.id.as_str();
        if account.person.retired {
            return Ok(());
        }
        let is_new = !self.before.get(id).is_some_and(|before| before.exists);
        let document = cells::document(&derived.words);
        let moved = document != account.document;
        let display = display_name(&document);
        let rewritten = self.rewritten.remove(id);
        let reindexed = self.reindexed.remove(id);
        let active = derived.active != account.active;
        let changed = moved || active || rewritten;
        if active && !derived.active {
            self.end_tokens(id).await?;
        }
        if changed || derived.home != account.home || derived.dead != account.dead || display != account.display {
            let text = document.to_json();
            people::save(
                &mut self.tx,
                &people::Judged {
                    id,
                    version: account.version + i64::from(changed && !is_new),
                    modified: if changed && !is_new { self.now } else { account.modified },
                    display: display.as_deref(),
                    document: &text,
                    active: derived.active,
                    home: derived.home.as_deref(),
                    dead: derived.dead,
                },
            )
            .await?;
        }
        let kind = &self.kind("User")?;
        if moved || is_new || derived.home != account.home || rewritten || reindexed {
            let external_id = effective_external_id(account, derived, &document);
            let mut entries = effective_entries(kind, &document, external_id, display.as_deref());
            self.check_unique(kind, id, &entries).await?;
            entries.extend(password_row(account, derived.home.as_deref(), None));
            let scope = self.name_scope(name_keeper(&account.person, derived.home.as_deref()));
            values::replace(&mut self.tx, id, "User", "", &entries, Some(&scope)).await?;
            self.write_own_documents(account, kind, &document, derived.home.as_deref()).await?;
        }
        Ok(())
    }

    /// A connection's own document is stored only while its view differs from the effective one.
    async fn write_own_documents(
        &mut self,
        account: &Account,
        kind: &ResourceType,
        effective: &Document,
        home: Option<&str>,
    ) -> Result<()> {
        let id = account.person.id.as_str();
        for record in &account.person.records {
            let own = own_document(&record.words);
            if stands_apart(account, home, &record.connection, own == *effective) {
                resources::set_record_document(&mut self.tx, &record.connection, id, Some(&own.to_json())).await?;
                let display = display_name(&own);
                let mut entries = effective_entries(kind, &own, None, display.as_deref());
                entries.extend(password_row(account, home, Some(&record.connection)));
                values::replace(&mut self.tx, id, "User", &record.connection, &entries, None).await?;
            } else if account.differing.contains(&record.connection) {
                resources::set_record_document(&mut self.tx, &record.connection, id, None).await?;
                values::remove(&mut self.tx, id, &record.connection).await?;
            }
        }
        Ok(())
    }

    /// What changed effectively, for the feed.
    fn report(&mut self, account: &Account, derived: &Derived, world: &World) {
        let id = account.person.id.clone();
        let before = self.before.get(&id).cloned().unwrap_or_default();
        if !account.person.retired {
            let document = cells::document(&derived.words);
            if !before.exists {
                if !self
                    .events
                    .iter()
                    .any(|event| event.kind == Kind::UserRevived && event.resource.as_ref() == Some(&id))
                {
                    let event = self.event(Kind::UserCreated).of(&id);
                    self.publish(event);
                }
            } else if document != account.document {
                let event = self.event(Kind::UserUpdated).of(&id).naming(changed_cells(&account.document, &document));
                self.publish(event);
            }
            if before.exists && before.active != derived.active {
                let kind = if derived.active { Kind::UserActivated } else { Kind::UserDeactivated };
                let event = self.event(kind).of(&id);
                self.publish(event);
            }
        }
        let after: BTreeSet<String> =
            derived.rows.iter().filter(|(_, live)| **live).map(|((parent, _), _)| parent.clone()).collect();
        self.report_memberships(&id, &before, &after, world);
        self.report_roles(&id, &before, &derived.organizations(world));
    }

    /// Who came into an organization, and whose role there changed.
    pub(super) fn report_roles(&mut self, id: &str, before: &Before, after: &BTreeMap<String, String>) {
        for (organization, role) in after {
            match before.roles.get(organization) {
                None => {
                    self.joined.insert(organization.clone());
                }
                Some(was) if was != role => {
                    let event = self.event(Kind::RoleChanged).of(id).and(organization).naming([role]);
                    self.publish(event);
                }
                Some(_) => {}
            }
        }
        let owned = before.roles.iter().filter(|(_, role)| *role == OWNER).map(|(organization, _)| organization);
        let left = owned.filter(|organization| after.get(*organization).is_none_or(|role| role != OWNER));
        self.left_by_owner.extend(left.cloned());
    }

    /// Groups that the person came into or left, and the organizations behind them.
    pub(super) fn report_memberships(&mut self, id: &str, before: &Before, after: &BTreeSet<String>, world: &World) {
        let with_organizations = |parents: &BTreeSet<String>| -> BTreeSet<String> {
            parents
                .iter()
                .flat_map(|parent| {
                    let organization = world.groups.get(parent).and_then(|group| group.organization.clone());
                    [Some(parent.clone()), organization].into_iter().flatten()
                })
                .collect()
        };
        let (before, after) = (with_organizations(&before.parents), with_organizations(after));
        for parent in before.difference(&after) {
            let event = self.event(Kind::MembershipRemoved).of(id).and(parent);
            self.publish(event);
        }
        for parent in after.difference(&before) {
            let event = self.event(Kind::MembershipAdded).of(id).and(parent);
            self.publish(event);
        }
    }
}

/// Groups of which a derived row begins: a whole list may not be stated past it. Taken late only where a change of a person
/// brings a claim back; a login takes them before the person.
fn begun(accounts: &[Account], judged: &[Derived], world: &World) -> BTreeSet<String> {
    let new = accounts.iter().zip(judged).flat_map(|(account, derived)| {
        derived.rows.keys().filter(|key| key.1.is_derived() && !account.stored.contains_key(*key))
    });
    new.map(|(parent, _)| parent).filter(|parent| world.groups.contains_key(*parent)).cloned().collect()
}

/// Roles of rows that stand and that say something else now.
fn changed_roles<'a>(
    account: &'a Account,
    derived: &'a Derived,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Source, Option<&'a str>)> {
    let standing = derived.rows.keys().filter(|key| account.stored.contains_key(*key));
    let changed = standing.filter(|key| account.roles.get(*key) != derived.roles.get(*key));
    changed.map(|key| {
        let role = derived.roles.get(key).map(String::as_str);
        (account.person.id.as_str(), key.0.as_str(), &key.1, role)
    })
}

/// A record's own document: its words without what is cleared.
pub(crate) fn own_document(words: &BTreeMap<String, Option<Value>>) -> Document {
    let said = words.iter().filter_map(|(cell, value)| Some((cell.clone(), value.clone()?))).collect();
    cells::document(&said)
}

/// `externalId` of the home record; where nobody pushes, what an administrator entered.
pub(crate) fn effective_external_id<'a>(
    account: &'a Account,
    derived: &Derived,
    document: &'a Document,
) -> Option<&'a str> {
    let home = derived.home.as_ref();
    match account.person.records.iter().find(|record| Some(&record.connection) == home) {
        Some(record) => record.external_id.as_deref(),
        None => document.0.get("externalId").and_then(Value::as_str),
    }
}

/// The index rows of a document, with the rows for what lives in columns elsewhere: its `externalId` and its display.
pub(crate) fn effective_entries(
    kind: &ResourceType,
    document: &Document,
    external_id: Option<&str>,
    display: Option<&str>,
) -> Vec<Entry> {
    let mut entries = key::entries(kind, document);
    let row =
        |attr: &str, key: Key, long: Option<String>| Entry { attr: attr.to_owned(), slot: 0, key, long, unique: false };
    if let Some(external_id) = external_id {
        entries.push(row("externalid", Key(external_id.to_owned()), None));
    }
    if let Some(display) = display {
        let key = Key::text(false, display);
        let folded = key::fold(display);
        let long = (folded != key.0).then_some(folded);
        entries.push(row(search::DISPLAY, key, long));
    }
    entries
}

/// What a list of members shows of a resource: `displayName`, else the formatted name, else `userName`.
pub(crate) fn display_name(document: &Document) -> Option<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    text(document.0.get("displayName"))
        .or_else(|| text(document.0.get("name").and_then(|name| name.get("formatted"))))
        .or_else(|| text(document.0.get("userName")))
}

fn changed_cells(before: &Document, after: &Document) -> Vec<String> {
    changed_words(&cells::cells(before), &cells::cells(after))
}

pub(super) fn changed_words(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|cell| before.get(*cell) != after.get(*cell)).cloned().collect()
}
