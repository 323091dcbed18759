//! Resources and the records that connections keep of them.

use std::collections::BTreeSet;

use super::engine::{all, locked, one, row, run};
use super::vouches::rows;
use super::{Error, Tx};

/// A resource as stored.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub kind: String,
    pub version: i64,
    pub created: i64,
    pub modified: i64,
    pub display: Option<String>,
    pub document: String,
    pub active: bool,
    pub home: Option<String>,
    pub suspended: bool,
    pub off: Option<i64>,
    pub retired: Option<i64>,
    pub owner: Option<String>,
    pub organization: Option<String>,
    pub protected: bool,
}

row!(Row {
    id,
    kind,
    version,
    created,
    modified,
    display,
    document,
    active,
    home,
    suspended,
    off,
    retired,
    owner,
    organization,
    protected
});

impl Row {
    /// A living resource of which nobody has said anything yet.
    pub fn new(id: String, kind: &str, now: i64) -> Self {
        Self {
            id,
            kind: kind.to_owned(),
            version: 1,
            created: now,
            modified: now,
            display: None,
            document: "{}".to_owned(),
            active: true,
            home: None,
            suspended: false,
            off: None,
            retired: None,
            owner: None,
            organization: None,
            protected: false,
        }
    }
}

/// What one connection says of a resource.
#[derive(Clone, Debug)]
pub struct Record {
    pub connection: String,
    pub resource: String,
    pub kind: String,
    pub external_id: Option<String>,
    pub name_key: Option<String>,
    pub active: bool,
    pub document: Option<String>,
    pub cleared: String,
    pub bound_at: i64,
    pub off: Option<i64>,
    /// When its push deleted it, while a hold keeps the account.
    pub deleted: Option<i64>,
}

row!(Record { connection, resource, kind, external_id, name_key, active, document, cleared, bound_at, off, deleted });

macro_rules! shared {
    ($wait:literal) => {
        concat!(
            "select id from resource where tenant = $1 and id in (select j.value ->> 0 from json_each($2) j)
             order by id for share",
            $wait
        )
    };
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "select id, kind, version, created, modified, display, document, active, home, suspended, off, retired,
                    owner, organization, protected from resource ",
            $rest
        )
    };
}

macro_rules! record_columns {
    ($rest:literal) => {
        concat!(
            "select connection, resource, kind, external_id, name_key, active, document, cleared, bound_at, off, deleted from record ",
            $rest
        )
    };
}

pub async fn insert(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    run!(
        tx,
        "insert into resource (tenant, id, kind, version, created, modified, display, document, active, home, suspended,
                               off, dead, retired, owner, organization, protected)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, null, false, null, null, null, $10, $11, false)",
        &tx.tenant,
        &row.id,
        &row.kind,
        row.version,
        row.created,
        row.modified,
        &row.display,
        &row.document,
        row.active,
        &row.owner,
        &row.organization
    )?;
    Ok(())
}

/// A resource that is not retired.
pub async fn find(tx: &mut Tx, kind: &str, id: &str) -> Result<Option<Row>, Error> {
    one!(tx, Row, columns!("where tenant = $1 and kind = $2 and id = $3 and retired is null"), &tx.tenant, kind, id)
}

/// The same, retired or not, locked against other writers until the end of the transaction. An earlier read may only
/// find ids: what is changed is read here.
pub async fn find_for_update(tx: &mut Tx, kind: &str, id: &str) -> Result<Option<Row>, Error> {
    let found: Vec<(String,)> = locked!(
        tx,
        (String,),
        "select id from resource where tenant = $1 and kind = $2 and id = $3",
        &tx.tenant,
        kind,
        id
    )?;
    if found.is_empty() {
        return Ok(None);
    }
    one!(tx, Row, columns!("where tenant = $1 and kind = $2 and id = $3"), &tx.tenant, kind, id)
}

