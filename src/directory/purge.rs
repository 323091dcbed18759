//! When nothing is left of somebody: the end of the retention, or an administrator's word.
//!
//! A retired account, group or organization is kept so that the same push can have it back. When its time is over every row
//! about it goes; what stays are events and rows of others that name its id, and tombstones, which are HMACs. The feed, the
//! traces and the queue never held a value of it.

use serde::Serialize;

use crate::event::{Cause, Kind};
use crate::store::purge;

use super::people::gone;
use super::{Directory, Result, Work, transact};

/// How many are erased in one transaction.
const BATCH: i64 = 100;

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Purged {
    pub people: u64,
    pub groups: u64,
    pub organizations: u64,
    /// Tombstones, traces, settled conflicts and invitations that were kept for a time only.
    pub expired: u64,
}

impl Directory {
    /// Erases what was retired longer ago than the retention, of one tenant (its id) or of all. Does nothing where nothing
    /// is due, and may run on several servers at once.
    pub async fn purge(&self, tenant: Option<&str>) -> Result<Purged> {
        let tenants = match tenant {
            Some(id) => vec![id.to_owned()],
            None => self.tenants().await?.into_iter().map(|tenant| tenant.id).collect(),
        };
        let mut all = Purged::default();
        for tenant in tenants {
            while self.purge_some(&tenant, &mut all).await? {}
        }
        if all != Purged::default() {
            self.engine.checkpoint().await?;
        }
        Ok(all)
    }

    /// One batch; whether there may be more.
    async fn purge_some(&self, tenant: &str, all: &mut Purged) -> Result<bool> {
        let some = transact!(self, tenant, Cause::by("time:retention"), work => {
            let mut some = Purged::default();
            let before = work.now - self.retention;
            let retired = purge::retired(&mut work.tx, before, BATCH).await?;
            for (id, kind) in &retired {
                match work.erase(id, kind).await? {
                    Kind::UserPurged => some.people += 1,
                    Kind::GroupPurged => some.groups += 1,
                    _ => some.organizations += 1,
                }
            }
            some.expired = purge::expired(&mut work.tx, work.now, before).await?;
            Ok(some)
        })?;
        all.people += some.people;
        all.groups += some.groups;
        all.organizations += some.organizations;
        all.expired += some.expired;
        Ok(some.people + some.groups + some.organizations == BATCH.unsigned_abs())
    }

    /// An administrator erases a person at once, there or retired. No login and no push brings the account back; a push may
    /// create the person anew.
    pub async fn erase_person(&self, tenant: &str, id: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let account = work.account(id).await?.ok_or_else(gone)?;
            if !account.person.retired {
                work.retire(&account).await?;
            }
            if self.retention > 0 || account.person.retired {
                work.erase(id, "User").await?;
            }
            Ok(())
        })?;
        Ok(self.engine.checkpoint().await?)
    }
}

impl Work<'_> {
    /// Every row about it goes; what the feed says of that.
    pub(crate) async fn erase(&mut self, id: &str, kind: &str) -> Result<Kind> {
        purge::erase(&mut self.tx, id).await?;
        let kind = match kind {
            "User" => Kind::UserPurged,
            "Group" => Kind::GroupPurged,
            "Organization" => Kind::OrganizationPurged,
            _ => Kind::ResourcePurged,
        };
        let event = self.event(kind).of(id);
        self.publish(event);
        Ok(kind)
    }
}
