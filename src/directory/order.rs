//! The order in which everybody locks: agreements on the names of groups, then groups, then people in the order of their ids.
//!
//! A transaction that turns out to need something out of that order takes it only if it is free at once. Else it starts again
//! ([`Error::Again`]) and takes it in its place, so that no two ever wait for each other. SQLite has one writer and no locks.

use std::collections::{BTreeMap, BTreeSet};

use crate::reconcile::{MEMBER, highest};
use crate::store::agree::{self, About};
use crate::store::{people, resources};

use super::work::Before;
use super::{Error, Result, Work};

/// What is locked in its place because an earlier try met it out of order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct First {
    /// Connections, to give groups of theirs names.
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
    people: BTreeSet<String>,
}

impl First {
    pub(crate) fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.groups.extend(other.groups);
        self.people.extend(other.people);
    }
}

/// What of the order a transaction holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    first: First,
    names: BTreeSet<String>,
    /// Groups whose whole list cannot be stated by anybody else until the transaction ends.
    groups: BTreeSet<String>,
    /// The highest id of a person who is locked.
    person: Option<String>,
}

impl Work<'_> {
    /// Before anything else of this try is locked.
    pub async fn lock_first(&mut self, first: &First) -> Result<()> {
        for connection in &first.names {
            agree::alone(&mut self.tx, connection, About::GroupNames).await?;
        }
        self.held.names.clone_from(&first.names);
        self.held.first = first.clone();
        Ok(())
    }

    /// Nobody else gives the connection's groups names, or writes claims of them, until the end of the transaction.
    pub async fn name_groups(&mut self, connection: &str) -> Result<()> {
        if self.held.names.contains(connection) {
            return Ok(());
        }
        if !agree::alone_at_once(&mut self.tx, connection, About::GroupNames).await? {
            return Err(Error::Again(First { names: BTreeSet::from([connection.to_owned()]), ..First::default() }));
        }
        self.held.names.insert(connection.to_owned());
        Ok(())
    }

    /// Groups that derived rows are going to be written of: shared, so that no whole list is stated past them.
    pub async fn share(&mut self, groups: &BTreeSet<String>) -> Result<()> {
        let new: BTreeSet<String> = groups.difference(&self.held.groups).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        let shared = if self.held.person.is_none() {
            resources::share(&mut self.tx, &new).await
        } else {
            resources::share_at_once(&mut self.tx, &new).await
        };
        match shared {
            Err(error) if error.is_taken() => Err(Error::Again(First { groups: new, ..First::default() })),
            shared => {
                shared?;
                self.held.groups.extend(new);
                Ok(())
            }
        }
    }

    /// Locks these people and remembers how they were. Whoever re-decides a pair holds the person's lock.
    pub async fn hold(&mut self, ids: &BTreeSet<String>) -> Result<()> {
        let new: BTreeSet<String> = ids.iter().filter(|id| !self.before.contains_key(*id)).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        self.lock_people(&new).await?;
        let mut found: BTreeMap<String, Before> = new.iter().map(|id| (id.clone(), Before::default())).collect();
        for (id, active) in people::activity(&mut self.tx, &new).await? {
            if let Some(before) = found.get_mut(&id) {
                before.exists = true;
                before.active = active;
            }
        }
        for row in people::live_rows(&mut self.tx, &new).await? {
            let Some(before) = found.get_mut(&row.member) else { continue };
            before.parents.insert(row.parent);
            if let Some(organization) = row.organization {
                let stands = before.roles.get(&organization).map_or(MEMBER, String::as_str);
                let role = highest([stands, row.role.as_deref().unwrap_or(MEMBER)]).unwrap_or(MEMBER).to_owned();
                before.roles.insert(organization, role);
            }
        }
        self.before.extend(found);
        Ok(())
    }

    pub async fn hold_one(&mut self, id: &str) -> Result<()> {
        self.hold(&BTreeSet::from([id.to_owned()])).await
    }

    async fn lock_people(&mut self, new: &BTreeSet<String>) -> Result<()> {
        let First { groups, people, .. } = std::mem::take(&mut self.held.first);
        self.share(&groups).await?;
        let wanted: BTreeSet<String> = new.union(&people).cloned().collect();
        let is_in_order = self.held.person.as_ref() < wanted.first();
        let locked = if is_in_order {
            people::lock(&mut self.tx, &wanted).await
        } else {
            people::lock_at_once(&mut self.tx, &wanted).await
        };
        match locked {
            Err(error) if error.is_taken() => Err(Error::Again(First { people: wanted, ..First::default() })),
            locked => {
                locked?;
                self.held.person = self.held.person.take().max(wanted.last().cloned());
                Ok(())
            }
        }
    }
}
