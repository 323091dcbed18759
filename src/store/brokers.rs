//! Brokers of a connection, and the envelopes of theirs that were used.

use super::engine::{all, one, row, run};
use super::{Error, Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    pub id: String,
    pub connection: String,
    /// Unique in its connection: the `iss` of its envelopes.
    pub name: String,
    /// Public keys, algorithms and ceiling as JSON (`jit::broker`).
    pub settings: String,
    pub created: i64,
    pub modified: i64,
}

row!(Broker { id, connection, name, settings, created, modified });

pub async fn list(tx: &mut Tx, connection: &str) -> Result<Vec<Broker>, Error> {
    all!(
        tx,
        Broker,
        "select id, connection, name, settings, created, modified from broker
         where tenant = $1 and connection = $2 order by name",
        &tx.tenant,
        connection
    )
}

/// By name or id.
pub async fn find(tx: &mut Tx, connection: &str, name: &str) -> Result<Option<Broker>, Error> {
    one!(
        tx,
        Broker,
        "select id, connection, name, settings, created, modified from broker
         where tenant = $1 and connection = $2 and (name = $3 or id = $3)",
        &tx.tenant,
        connection,
        name
    )
}

pub async fn insert(tx: &mut Tx, broker: &Broker) -> Result<(), Error> {
    run!(
        tx,
        "insert into broker (tenant, connection, id, name, settings, created, modified)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &tx.tenant,
        &broker.connection,
        &broker.id,
        &broker.name,
        &broker.settings,
        broker.created,
        broker.modified
    )?;
    Ok(())
}

pub async fn update(tx: &mut Tx, id: &str, settings: &str, at: i64) -> Result<(), Error> {
    run!(
        tx,
        "update broker set settings = $3, modified = $4 where tenant = $1 and id = $2",
        &tx.tenant,
        id,
        settings,
        at
    )?;
    Ok(())
}

/// With what is remembered of its envelopes.
pub async fn remove(tx: &mut Tx, id: &str) -> Result<(), Error> {
    run!(tx, "delete from envelope where tenant = $1 and broker = $2", &tx.tenant, id)?;
    run!(tx, "delete from broker where tenant = $1 and id = $2", &tx.tenant, id)?;
    Ok(())
}

/// `false` if the envelope was used before. The primary key decides, on however many nodes: a second transaction waits for
/// the first to end.
pub async fn spend(tx: &mut Tx, broker: &str, mark: &str, expires: i64) -> Result<bool, Error> {
    let new = run!(
        tx,
        "insert into envelope (tenant, broker, mark, expires) values ($1, $2, $3, $4) on conflict do nothing",
        &tx.tenant,
        broker,
        mark,
        expires
    )?;
    Ok(new > 0)
}

/// Forgets some of the envelopes that could not be used any more, whatever was remembered of them. Several sign-ins at once
/// forget in the same order, so that they never wait for each other in a circle.
pub async fn forget(tx: &mut Tx, now: i64) -> Result<(), Error> {
    run!(
        tx,
        "delete from envelope where tenant = $1 and (broker, mark) in
           (select broker, mark from envelope where tenant = $1 and expires < $2 order by expires, broker, mark limit 100)",
        &tx.tenant,
        now
    )?;
    Ok(())
}
