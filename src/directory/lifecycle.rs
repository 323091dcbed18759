//! What an administrator decides about the life of an account: protection.

use crate::event::{Cause, Kind};
use crate::store::people;

use super::{Directory, Result, transact};

impl Directory {
    /// A protected account is neither joined, adopted nor claimed without an administrator, and its use raises an event.
    pub async fn protect(&self, tenant: &str, person: &str, protected: bool) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let account = work.living(person).await?;
            if account.protected != protected {
                people::set_protected(&mut work.tx, person, protected).await?;
                let kind = if protected { Kind::UserProtected } else { Kind::UserUnprotected };
                let event = work.event(kind).of(person);
                work.publish(event);
            }
            Ok(())
        })
    }
}
