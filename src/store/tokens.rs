//! API tokens, kept as hashes.

use super::engine::{all, one, row, run};
use super::{Error, Tx};

#[derive(Clone, Debug)]
pub struct Token {
    pub tenant: String,
    pub id: String,
    pub scope: String,
    /// A JSON array of connection ids.
    pub connections: String,
    /// The id of the user whom it is bound to.
    pub person: Option<String>,
    pub label: Option<String>,
    pub created: i64,
    pub expires: Option<i64>,
    pub revoked: Option<i64>,
}

row!(Token { tenant, id, scope, connections, person, label, created, expires, revoked });

pub async fn insert(tx: &mut Tx, token: &Token, hash: &[u8]) -> Result<(), Error> {
    run!(
        tx,
        "insert into token (tenant, id, hash, scope, connections, person, label, created, expires, revoked)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, null)",
        &tx.tenant,
        &token.id,
        hash,
        &token.scope,
        &token.connections,
        &token.person,
        &token.label,
        token.created,
        token.expires
    )?;
    Ok(())
}

pub async fn list(tx: &mut Tx) -> Result<Vec<Token>, Error> {
    all!(
        tx,
        Token,
        "select tenant, id, scope, connections, person, label, created, expires, revoked from token where tenant = $1 order by id",
        &tx.tenant
    )
}

/// The one look-up that crosses tenants: a hash of 32 random bytes names its tenant.
pub async fn by_hash(tx: &mut Tx, hash: &[u8]) -> Result<Option<Token>, Error> {
    one!(
        tx,
        Token,
        "select tenant, id, scope, connections, person, label, created, expires, revoked from token where hash = $1",
        hash
    )
}

/// `true` if the token existed.
pub async fn revoke(tx: &mut Tx, id: &str, at: i64) -> Result<bool, Error> {
    let touched =
        run!(tx, "update token set revoked = coalesce(revoked, $3) where tenant = $1 and id = $2", &tx.tenant, id, at)?;
    Ok(touched > 0)
}

/// Every token that is bound to this person ends.
pub async fn revoke_of(tx: &mut Tx, person: &str, at: i64) -> Result<(), Error> {
    run!(
        tx,
        "update token set revoked = $3 where tenant = $1 and person = $2 and revoked is null",
        &tx.tenant,
        person,
        at
    )?;
    Ok(())
}
