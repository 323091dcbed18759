//! Agreements between writers that row locks cannot make: what one of them writes, the other would have to find before it is
//! there. SQLite has one writer and needs none; PostgreSQL takes advisory locks, which end with the transaction.

use super::engine::{one, run};
use super::{Error, Tx};

/// What two transactions about one connection, or one tenant (then the connection is empty), must not do past each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// New people of the connection are judged by its settings: shared by whoever brings somebody, alone whoever edits them.
    Settings,
    /// Claims name groups that may not be there yet: shared by whoever writes claims, alone whoever gives a group its names.
    GroupNames,
    /// A tenant's schemas and types: shared by whoever writes resources, which are judged by them, alone whoever changes them.
    Definitions,
    /// Of an organization: whoever counts its members or asks for its last owner counts what others have committed.
    Members,
}

impl About {
    fn key(self, tenant: &str, connection: &str) -> String {
        let about = match self {
            Self::Settings => "settings",
            Self::GroupNames => "group names",
            Self::Definitions => "definitions",
            Self::Members => "members",
        };
        format!("rollkeeper {about} {tenant} {connection}")
    }
}

/// Until the end of the transaction nobody else is alone with it.
pub async fn share(tx: &mut Tx, connection: &str, about: &[About]) -> Result<(), Error> {
    lock(tx, connection, about, "select pg_advisory_xact_lock_shared(hashtextextended($1, 0))").await
}

/// Waits until nobody shares it, and keeps everybody else waiting until the end of the transaction.
pub async fn alone(tx: &mut Tx, connection: &str, about: About) -> Result<(), Error> {
    lock(tx, connection, &[about], "select pg_advisory_xact_lock(hashtextextended($1, 0))").await
}

/// The same without waiting: whether it could be had.
pub async fn alone_at_once(tx: &mut Tx, connection: &str, about: About) -> Result<bool, Error> {
    if !tx.is_postgres() {
        return Ok(true);
    }
    let statement = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))";
    let had: Option<(bool,)> = one!(tx, (bool,), statement, about.key(&tx.tenant, connection))?;
    Ok(had.is_some_and(|(had,)| had))
}

async fn lock(tx: &mut Tx, connection: &str, about: &[About], statement: &'static str) -> Result<(), Error> {
    if !tx.is_postgres() {
        return Ok(());
    }
    for about in about {
        run!(tx, statement, about.key(&tx.tenant, connection))?;
    }
    Ok(())
}
