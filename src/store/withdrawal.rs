//! What one connection has in the tables, counted and swept out.

use std::collections::BTreeSet;

use super::engine::{all, one, run};
use super::vouches::rows;
use super::{Error, Tx};

/// (people pushed, people signed in, groups of its own).
pub async fn count(tx: &mut Tx, connection: &str) -> Result<(i64, i64, i64), Error> {
    let found = one!(
        tx,
        (i64, i64, i64),
        "select (select count(*) from record where tenant = $1 and connection = $2 and kind = 'User'),
                (select count(distinct resource) from link where tenant = $1 and connection = $2),
                (select count(*) from record where tenant = $1 and connection = $2 and kind = 'Group')",
        &tx.tenant,
        connection
    )?;
    Ok(found.unwrap_or_default())
}

/// Everybody with a link on the connection, a record of it, or both.
pub async fn population(tx: &mut Tx, connection: &str) -> Result<i64, Error> {
    let found = one!(
        tx,
        (i64,),
        "select count(*) from (
           select resource from link where tenant = $1 and connection = $2
           union select resource from record where tenant = $1 and connection = $2 and kind = 'User') p",
        &tx.tenant,
        connection
    )?;
    Ok(found.map_or(0, |(count,)| count))
}

/// Groups that the connection has a record of, behind `after`.
pub async fn groups(tx: &mut Tx, connection: &str, after: &str, limit: i64) -> Result<Vec<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select resource from record where tenant = $1 and connection = $2 and kind = 'Group' and resource > $3
         order by resource limit $4",
        &tx.tenant,
        connection,
        after,
        limit
    )?;
    Ok(found.into_iter().map(|(resource,)| resource).collect())
}

/// The person's anchors in a namespace that is nobody else's.
pub async fn remove_anchors(tx: &mut Tx, namespace: &str, resource: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from anchor where tenant = $1 and namespace = $2 and resource = $3",
        &tx.tenant,
        namespace,
        resource
    )?;
    Ok(())
}

/// Lists, edges, claims and tombstones that nobody hangs on any more, and the anchors of a namespace that was its own.
pub async fn sweep(tx: &mut Tx, connection: &str, namespace: Option<&str>, scopes: &[String]) -> Result<(), Error> {
    for sql in [
        "delete from full_list where tenant = $1 and connection = $2",
        "delete from claim where tenant = $1 and connection = $2",
        "delete from claim_value where tenant = $1 and connection = $2",
        "delete from ruling where tenant = $1 and connection = $2",
        "update resource set pinned = null where tenant = $1 and pinned = $2",
        "delete from vouch where tenant = $1 and source = 'push:' || $2 and member_kind = 'Group'",
    ] {
        run!(tx, sql, &tx.tenant, connection)?;
    }
    if let Some(namespace) = namespace {
        run!(tx, "delete from anchor where tenant = $1 and namespace = $2", &tx.tenant, namespace)?;
    }
    run!(
        tx,
        "delete from tombstone where tenant = $1 and scope in (select j.value ->> 0 from json_each($2) j)",
        &tx.tenant,
        rows(scopes)
    )?;
    Ok(())
}

/// The newest stamps of what the connection's push says, and of its sign-ins.
pub async fn last_words(tx: &mut Tx, connection: &str) -> Result<(Option<i64>, Option<i64>), Error> {
    let found = one!(
        tx,
        (Option<i64>, Option<i64>),
        "select (select max(s.stamp) from (
                   select max(bound_at) as stamp from record where tenant = $1 and connection = $2
                   union all select max(off) from record where tenant = $1 and connection = $2
                   union all select max(stamp) from full_list where tenant = $1 and connection = $2
                   union all select max(stamp) from vouch where tenant = $1 and source = $3) s),
                (select max(last_login) from link where tenant = $1 and connection = $2)",
        &tx.tenant,
        connection,
        format!("push:{connection}")
    )?;
    Ok(found.unwrap_or_default())
}

/// Of these people, those whom a sign-in has named by the anchor that is pushed.
pub async fn matched(
    tx: &mut Tx,
    connection: &str,
    namespace: &str,
    people: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct r.resource from record r
         join anchor a on a.tenant = r.tenant and a.namespace = $3 and a.anchor = r.external_id and a.resource = r.resource
         where r.tenant = $1 and r.connection = $2 and r.kind = 'User' and a.matched
           and r.resource in (select j.value ->> 0 from json_each($4) j)",
        &tx.tenant,
        connection,
        namespace,
        rows(people)
    )?;
    Ok(found.into_iter().map(|(resource,)| resource).collect())
}
