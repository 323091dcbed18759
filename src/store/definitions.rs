//! What a tenant defines: one row for each of its schemas and resource types, as JSON that `scim::definition` reads.

use super::engine::{all, locked, one, run};
use super::{Error, Tx};

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    /// `schema` or `type`.
    pub kind: String,
    /// The URN, or the name of the type.
    pub name: String,
    pub body: String,
    /// A change that is under way.
    pub next: Option<String>,
    pub created: i64,
    pub modified: i64,
}

/// All of the tenant's, in the order in which they were made.
pub async fn list(tx: &mut Tx) -> Result<Vec<Row>, Error> {
    all!(
        tx,
        Row,
        "select kind, name, body, next, created, modified from definition where tenant = $1 order by created, kind, name",
        &tx.tenant
    )
}

/// One, locked against whoever carries the same change on.
pub async fn find_for_update(tx: &mut Tx, kind: &str, name: &str) -> Result<Option<Row>, Error> {
    let _: Vec<(String,)> = locked!(
        tx,
        (String,),
        "select name from definition where tenant = $1 and kind = $2 and name = $3",
        &tx.tenant,
        kind,
        name
    )?;
    one!(
        tx,
        Row,
        "select kind, name, body, next, created, modified from definition where tenant = $1 and kind = $2 and name = $3",
        &tx.tenant,
        kind,
        name
    )
}

pub async fn put(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    run!(
        tx,
        "insert into definition (tenant, kind, name, body, next, created, modified) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant, kind, name) do update set body = excluded.body, next = excluded.next,
           modified = excluded.modified",
        &tx.tenant,
        &row.kind,
        &row.name,
        &row.body,
        &row.next,
        row.created,
        row.modified
    )?;
    Ok(())
}

pub async fn remove(tx: &mut Tx, kind: &str, name: &str) -> Result<(), Error> {
    run!(tx, "delete from definition where tenant = $1 and kind = $2 and name = $3", &tx.tenant, kind, name)?;
    Ok(())
}
