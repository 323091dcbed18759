//! What an administrator says of one person: grants, denies, suspensions, locks; and the words of an import.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::event::Cause;
use crate::reconcile::{Source, Word, is_unique};
use crate::scim::{self};
use crate::store::people::Account;
use crate::store::{people, resources, vouches};

use super::people::gone;
use super::{Directory, Result, Work, transact};

impl Directory {
    /// `parent` is a group or an organization, by id. The grant stands through any push and login.
    pub async fn grant(&self, tenant: &str, person: &str, parent: &str, until: Option<i64>) -> Result<()> {
        self.grant_role(tenant, person, parent, until, None).await
    }

    /// The same, with what the person is in the organization by this word.
    pub async fn grant_role(
        &self,
        tenant: &str,
        person: &str,
        parent: &str,
        until: Option<i64>,
        role: Option<&str>,
    ) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.pair(person, parent).await?;
                if let Some(role) = role {
                    work.check_role(Some(parent), role).await?;
                }
                work.grant_pair(parent, person, until, role).await
        })
    }

    pub async fn deny(&self, tenant: &str, person: &str, parent: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.pair(person, parent).await?;
                work.deny_pair(parent, person).await
        })
    }

    /// Withdraws the grant or the deny of a pair.
    pub async fn ungrant(&self, tenant: &str, person: &str, parent: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.pair(person, parent).await?;
                let words = [(parent.to_owned(), Source::Grant), (parent.to_owned(), Source::Deny)];
                vouches::remove(&mut work.tx, person, &words).await?;
                Ok(())
        })
    }

    /// A provisional membership from an import: the weakest word.
    pub async fn import_membership(&self, tenant: &str, person: &str, parent: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("import"), work => {
                work.pair(person, parent).await?;
                let row = vouches::Row::person(parent, person, Source::Import, Word::Grant, Some(work.now));
                vouches::put(&mut work.tx, &[row]).await?;
                Ok(())
        })
    }

    /// A provisional value from an import: what is read where nobody else has a word.
    pub async fn import_word(&self, tenant: &str, person: &str, cell: &str, value: Option<Value>) -> Result<()> {
        transact!(self, tenant, Cause::by("import"), work => {
                if is_unique(cell, &work.registry.unique) {
                    let detail = format!("{cell} has exactly one owner and cannot be imported");
                    return Err(scim::Error::invalid_value(detail).into());
                }
                work.living(person).await?;
                people::set_word(&mut work.tx, person, "entered", cell, value.as_ref(), work.now).await?;
                work.touch(person).await
        })
    }

    /// No login and no push brings back whom an administrator suspended.
    pub async fn suspend(&self, tenant: &str, person: &str) -> Result<()> {
        self.set_suspended(tenant, person, true).await
    }

    pub async fn unsuspend(&self, tenant: &str, person: &str) -> Result<()> {
        self.set_suspended(tenant, person, false).await
    }

    async fn set_suspended(&self, tenant: &str, person: &str, suspended: bool) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                let account = work.living(person).await?;
                let now = work.now;
                let off = if suspended {
                    Some(account.person.off.map_or(now, |off| off.max(now)))
                } else {
                    account.person.off
                };
                people::set_lifecycle(&mut work.tx, person, suspended, off, None).await?;
                work.touch(person).await
        })
    }

    /// From now on the cell has this value, whatever any source says; `None`: it has none.
    pub async fn lock(&self, tenant: &str, person: &str, cell: &str, value: Option<Value>) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                if cell == "userName" || work.registry.unique.contains(cell) {
                    let detail = format!("{cell} cannot be locked: a value that must be unique has exactly one owner");
                    return Err(scim::Error::invalid_value(detail).into());
                }
                work.living(person).await?;
                people::set_word(&mut work.tx, person, "lock", cell, value.as_ref(), work.now).await?;
                work.touch(person).await
        })
    }

    pub async fn unlock(&self, tenant: &str, person: &str, cell: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.living(person).await?;
                people::remove_word(&mut work.tx, person, "lock", cell).await?;
                work.touch(person).await
        })
    }
}

impl Work<'_> {
    /// The account, locked, touched and not retired.
    pub(crate) async fn living(&mut self, person: &str) -> Result<Account> {
        let account = self.account(person).await?.filter(|account| !account.person.retired);
        self.touched.insert(person.to_owned());
        account.ok_or_else(gone)
    }

    /// A person and a group or organization, both there, and the latter not about to go.
    async fn pair(&mut self, person: &str, parent: &str) -> Result<()> {
        self.share(&BTreeSet::from([parent.to_owned()])).await?;
        let group = resources::find(&mut self.tx, "Group", parent).await?;
        if group.is_none() && resources::find(&mut self.tx, "Organization", parent).await?.is_none() {
            return Err(scim::Error::not_found("no group or organization with this id").into());
        }
        self.living(person).await.map(drop)
    }
}
