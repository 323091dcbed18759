//! New settings of a connection, for a population that is too large for one transaction: they hold at once for whoever is
//! judged from now on, and everybody else is derived again in batches by id. How far that is stands with the connection, so
//! a crash loses nothing: the next call, or the server's timer, goes on.

use std::collections::BTreeSet;

use crate::event::Cause;
use crate::store::people::Account;
use crate::store::{Tx, connections, identity, withdrawal};

use super::{Directory, Result, Work, transact};

/// Up to so many people are derived again in the transaction that changes the settings.
const AT_ONCE: i64 = 500;
const BATCH: i64 = 200;

/// How many people of a population of this size are judged together.
pub(super) fn at_once(population: usize) -> usize {
    let at_once = i64::try_from(population).is_ok_and(|population| population <= AT_ONCE);
    usize::try_from(if at_once { AT_ONCE } else { BATCH }).unwrap_or(1)
}

impl Work<'_> {
    /// Everybody whom the connection pushes or signed in is judged by its new settings: at once, or in batches from here.
    pub(super) async fn derive_population(&mut self, connection: &str) -> Result<()> {
        self.budget = Some(connection.to_owned());
        if withdrawal::population(&mut self.tx, connection).await? > AT_ONCE {
            return Ok(connections::set_derived_to(&mut self.tx, connection, Some("")).await?);
        }
        connections::set_derived_to(&mut self.tx, connection, None).await?;
        let people = identity::population(&mut self.tx, connection, "", AT_ONCE).await?;
        self.judge_anew(connection, &people).await?;
        self.settle().await
    }

    /// These people by the settings as they are now, and what their claims are found by.
    async fn judge_anew(&mut self, connection: &str, people: &BTreeSet<String>) -> Result<()> {
        self.touch_all(people).await?;
        let connected = self.connected(connection)?;
        self.rekey_claims(&connected, people).await
    }
}

impl Directory {
    /// Goes on where a change of settings stands; how many people that were.
    pub(super) async fn catch_up(&self, tenant: &str, connection: &str) -> Result<usize> {
        let mut count = 0;
        loop {
            let mut tx = self.engine.read(tenant).await?;
            let pending = connections::derived_to(&mut tx).await?;
            drop(tx);
            if !pending.iter().any(|(id, _)| id == connection) {
                return Ok(count);
            }
            // The edit is made: the rest of it follows, whatever it leaves behind.
            count += transact!(self, tenant, Cause::by(format!("settings:{connection}")), work => {
                let pending = connections::derived_to(&mut work.tx).await?;
                let Some((_, after)) = pending.into_iter().find(|(id, _)| id == connection) else { return Ok(0) };
                work.budget = Some(connection.to_owned());
                let people = identity::population(&mut work.tx, connection, &after, BATCH).await?;
                let last = people.last().map(String::as_str);
                connections::set_derived_to(&mut work.tx, connection, last).await?;
                work.judge_anew(connection, &people).await?;
                Ok(people.len())
            })?;
        }
    }

    pub(super) async fn catch_up_all(&self, tenant: &str) -> Result<usize> {
        let mut tx = self.engine.read(tenant).await?;
        let pending = connections::derived_to(&mut tx).await?;
        drop(tx);
        let mut count = 0;
        for (connection, _) in pending {
            count += self.catch_up(tenant, &connection).await?;
        }
        Ok(count)
    }
}

/// Whom a change of settings has not reached yet: what is stored of them is what the old settings gave.
pub(super) struct Waiting(Vec<(String, String)>);

impl Waiting {
    pub async fn load(tx: &mut Tx) -> Result<Self> {
        Ok(Self(connections::derived_to(tx).await?))
    }

    pub fn has(&self, account: &Account) -> bool {
        let person = &account.person;
        self.0.iter().any(|(connection, to)| {
            person.id > *to
                && (person.records.iter().any(|record| record.connection == *connection)
                    || person.links.iter().any(|link| link.connection == *connection))
        })
    }
}
