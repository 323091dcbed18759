//! What happens because time has passed, without a request: the server calls this every minute, a test whenever it likes.
//!
//! Each line of [`Directory::tick_tenant`] is one use case in small transactions. It does nothing where nothing is due, it
//! may run on several servers at once, and what it changes is in the feed with its cause (`time:until`, `time:lease`, …).

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::{Cause, Kind};
use crate::store::{due, invitations};

use super::{Configuration, Directory, Result, transact};

/// How many people one transaction looks at.
const BATCH: i64 = 100;

/// How many things were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticked {
    /// People of whom a grant ended.
    pub grants: usize,
    /// People of whom a claim's lease ended.
    pub leases: usize,
    /// Invitations that nobody accepted in time.
    pub invitations: usize,
    /// People whose hold was released.
    pub holds: usize,
    /// People whom a change of settings or a withdrawal had not reached yet.
    pub caught_up: usize,
}

impl Directory {
    /// Everything that is due, of every tenant.
    pub async fn tick(&self) -> Result<Ticked> {
        let mut all = Ticked::default();
        for tenant in self.tenants().await? {
            self.tick_tenant(&tenant.id, &mut all).await?;
        }
        Ok(all)
    }

    async fn tick_tenant(&self, tenant: &str, all: &mut Ticked) -> Result<()> {
        all.grants += self.end_grants(tenant).await?;
        all.leases += self.end_leases(tenant).await?;
        all.invitations += self.end_invitations(tenant).await?;
        all.holds += self.release_holds(tenant).await?;
        all.caught_up += self.catch_up_all(tenant).await? + self.go_on_withdrawing(tenant).await?;
        Ok(())
    }

    async fn end_grants(&self, tenant: &str) -> Result<usize> {
        let now = self.clock.now();
        let mut after = String::new();
        let mut count = 0;
        loop {
            let last = after.as_str();
            let mut tx = self.engine.read(tenant).await?;
            let people = due::ended_grants(&mut tx, now, last, BATCH).await?;
            drop(tx);
            let Some(last) = people.last().cloned() else { return Ok(count) };
            count += people.len();
            self.derive_again(tenant, "time:until", None, &people).await?;
            after = last;
        }
    }

    /// A connection that is paused lets nothing age.
    async fn end_leases(&self, tenant: &str) -> Result<usize> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        drop(tx);
        let mut count = 0;
        for connected in configuration.connections.iter().filter(|connected| connected.state == "on") {
            let Some(lease) = connected.rules.groups.lease else { continue };
            let until = self.clock.now().saturating_sub(lease.ms());
            let mut after = String::new();
            loop {
                let mut tx = self.engine.read(tenant).await?;
                let table = &connected.rules.roles.groups;
                let people = due::ended_leases(&mut tx, &connected.id, table, until, &after, BATCH).await?;
                drop(tx);
                let Some(last) = people.last().cloned() else { break };
                count += people.len();
                self.derive_again(tenant, "time:lease", Some(&connected.id), &people).await?;
                after = last;
            }
        }
        Ok(count)
    }

    /// `budget`: the connection whose words these were.
    async fn derive_again(&self, tenant: &str, cause: &str, budget: Option<&str>, people: &[String]) -> Result<()> {
        let people: BTreeSet<String> = people.iter().cloned().collect();
        transact!(self, tenant, Cause::by(cause), work => {
            work.budget = budget.map(str::to_owned);
            work.touch_all(&people).await
        })
    }

    async fn end_invitations(&self, tenant: &str) -> Result<usize> {
        let mut count = 0;
        loop {
            let ended = transact!(self, tenant, Cause::by("time:expires"), work => {
                let ended = invitations::expire(&mut work.tx, work.now, BATCH).await?;
                for id in &ended {
                    let event = work.event(Kind::InvitationExpired).of(id);
                    work.publish(event);
                }
                Ok(ended.len())
            })?;
            count += ended;
            if ended == 0 {
                return Ok(count);
            }
        }
    }
}
