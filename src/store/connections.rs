//! Connections and the domains verified for them.

use super::engine::{all, one, row, run};
use super::{Error, Tx};

#[derive(Clone, Debug)]
pub struct Connection {
    pub id: String,
    pub name: String,
    /// Creation order within the tenant.
    pub seq: i64,
    /// `on`, `paused`, `disconnected`, `withdrawing` or `withdrawn`.
    pub state: String,
    /// The settings as JSON (`jit::rules`).
    pub rules: String,
    /// Whether it ever pushed or signed anybody in.
    pub used: bool,
    pub created: i64,
    /// The connection that it is the successor of.
    pub succeeds: Option<String>,
}

row!(Connection { id, name, seq, state, rules, used, created, succeeds });

pub async fn list(tx: &mut Tx) -> Result<Vec<Connection>, Error> {
    all!(
        tx,
        Connection,
        "select id, name, seq, state, rules, used, created, succeeds from connection where tenant = $1 order by seq",
        &tx.tenant
    )
}

/// Locks nothing: the unique name refuses the second of two that race.
pub async fn insert(tx: &mut Tx, connection: &Connection) -> Result<(), Error> {
    run!(
        tx,
        "insert into connection (tenant, id, name, seq, state, rules, used, created, modified)
         values ($1, $2, $3, (select coalesce(max(seq), 0) + 1 from connection where tenant = $1), $4, $5, false, $6, $6)",
        &tx.tenant,
        &connection.id,
        &connection.name,
        &connection.state,
        &connection.rules,
        connection.created
    )?;
    Ok(())
}

pub async fn update(tx: &mut Tx, id: &str, state: &str, rules: &str, at: i64) -> Result<(), Error> {
    run!(
        tx,
        "update connection set state = $3, rules = $4, modified = $5 where tenant = $1 and id = $2",
        &tx.tenant,
        id,
        state,
        rules,
        at
    )?;
    Ok(())
}

/// From now on the connection counts as used: unclaimed people are no longer seen by others without a domain.
pub async fn mark_used(tx: &mut Tx, id: &str) -> Result<(), Error> {
    run!(tx, "update connection set used = true where tenant = $1 and id = $2 and not used", &tx.tenant, id)?;
    Ok(())
}

pub async fn set_succeeds(tx: &mut Tx, id: &str, predecessor: Option<&str>) -> Result<(), Error> {
    run!(tx, "update connection set succeeds = $3 where tenant = $1 and id = $2", &tx.tenant, id, predecessor)?;
    Ok(())
}

/// As if it had never pushed or signed anybody in.
pub async fn mark_unused(tx: &mut Tx, id: &str) -> Result<(), Error> {
    run!(tx, "update connection set used = false where tenant = $1 and id = $2", &tx.tenant, id)?;
    Ok(())
}

/// People of the connection behind this id are still judged by its former settings; `None`: nobody is.
pub async fn set_derived_to(tx: &mut Tx, id: &str, to: Option<&str>) -> Result<(), Error> {
    run!(tx, "update connection set derived_to = $3 where tenant = $1 and id = $2", &tx.tenant, id, to)?;
    Ok(())
}

/// (connection, how far) of every change of settings that is under way.
pub async fn derived_to(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    all!(
        tx,
        (String, String),
        "select id, derived_to from connection where tenant = $1 and derived_to is not null order by id",
        &tx.tenant
    )
}

/// Every verified domain of the tenant: (domain, connection).
pub async fn domains(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    all!(tx, (String, String), "select domain, connection from domain where tenant = $1 order by domain", &tx.tenant)
}

pub async fn domain_owner(tx: &mut Tx, domain: &str) -> Result<Option<String>, Error> {
    let found =
        one!(tx, (String,), "select connection from domain where tenant = $1 and domain = $2", &tx.tenant, domain)?;
    Ok(found.map(|(connection,)| connection))
}

pub async fn add_domain(tx: &mut Tx, domain: &str, connection: &str, method: &str, at: i64) -> Result<(), Error> {
    run!(
        tx,
        "insert into domain (tenant, domain, connection, method, verified) values ($1, $2, $3, $4, $5)",
        &tx.tenant,
        domain,
        connection,
        method,
        at
    )?;
    Ok(())
}

/// `true` if it was there.
pub async fn remove_domain(tx: &mut Tx, domain: &str, connection: &str) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "delete from domain where tenant = $1 and domain = $2 and connection = $3",
        &tx.tenant,
        domain,
        connection
    )?;
    Ok(touched > 0)
}
