//! Holds: what a connection's words ended beyond its budget and what stands for now; and how much it has ended lately.

use std::collections::BTreeSet;

use serde_json::json;

use super::engine::{all, one, row, run};
use super::vouches::rows;
use super::{Error, Tx};
use crate::reconcile::Stamp;

/// The parent under which a deactivation is held.
pub const ACTIVE: &str = "";

#[derive(Clone, Debug)]
pub struct Hold {
    pub id: String,
    pub connection: String,
    /// `open`, `applied`, `released` or `restored`.
    pub state: String,
    pub at: Stamp,
    /// When it is released by itself.
    pub release_at: Stamp,
}

row!(Hold { id, connection, state, at, release_at });

macro_rules! columns {
    ($rest:literal) => {
        concat!("select id, connection, state, at, release_at from hold ", $rest)
    };
}

pub async fn list(tx: &mut Tx) -> Result<Vec<Hold>, Error> {
    all!(tx, Hold, columns!("where tenant = $1 order by at desc, id limit 1000"), &tx.tenant)
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Hold>, Error> {
    one!(tx, Hold, columns!("where tenant = $1 and id = $2"), &tx.tenant, id)
}

/// A connection has at most one: what it ends beyond its budget joins it.
pub async fn open_of(tx: &mut Tx, connection: &str) -> Result<Option<Hold>, Error> {
    one!(tx, Hold, columns!("where tenant = $1 and connection = $2 and state = 'open'"), &tx.tenant, connection)
}

/// Two that race for the one open hold: the unique index refuses the second.
pub async fn insert(tx: &mut Tx, hold: &Hold) -> Result<(), Error> {
    run!(
        tx,
        "insert into hold (tenant, id, connection, state, at, release_at) values ($1, $2, $3, $4, $5, $6)",
        &tx.tenant,
        &hold.id,
        &hold.connection,
        &hold.state,
        hold.at,
        hold.release_at
    )?;
    Ok(())
}

/// `true` if it was open.
pub async fn close(tx: &mut Tx, id: &str, state: &str) -> Result<bool, Error> {
    let touched =
        run!(tx, "update hold set state = $3 where tenant = $1 and id = $2 and state = 'open'", &tx.tenant, id, state)?;
    Ok(touched > 0)
}

/// Open holds whose time is over.
pub async fn due(tx: &mut Tx, now: Stamp) -> Result<Vec<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select id from hold where tenant = $1 and state = 'open' and release_at <= $2 order by id",
        &tx.tenant,
        now
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Holds that were closed while something of them still stands: a crash in between.
pub async fn unfinished(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct d.hold from held d join hold h on h.tenant = d.tenant and h.id = d.hold
         where d.tenant = $1 and h.state <> 'open' order by d.hold",
        &tx.tenant
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// (person, parent) pairs come under the hold; one that is held already stays where it is.
pub async fn put(tx: &mut Tx, hold: &str, at: Stamp, pairs: &[(String, String)]) -> Result<(), Error> {
    for chunk in pairs.chunks(5000) {
        let list = serde_json::Value::from_iter(chunk.iter().map(|(person, parent)| json!([person, parent])));
        run!(
            tx,
            "insert into held (tenant, hold, resource, parent, stamp)
             select $1, $2, j.value ->> 0, j.value ->> 1, $3 from json_each($4) j where true
             on conflict (tenant, resource, parent) do nothing",
            &tx.tenant,
            hold,
            at,
            list.to_string()
        )?;
    }
    Ok(())
}

pub async fn remove(tx: &mut Tx, pairs: &[(String, String)]) -> Result<(), Error> {
    let list = serde_json::Value::from_iter(pairs.iter().map(|(person, parent)| json!([person, parent])));
    run!(
        tx,
        "delete from held where tenant = $1 and (resource, parent) in
           (select j.value ->> 0, j.value ->> 1 from json_each($2) j)",
        &tx.tenant,
        list.to_string()
    )?;
    Ok(())
}

/// What is held of these people by one hold, or by any, goes.
pub async fn remove_of(tx: &mut Tx, hold: Option<&str>, people: &BTreeSet<String>) -> Result<(), Error> {
    run!(
        tx,
        "delete from held where tenant = $1 and ($2 is null or hold = $2)
           and resource in (select j.value ->> 0 from json_each($3) j)",
        &tx.tenant,
        hold,
        rows(people)
    )?;
    Ok(())
}

/// What is held in a group or an organization goes; the holds that it was in.
pub async fn remove_parent(tx: &mut Tx, parent: &str) -> Result<BTreeSet<String>, Error> {
    let found =
        all!(tx, (String,), "select distinct hold from held where tenant = $1 and parent = $2", &tx.tenant, parent)?;
    run!(tx, "delete from held where tenant = $1 and parent = $2", &tx.tenant, parent)?;
    Ok(found.into_iter().map(|(hold,)| hold).collect())
}

/// People of whom something is held by it, behind `after`.
pub async fn people(tx: &mut Tx, hold: &str, after: &str, limit: i64) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct resource from held where tenant = $1 and hold = $2 and resource > $3 order by resource limit $4",
        &tx.tenant,
        hold,
        after,
        limit
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// (person, parent, since) of what is held by it, behind a pair.
pub async fn page(
    tx: &mut Tx,
    hold: &str,
    after: &(String, String),
    limit: i64,
) -> Result<Vec<(String, String, Stamp)>, Error> {
    all!(
        tx,
        (String, String, i64),
        "select resource, parent, stamp from held where tenant = $1 and hold = $2 and (resource, parent) > ($3, $4)
         order by resource, parent limit $5",
        &tx.tenant,
        hold,
        &after.0,
        &after.1,
        limit
    )
}

/// (memberships, deactivations) held by it.
pub async fn count(tx: &mut Tx, hold: &str) -> Result<(i64, i64), Error> {
    let found = one!(
        tx,
        (i64, i64),
        "select count(case when parent <> '' then 1 end), count(case when parent = '' then 1 end)
         from held where tenant = $1 and hold = $2",
        &tx.tenant,
        hold
    )?;
    Ok(found.unwrap_or_default())
}

/// (memberships, deactivations) that the connection has ended since.
pub async fn ended_since(tx: &mut Tx, connection: &str, since: Stamp) -> Result<(i64, i64), Error> {
    let found = one!(
        tx,
        (i64, i64),
        "select cast(coalesce(sum(memberships), 0) as bigint), cast(coalesce(sum(deactivations), 0) as bigint)
         from loss where tenant = $1 and connection = $2 and at > $3",
        &tx.tenant,
        connection,
        since
    )?;
    Ok(found.unwrap_or_default())
}

/// Adds to what it has ended in this minute; what is older than `since` is forgotten.
pub async fn add_ended(
    tx: &mut Tx,
    connection: &str,
    at: Stamp,
    (memberships, deactivations): (i64, i64),
    since: Stamp,
) -> Result<(), Error> {
    run!(
        tx,
        "insert into loss (tenant, connection, at, memberships, deactivations) values ($1, $2, $3, $4, $5)
         on conflict (tenant, connection, at) do update set memberships = loss.memberships + excluded.memberships,
           deactivations = loss.deactivations + excluded.deactivations",
        &tx.tenant,
        connection,
        at,
        memberships,
        deactivations
    )?;
    run!(tx, "delete from loss where tenant = $1 and connection = $2 and at <= $3", &tx.tenant, connection, since)?;
    Ok(())
}

/// (memberships that stand by the connection's word, people whom it pushes as active).
pub async fn standing(tx: &mut Tx, connection: &str) -> Result<(i64, i64), Error> {
    let found = one!(
        tx,
        (i64, i64),
        "select (select count(*) from vouch where tenant = $1 and source in ($3, $4) and live),
                (select count(*) from record where tenant = $1 and connection = $2 and kind = 'User' and active)",
        &tx.tenant,
        connection,
        format!("push:{connection}"),
        format!("login:{connection}")
    )?;
    Ok(found.unwrap_or_default())
}

/// Everything of a connection that is withdrawn.
pub async fn sweep(tx: &mut Tx, connection: &str) -> Result<(), Error> {
    for sql in [
        "delete from held where tenant = $1 and hold in (select id from hold where tenant = $1 and connection = $2)",
        "delete from hold where tenant = $1 and connection = $2",
        "delete from loss where tenant = $1 and connection = $2",
    ] {
        run!(tx, sql, &tx.tenant, connection)?;
    }
    Ok(())
}

/// What a connection's holds keep of a person.
pub async fn remove_of_connection(tx: &mut Tx, connection: &str, resource: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from held where tenant = $1 and resource = $3
           and hold in (select id from hold where tenant = $1 and connection = $2)",
        &tx.tenant,
        connection,
        resource
    )?;
    Ok(())
}
