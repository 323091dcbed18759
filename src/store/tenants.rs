//! Tenants: the wall. The only table that is read without a tenant, besides the look-up of a token's hash.

use super::engine::{all, one, row, run};
use super::{Error, Tx};

#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: String,
    pub name: String,
    pub kind: String,
    /// 32 random bytes: HMACs of tombstones, handles and cursors.
    pub key: Vec<u8>,
    pub created: i64,
    /// Moves whenever the tenant's definitions do.
    pub schema_version: i64,
}

row!(Tenant { id, name, kind, key, created, schema_version });

pub async fn insert(tx: &mut Tx, tenant: &Tenant) -> Result<(), Error> {
    run!(
        tx,
        "insert into tenant (id, name, kind, key, created) values ($1, $2, $3, $4, $5)",
        &tenant.id,
        &tenant.name,
        &tenant.kind,
        &tenant.key,
        tenant.created
    )?;
    Ok(())
}

pub async fn list(tx: &mut Tx) -> Result<Vec<Tenant>, Error> {
    all!(tx, Tenant, "select id, name, kind, key, created, schema_version from tenant order by name")
}

/// By name, which is what a path holds.
pub async fn named(tx: &mut Tx, name: &str) -> Result<Option<Tenant>, Error> {
    one!(tx, Tenant, "select id, name, kind, key, created, schema_version from tenant where name = $1", name)
}

/// The tenant this transaction is bound to.
pub async fn current(tx: &mut Tx) -> Result<Option<Tenant>, Error> {
    one!(tx, Tenant, "select id, name, kind, key, created, schema_version from tenant where id = $1", &tx.tenant)
}

/// The definitions of the tenant are others from now on.
pub async fn move_schema_version(tx: &mut Tx) -> Result<(), Error> {
    run!(tx, "update tenant set schema_version = schema_version + 1 where id = $1", &tx.tenant)?;
    Ok(())
}