/// Keeps these groups from being written by others until the end of the transaction, in the order of their ids.
pub async fn share(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<(), Error> {
    if tx.is_postgres() {
        let _: Vec<(String,)> = all!(tx, (String,), shared!(""), &tx.tenant, rows(ids))?;
    }
    Ok(())
}

/// The same without waiting: [`Error::Taken`] if another transaction is writing one of them.
pub async fn share_at_once(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<(), Error> {
    if tx.is_postgres() {
        let _: Vec<(String,)> = all!(tx, (String,), shared!(" nowait"), &tx.tenant, rows(ids))?;
    }
    Ok(())
}

/// Those of these ids that exist and are not retired.
pub async fn existing(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<Vec<Row>, Error> {
    all!(
        tx,
        Row,
        columns!(
            "where tenant = $1 and retired is null and id in (select j.value ->> 0 from json_each($2) j) order by id"
        ),
        &tx.tenant,
        rows(ids)
    )
}

/// Writes the stated columns of a Group or an Organization.
pub async fn update(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    run!(
        tx,
        "update resource set version = $3, modified = $4, display = $5, document = $6, owner = $7, organization = $8,
                retired = $9 where tenant = $1 and id = $2",
        &tx.tenant,
        &row.id,
        row.version,
        row.modified,
        &row.display,
        &row.document,
        &row.owner,
        &row.organization,
        row.retired
    )?;
    Ok(())
}

/// The version moves without anything else, as when a group's members change.
pub async fn touch(tx: &mut Tx, id: &str, modified: i64) -> Result<(), Error> {
    run!(
        tx,
        "update resource set version = version + 1, modified = $3 where tenant = $1 and id = $2",
        &tx.tenant,
        id,
        modified
    )?;
    Ok(())
}

/// The organization with this slug key.
pub async fn organization_by_slug(tx: &mut Tx, key: &str) -> Result<Option<String>, Error> {
    let found = one!(
        tx,
        (String,),
        "select resource from value where tenant = $1 and kind = 'Organization' and attr = 'slug' and val = $2 and view = ''",
        &tx.tenant,
        key
    )?;
    Ok(found.map(|(id,)| id))
}

/// Teams of an organization that are not retired.
pub async fn teams(tx: &mut Tx, organization: &str) -> Result<Vec<Row>, Error> {
    all!(
        tx,
        Row,
        columns!("where tenant = $1 and organization = $2 and retired is null order by id"),
        &tx.tenant,
        organization
    )
}

// ------------------------------------------------------------------------------------------------ records

pub async fn records(tx: &mut Tx, resource: &str) -> Result<Vec<Record>, Error> {
    all!(tx, Record, record_columns!("where tenant = $1 and resource = $2 order by connection"), &tx.tenant, resource)
}

pub async fn record(tx: &mut Tx, connection: &str, resource: &str) -> Result<Option<Record>, Error> {
    one!(
        tx,
        Record,
        record_columns!("where tenant = $1 and connection = $2 and resource = $3"),
        &tx.tenant,
        connection,
        resource
    )
}

/// The records of one connection about these resources, without those that it deleted.
pub async fn records_of(tx: &mut Tx, connection: &str, ids: &BTreeSet<String>) -> Result<Vec<Record>, Error> {
    all!(
        tx,
        Record,
        record_columns!(
            "where tenant = $1 and connection = $2 and deleted is null and resource in (select j.value ->> 0 from json_each($3) j)"
        ),
        &tx.tenant,
        connection,
        rows(ids)
    )
}

/// The record that speaks for each of these resources: of a person's home, of a group's owner.
pub async fn home_records(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<Vec<Record>, Error> {
    all!(
        tx,
        Record,
        "select x.connection, x.resource, x.kind, x.external_id, x.name_key, x.active, x.document, x.cleared, x.bound_at, x.off, x.deleted
         from resource r join record x on x.tenant = r.tenant and x.resource = r.id and x.connection = coalesce(r.home, r.owner)
         where r.tenant = $1 and r.id in (select j.value ->> 0 from json_each($2) j)",
        &tx.tenant,
        rows(ids)
    )
}

pub async fn record_by_external_id(
    tx: &mut Tx,
    connection: &str,
    kind: &str,
    external_id: &str,
) -> Result<Option<Record>, Error> {
    one!(
        tx,
        Record,
        record_columns!("where tenant = $1 and connection = $2 and kind = $3 and external_id = $4"),
        &tx.tenant,
        connection,
        kind,
        external_id
    )
}

pub async fn record_by_name(tx: &mut Tx, connection: &str, kind: &str, key: &str) -> Result<Option<Record>, Error> {
    one!(
        tx,
        Record,
        record_columns!(
            "where tenant = $1 and connection = $2 and kind = $3 and name_key = $4 order by resource limit 1"
        ),
        &tx.tenant,
        connection,
        kind,
        key
    )
}

/// The groups that these raw claim values mean on a connection: by `externalId`, or by folded name: (value, group).
pub async fn groups_by_claim(
    tx: &mut Tx,
    connection: &str,
    by_id: &BTreeSet<String>,
    by_name: &BTreeSet<String>,
) -> Result<Vec<(bool, String, String)>, Error> {
    all!(
        tx,
        (bool, String, String),
        "select true, r.external_id, r.resource from record r join resource g on g.tenant = r.tenant and g.id = r.resource
         where r.tenant = $1 and r.connection = $2 and r.kind = 'Group' and g.retired is null
           and r.external_id in (select j.value ->> 0 from json_each($3) j)
         union all
         select false, r.name_key, r.resource from record r join resource g on g.tenant = r.tenant and g.id = r.resource
         where r.tenant = $1 and r.connection = $2 and r.kind = 'Group' and g.retired is null
           and r.name_key in (select j.value ->> 0 from json_each($4) j)",
        &tx.tenant,
        connection,
        rows(by_id),
        rows(by_name)
    )
}

/// Writes the record, deleted or not before: it is there again.
pub async fn put_record(tx: &mut Tx, record: &Record) -> Result<(), Error> {
    run!(
        tx,
        "insert into record (tenant, connection, resource, kind, external_id, name_key, active, document, cleared, bound_at, off)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (tenant, resource, connection) do update set external_id = excluded.external_id,
           name_key = excluded.name_key, active = excluded.active, document = excluded.document,
           cleared = excluded.cleared, off = excluded.off, deleted = null",
        &tx.tenant,
        &record.connection,
        &record.resource,
        &record.kind,
        &record.external_id,
        &record.name_key,
        record.active,
        &record.document,
        &record.cleared,
        record.bound_at,
        record.off
    )?;
    Ok(())
}

/// The record's own document, or `None` when it equals the effective one.
pub async fn set_record_document(
    tx: &mut Tx,
    connection: &str,
    resource: &str,
    document: Option<&str>,
) -> Result<(), Error> {
    run!(
        tx,
        "update record set document = $4 where tenant = $1 and connection = $2 and resource = $3",
        &tx.tenant,
        connection,
        resource,
        document
    )?;
    Ok(())
}

/// Since when a record that is inactive is known to be.
pub async fn set_record_off(tx: &mut Tx, connection: &str, resource: &str, off: Option<i64>) -> Result<(), Error> {
    run!(
        tx,
        "update record set off = $4 where tenant = $1 and connection = $2 and resource = $3",
        &tx.tenant,
        connection,
        resource,
        off
    )?;
    Ok(())
}

/// Its push deleted it at `at`, and a hold keeps the account: inactive from now on, and nothing for the push.
pub async fn set_record_deleted(tx: &mut Tx, connection: &str, resource: &str, at: i64) -> Result<(), Error> {
    run!(
        tx,
        "update record set active = false, off = $4, deleted = $4 where tenant = $1 and connection = $2 and resource = $3",
        &tx.tenant,
        connection,
        resource,
        at
    )?;
    Ok(())
}

pub async fn remove_record(tx: &mut Tx, connection: &str, resource: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from record where tenant = $1 and connection = $2 and resource = $3",
        &tx.tenant,
        connection,
        resource
    )?;
    Ok(())
}

pub async fn remove_records(tx: &mut Tx, resource: &str) -> Result<(), Error> {
    run!(tx, "delete from record where tenant = $1 and resource = $2", &tx.tenant, resource)?;
    Ok(())
}
