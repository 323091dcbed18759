//! Changing IdPs: one connection is declared the successor of another, after a rehearsal of whom it could claim.
//!
//! People of the predecessor count as unclaimed for the successor, in the domains that move with the declaration. Claiming
//! one ends the predecessor's record, lists, links and claims of that person in the same transaction, without a tombstone:
//! switching the old application off locks nobody out. Its groups go over as the successor names them (`groups.rs`). What the
//! successor holds, the predecessor neither adopts nor claims.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::{Cause, Kind};
use crate::jit::address::Domain;
use crate::reconcile::Source;
use crate::scim::{self};
use crate::store::agree::{self, About};
use crate::store::people::{self, Account};
use crate::store::{connections, identity, resources, values, vouches, withdrawal};

use super::foresee::Named;
use super::groups::may_reach;
use super::sight::{Sight, sight};
use super::withdraw::{not_withdrawing, unique_words};
use super::words::user_name_of;
use super::{Configuration, Connected, Directory, Result, Work, transact};

const BATCH: i64 = 200;

/// Whom the successor could claim, of everybody whom the predecessor pushes or signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    pub declared: bool,
    pub people: usize,
    /// The successor may claim them: by userName, by an address in the domains, or by the anchor.
    pub matching: usize,
    /// It has claimed them already.
    pub claimed: usize,
    /// Protected: an administrator binds them.
    pub guarded: usize,
    /// A third connection speaks of them too.
    pub shared: usize,
    /// No name or address of theirs lies in the domains.
    pub outside: usize,
    /// Groups of the predecessor that the successor takes over when it pushes one of the same name or `externalId`.
    pub groups: usize,
    pub page: Vec<Matched>,
    /// Ask again with this; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matched {
    pub person: Named,
    /// `matching`, `claimed`, `guarded`, `shared` or `outside`.
    pub verdict: &'static str,
}

/// What is declared.
#[derive(Clone, Debug)]
pub struct Succession {
    pub predecessor: String,
    /// The domains that move; absent: all of the predecessor's.
    pub domains: Option<Vec<Domain>>,
}

impl Directory {
    /// Counts everybody and lists a page; with `declare`, the declaration is made first and the answer is what it left.
    pub async fn succeed_connection(
        &self,
        tenant: &str,
        successor: &str,
        succession: &Succession,
        declare: bool,
        (after, limit): (Option<&str>, usize),
    ) -> Result<Rehearsal> {
        let mut tx = self.engine.read(tenant).await?;
        let mut supposed = Configuration::load(&mut tx).await?;
        drop(tx);
        let (new, old) = supposed.succeed(successor, succession)?;
        if declare {
            transact!(self, tenant, Cause::by("administrator"), work => {
                work.declare(&new, &old, succession).await
            })?;
            for id in [&old, &new] {
                self.catch_up(tenant, id).await?;
            }
        }
        let mut rehearsal = Rehearsal { declared: declare, ..Rehearsal::default() };
        let connected = supposed.connection(&new).cloned().ok_or_else(|| unknown(successor))?;
        let mut tx = self.engine.read(tenant).await?;
        let groups = withdrawal::groups(&mut tx, &old, "", i64::MAX).await?.into_iter().collect();
        let groups = resources::existing(&mut tx, &groups).await?;
        rehearsal.groups = groups.iter().filter(|row| may_reach(&connected, row)).count();
        drop(tx);
        let mut last = String::new();
        loop {
            let mut tx = self.engine.read(tenant).await?;
            let ids = identity::population(&mut tx, &old, &last, BATCH).await?;
            let Some(end) = ids.last().cloned() else { break };
            last = end;
            for account in people::load(&mut tx, &ids).await? {
                let verdict = verdict(&supposed, &connected, &account);
                let is_behind = after.is_none_or(|after| account.person.id.as_str() > after);
                rehearsal.count(verdict);
                if is_behind && rehearsal.page.len() <= limit {
                    let name = user_name_of(&account.document).unwrap_or_default().to_owned();
                    rehearsal.page.push(Matched { person: Named { id: account.person.id, name }, verdict });
                }
            }
        }
        if rehearsal.page.len() > limit {
            rehearsal.page.truncate(limit);
            rehearsal.next = rehearsal.page.last().map(|matched| matched.person.id.clone());
        }
        Ok(rehearsal)
    }
}

impl Rehearsal {
    fn count(&mut self, verdict: &str) {
        self.people += 1;
        match verdict {
            "matching" => self.matching += 1,
            "claimed" => self.claimed += 1,
            "guarded" => self.guarded += 1,
            "shared" => self.shared += 1,
            _ => self.outside += 1,
        }
    }
}

/// The same sight that a push is judged by.
fn verdict(configuration: &Configuration, connected: &Connected, account: &Account) -> &'static str {
    let person = &account.person;
    let mut speakers =
        person.records.iter().map(|record| &record.connection).chain(person.links.iter().map(|link| &link.connection));
    match sight(configuration, connected, account) {
        Sight::Unclaimed => "matching",
        Sight::Own => "claimed",
        Sight::Guarded => "guarded",
        Sight::Hidden if speakers.any(|speaker| connected.is_foreign(speaker)) => "shared",
        Sight::Hidden => "outside",
    }
}

