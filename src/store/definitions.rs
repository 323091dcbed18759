//! What a tenant defines: one row for each of its schemas and resource types, as JSON that `scim::definition` reads.

use super::engine::{all, locked, one, row, run};
use super::{Error, Tx};

#[derive(Clone, Debug)]
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

row!(Row { kind, name, body, next, created, modified });

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

// ------------------------------------------------------------------------------------------------ what is stored

/// How many resources, and one of them.
pub type Some = (i64, Option<String>);

/// Resources of a type.
pub async fn resources_of(tx: &mut Tx, kind: &str) -> Result<Some, Error> {
    let found = one!(
        tx,
        Some,
        "select count(*), min(id) from resource where tenant = $1 and kind = $2 and retired is null",
        &tx.tenant,
        kind
    )?;
    Ok(found.unwrap_or((0, None)))
}

/// Resources with a value at this path of the index, in anybody's view, and people of whom a word or a claim about the cell
/// is kept although it does not hold. `part`: only words that hold this text.
pub async fn holding(tx: &mut Tx, kind: &str, attr: &str, cell: &str, part: &str) -> Result<Some, Error> {
    let found = one!(
        tx,
        Some,
        "select count(distinct x.resource), min(x.resource) from (
           select v.resource from value v where v.tenant = $1 and v.kind = $2 and v.attr = $3
           union all
           select w.resource from word w
           where w.tenant = $1 and $2 = 'User' and w.value is not null and instr(w.value, $5) > 0
             and (w.cell = $4 or substr(w.cell, 1, length($4) + 1) = $4 || '.')
           union all
           select l.resource from claim c
           join link l on l.tenant = c.tenant and l.connection = c.connection and l.subject = c.subject
           where c.tenant = $1 and $2 = 'User' and instr(c.value, $5) > 0
             and (c.field = $4 or substr(c.field, 1, length($4) + 1) = $4 || '.')
         ) x",
        &tx.tenant,
        kind,
        attr,
        cell,
        part
    )?;
    Ok(found.unwrap_or((0, None)))
}

/// Resources of a type without a value at this path.
pub async fn lacking(tx: &mut Tx, kind: &str, attr: &str) -> Result<Some, Error> {
    let found = one!(
        tx,
        Some,
        "select count(*), min(r.id) from resource r where r.tenant = $1 and r.kind = $2 and r.retired is null
           and not exists (select 1 from value v where v.tenant = $1 and v.resource = r.id and v.view = '' and v.attr = $3)",
        &tx.tenant,
        kind,
        attr
    )?;
    Ok(found.unwrap_or((0, None)))
}

/// Resources with a value at one path that have none at another beside it; `each`: in the same element.
pub async fn lacking_beside(tx: &mut Tx, kind: &str, beside: &str, attr: &str, each: bool) -> Result<Some, Error> {
    let found = one!(
        tx,
        Some,
        "select count(distinct x.resource), min(x.resource) from value x
         where x.tenant = $1 and x.kind = $2 and x.attr = $3
           and not exists (select 1 from value v where v.tenant = $1 and v.resource = x.resource and v.view = x.view
                             and v.attr = $4 and (v.slot = x.slot or not $5))",
        &tx.tenant,
        kind,
        beside,
        attr,
        each
    )?;
    Ok(found.unwrap_or((0, None)))
}

/// Values that several resources have, and one of those resources.
pub async fn repeated(tx: &mut Tx, kind: &str, attr: &str) -> Result<Some, Error> {
    let found = one!(
        tx,
        Some,
        "select count(*), min(x.resource) from (
           select min(v.resource) as resource from value v
           where v.tenant = $1 and v.kind = $2 and v.attr = $3 and v.view = '' and v.val <> ''
           group by v.val having count(distinct v.resource) > 1) x",
        &tx.tenant,
        kind,
        attr
    )?;
    Ok(found.unwrap_or((0, None)))
}

/// Takes index rows away that nobody reads any more, of so many resources at most; how many rows went.
pub async fn sweep(tx: &mut Tx, kind: &str, attr: &str, limit: i64) -> Result<u64, Error> {
    run!(
        tx,
        "delete from value where tenant = $1 and kind = $2 and attr = $3 and resource in
           (select resource from value where tenant = $1 and kind = $2 and attr = $3 limit $4)",
        &tx.tenant,
        kind,
        attr,
        limit
    )
}