impl Configuration {
    /// The configuration as the declaration makes it; the ids of successor and predecessor.
    fn succeed(&mut self, successor: &str, succession: &Succession) -> Result<(String, String)> {
        let new = self.named(successor).cloned().ok_or_else(|| unknown(successor))?;
        let old = self.named(&succession.predecessor).cloned().ok_or_else(|| {
            scim::Error::invalid_value(format!("there is no connection {:?}", succession.predecessor))
        })?;
        if new.id == old.id || old.succeeds.as_ref() == Some(&new.id) {
            return Err(scim::Error::invalid_value("a connection cannot succeed itself, nor its own successor").into());
        }
        for connected in [&new, &old] {
            not_withdrawing(connected)?;
        }
        let moving = succession.domains.clone().unwrap_or_else(|| old.rules.domains.clone());
        if let Some(stranger) = moving.iter().find(|domain| !old.rules.owns(domain) && !new.rules.owns(domain)) {
            let detail = format!("{stranger} is verified for neither of the two connections");
            return Err(scim::Error::invalid_value(detail).into());
        }
        for connected in &mut self.connections {
            if connected.id == old.id {
                connected.rules.domains.retain(|domain| !moving.contains(domain));
            } else if connected.id == new.id {
                connected.succeeds = Some(old.id.clone());
                let known = connected.rules.domains.clone();
                connected.rules.domains.extend(moving.iter().filter(|domain| !known.contains(domain)).cloned());
            }
        }
        Ok((new.id, old.id))
    }
}

impl Work<'_> {
    async fn declare(&mut self, new: &str, old: &str, succession: &Succession) -> Result<()> {
        for id in BTreeSet::from([new, old]) {
            agree::alone(&mut self.tx, id, About::Settings).await?;
        }
        self.configuration = Configuration::load(&mut self.tx).await?;
        let mut declared = self.configuration.clone();
        declared.succeed(new, succession)?;
        for id in [old, new] {
            let Some(connected) = declared.connection(id) else { continue };
            let text = connected.rules.to_value().to_string();
            connections::update(&mut self.tx, id, &connected.state, &text, self.now).await?;
            self.sync_domains(id, &connected.rules).await?;
        }
        connections::set_succeeds(&mut self.tx, new, Some(old)).await?;
        self.configuration = Configuration::load(&mut self.tx).await?;
        for id in [old, new] {
            self.derive_population(id).await?;
        }
        let event = self.event(Kind::ConnectionSucceeded).of(old).and(new);
        self.publish(event);
        Ok(())
    }

    /// The successor has claimed this person: what its predecessor said of them ends, without a tombstone.
    pub(crate) async fn end_predecessor(&mut self, connected: &Connected, id: &str) -> Result<()> {
        let Some(old) = connected.succeeds.as_ref().and_then(|old| self.configuration.connection(old)).cloned() else {
            return Ok(());
        };
        let Some(account) = self.account(id).await? else { return Ok(()) };
        let record = account.person.records.iter().find(|record| record.connection == old.id);
        let links: Vec<&str> = account
            .person
            .links
            .iter()
            .filter(|link| link.connection == old.id)
            .map(|link| link.subject.as_str())
            .collect();
        if record.is_none() && links.is_empty() {
            return Ok(());
        }
        for (cell, value) in unique_words(&account, &old.id, &self.registry.unique) {
            people::set_word(&mut self.tx, id, "entered", &cell, Some(&value), self.now).await?;
        }
        if let Some(record) = record {
            self.keep_end(&old, &account, record.off).await?;
            resources::remove_record(&mut self.tx, &old.id, id).await?;
            values::remove(&mut self.tx, id, &old.id).await?;
            vouches::remove_member_source(&mut self.tx, id, &Source::Push(old.id.clone())).await?;
            self.rewritten.insert(id.to_owned());
        }
        for subject in links {
            identity::remove_link(&mut self.tx, &old.id, subject).await?;
        }
        if !self.shares_namespace(&old) {
            withdrawal::remove_anchors(&mut self.tx, &old.namespace(), id).await?;
        }
        let event = self.event(Kind::RecordSucceeded).of(id).and(&old.id);
        self.publish(event);
        self.touch(id).await
    }

    /// Whether a successor of the connection pushes or signed in this person.
    pub(crate) async fn held_by_successor(&mut self, connected: &Connected, id: &str) -> Result<bool> {
        let successors: BTreeSet<String> = self
            .configuration
            .connections
            .iter()
            .filter(|other| other.succeeds.as_ref() == Some(&connected.id))
            .map(|other| other.id.clone())
            .collect();
        if successors.is_empty() {
            return Ok(false);
        }
        let records = resources::records(&mut self.tx, id).await?;
        let links = identity::links_of(&mut self.tx, id).await?;
        Ok(records.iter().any(|record| successors.contains(&record.connection))
            || links.iter().any(|link| successors.contains(&link.connection)))
    }
}

fn unknown(name: &str) -> scim::Error {
    scim::Error::not_found(format!("there is no connection {name:?}"))
}
