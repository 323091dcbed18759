//! Who is who: links, claims, anchors, tombstones.

use std::collections::BTreeSet;

use serde_json::json;

use super::engine::{all, one, row, run};
use super::people::GROUPS;
use super::vouches::rows;
use super::{Error, Tx};
use crate::reconcile::{Stamp, UNIQUE};

// ------------------------------------------------------------------------------------------------ anchors

/// The account that an anchor names, and whether the anchor was retired.
pub async fn anchor(tx: &mut Tx, namespace: &str, anchor: &str) -> Result<Option<(String, bool)>, Error> {
    one!(
        tx,
        (String, bool),
        "select resource, retired from anchor where tenant = $1 and namespace = $2 and anchor = $3",
        &tx.tenant,
        namespace,
        anchor
    )
}

/// Names the account for ever; `false` if the anchor was there already.
pub async fn add_anchor(tx: &mut Tx, namespace: &str, anchor: &str, resource: &str) -> Result<bool, Error> {
    let added = run!(
        tx,
        "insert into anchor (tenant, namespace, anchor, resource, retired, matched) values ($1, $2, $3, $4, false, false)
         on conflict (tenant, namespace, anchor) do nothing",
        &tx.tenant,
        namespace,
        anchor,
        resource
    )?;
    Ok(added > 0)
}

/// A retired anchor matches nobody, until a push or an administrator names the account by it again.
pub async fn retire_anchor(tx: &mut Tx, namespace: &str, anchor: &str) -> Result<(), Error> {
    run!(
        tx,
        "update anchor set retired = true where tenant = $1 and namespace = $2 and anchor = $3",
        &tx.tenant,
        namespace,
        anchor
    )?;
    Ok(())
}

/// The same account is named by it again.
pub async fn restore_anchor(tx: &mut Tx, namespace: &str, anchor: &str) -> Result<(), Error> {
    run!(
        tx,
        "update anchor set retired = false where tenant = $1 and namespace = $2 and anchor = $3",
        &tx.tenant,
        namespace,
        anchor
    )?;
    Ok(())
}

/// (namespace, anchor) of an account.
pub async fn anchors_of(tx: &mut Tx, resource: &str) -> Result<Vec<(String, String)>, Error> {
    all!(
        tx,
        (String, String),
        "select namespace, anchor from anchor where tenant = $1 and resource = $2 order by namespace, anchor",
        &tx.tenant,
        resource
    )
}

/// A login named by this anchor somebody whom the connection pushes by the same: the anchor works.
pub async fn mark_matched(tx: &mut Tx, connection: &str, namespace: &str, anchor: &str) -> Result<(), Error> {
    run!(
        tx,
        "update anchor set matched = true where tenant = $1 and namespace = $3 and anchor = $4 and not matched
           and exists (select 1 from record r where r.tenant = $1 and r.connection = $2 and r.kind = 'User'
                         and r.external_id = $4 and r.resource = anchor.resource)",
        &tx.tenant,
        connection,
        namespace,
        anchor
    )?;
    Ok(())
}

/// Whether that has happened on this connection: then names are not needed to join people.
pub async fn anchor_has_matched(tx: &mut Tx, connection: &str, namespace: &str) -> Result<bool, Error> {
    let found = one!(
        tx,
        (i64,),
        "select cast(1 as bigint) from anchor a
         join record r on r.tenant = a.tenant and r.connection = $2 and r.kind = 'User' and r.external_id = a.anchor
         where a.tenant = $1 and a.namespace = $3 and a.matched limit 1",
        &tx.tenant,
        connection,
        namespace
    )?;
    Ok(found.is_some())
}

pub async fn remove_anchors(tx: &mut Tx, resource: &str) -> Result<(), Error> {
    run!(tx, "delete from anchor where tenant = $1 and resource = $2", &tx.tenant, resource)?;
    Ok(())
}

// ------------------------------------------------------------------------------------------------ links and claims

#[derive(Clone, Debug)]
pub struct Link {
    /// Opaque: what an administrator names it by.
    pub id: String,
    pub connection: String,
    pub subject: String,
    pub resource: String,
    pub created: i64,
    pub last_login: i64,
    pub cut_off: bool,
}

row!(Link { id, connection, subject, resource, created, last_login, cut_off });

pub async fn link(tx: &mut Tx, connection: &str, subject: &str) -> Result<Option<Link>, Error> {
    one!(
        tx,
        Link,
        "select id, connection, subject, resource, created, last_login, cut_off from link
         where tenant = $1 and connection = $2 and subject = $3",
        &tx.tenant,
        connection,
        subject
    )
}

pub async fn link_by_id(tx: &mut Tx, id: &str) -> Result<Option<Link>, Error> {
    one!(
        tx,
        Link,
        "select id, connection, subject, resource, created, last_login, cut_off from link where tenant = $1 and id = $2",
        &tx.tenant,
        id
    )
}

/// A link never moves: the insert of a second account for one subject is a conflict.
pub async fn add_link(tx: &mut Tx, link: &Link) -> Result<(), Error> {
    run!(
        tx,
        "insert into link (tenant, id, connection, subject, resource, created, last_login, cut_off)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        &tx.tenant,
        &link.id,
        &link.connection,
        &link.subject,
        &link.resource,
        link.created,
        link.last_login,
        link.cut_off
    )?;
    Ok(())
}

/// The newest login of a link: the maximum by (stamp, cut off). `true` if this one is greater than the last.
pub async fn touch_link(
    tx: &mut Tx,
    connection: &str,
    subject: &str,
    login: Stamp,
    cut_off: bool,
) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "update link set last_login = $4, cut_off = $5
         where tenant = $1 and connection = $2 and subject = $3
           and (last_login < $4 or (last_login = $4 and not cut_off and $5))",
        &tx.tenant,
        connection,
        subject,
        login,
        cut_off
    )?;
    Ok(touched > 0)
}

/// Every link of these accounts: (connection, subject, resource).
pub async fn links_of(tx: &mut Tx, resource: &str) -> Result<Vec<Link>, Error> {
    all!(
        tx,
        Link,
        "select id, connection, subject, resource, created, last_login, cut_off from link
         where tenant = $1 and resource = $2 order by connection, subject",
        &tx.tenant,
        resource
    )
}

pub async fn remove_link(tx: &mut Tx, connection: &str, subject: &str) -> Result<(), Error> {
    for sql in [
        "delete from claim where tenant = $1 and connection = $2 and subject = $3",
        "delete from claim_value where tenant = $1 and connection = $2 and subject = $3",
        "delete from link where tenant = $1 and connection = $2 and subject = $3",
    ] {
        run!(tx, sql, &tx.tenant, connection, subject)?;
    }
    Ok(())
}

/// What one account's links on one connection claimed up to `until` is dead for good: nothing can bring it back. Unique
/// names are the account's for its life: those of [`UNIQUE`] and the tenant's own.
pub async fn remove_claims(
    tx: &mut Tx,
    connection: &str,
    resource: &str,
    until: Stamp,
    unique: &BTreeSet<String>,
) -> Result<(), Error> {
    run!(
        tx,
        "delete from claim where tenant = $1 and connection = $2 and stamp <= $4 and subject in
           (select subject from link where tenant = $1 and connection = $2 and resource = $3)
           and field not in (select j.value ->> 0 from json_each($5) j)",
        &tx.tenant,
        connection,
        resource,
        until,
        serde_json::Value::from_iter(
            UNIQUE.iter().copied().chain(unique.iter().map(String::as_str)).map(|field| json!([field]))
        )
        .to_string()
    )?;
    run!(
        tx,
        "delete from claim_value where tenant = $1 and connection = $2 and resource = $3
           and subject not in (select c.subject from claim c where c.tenant = $1 and c.connection = $2 and c.field = $4)",
        &tx.tenant,
        connection,
        resource,
        GROUPS
    )?;
    Ok(())
}

/// Writes a claim if it is later than what stands: the maximum by (stamp, canonical text). `true` if it was.
pub async fn put_claim(
    tx: &mut Tx,
    connection: &str,
    subject: &str,
    field: &str,
    stamp: Stamp,
    value: &str,
) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "insert into claim (tenant, connection, subject, field, stamp, value) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, connection, subject, field) do update set stamp = excluded.stamp, value = excluded.value
         where claim.stamp < excluded.stamp or (claim.stamp = excluded.stamp and claim.value < excluded.value)",
        &tx.tenant,
        connection,
        subject,
        field,
        stamp,
        value
    )?;
    Ok(touched > 0)
}

/// Sets what a link claims of a field, or takes it away, whatever its stamp.
pub async fn set_claim(
    tx: &mut Tx,
    connection: &str,
    subject: &str,
    field: &str,
    value: Option<&str>,
) -> Result<(), Error> {
    match value {
        Some(value) => run!(
            tx,
            "update claim set value = $5 where tenant = $1 and connection = $2 and subject = $3 and field = $4",
            &tx.tenant,
            connection,
            subject,
            field,
            value
        )?,
        None => run!(
            tx,
            "delete from claim where tenant = $1 and connection = $2 and subject = $3 and field = $4",
            &tx.tenant,
            connection,
            subject,
            field
        )?,
    };
    Ok(())
}

/// Writes the group list of a link with its look-up rows. `values` are raw; `keys` are what groups are found by.
pub async fn put_groups(
    tx: &mut Tx,
    link: &Link,
    stamp: Stamp,
    values: &str,
    keys: &BTreeSet<String>,
) -> Result<bool, Error> {
    if !put_claim(tx, &link.connection, &link.subject, GROUPS, stamp, values).await? {
        return Ok(false);
    }
    put_keys(tx, &link.connection, &link.subject, &link.resource, keys).await?;
    Ok(true)
}

/// What a link's group claim is found by, as a whole.
pub async fn put_keys(
    tx: &mut Tx,
    connection: &str,
    subject: &str,
    resource: &str,
    keys: &std::collections::BTreeSet<String>,
) -> Result<(), Error> {
    run!(
        tx,
        "delete from claim_value where tenant = $1 and connection = $2 and subject = $3",
        &tx.tenant,
        connection,
        subject
    )?;
    run!(
        tx,
        "insert into claim_value (tenant, connection, subject, val, resource)
         select $1, $2, $3, j.value ->> 0, $4 from json_each($5) j",
        &tx.tenant,
        connection,
        subject,
        resource,
        rows(keys)
    )?;
    Ok(())
}

/// The group claims of these people on a connection: (subject, account, raw values).
pub async fn group_claims(
    tx: &mut Tx,
    connection: &str,
    people: &BTreeSet<String>,
) -> Result<Vec<(String, String, String)>, Error> {
    all!(
        tx,
        (String, String, String),
        "select c.subject, l.resource, c.value
         from link l join claim c on c.tenant = l.tenant and c.connection = l.connection and c.subject = l.subject
         where l.tenant = $1 and l.connection = $2 and l.resource in (select j.value ->> 0 from json_each($3) j)
           and c.field = $4
         order by c.subject",
        &tx.tenant,
        connection,
        rows(people),
        GROUPS
    )
}

/// What the group claims of these links are found by, as a whole: (subject, key, account).
pub async fn replace_keys(
    tx: &mut Tx,
    connection: &str,
    subjects: &BTreeSet<String>,
    keys: &[(String, String, String)],
) -> Result<(), Error> {
    run!(
        tx,
        "delete from claim_value where tenant = $1 and connection = $2
           and subject in (select j.value ->> 0 from json_each($3) j)",
        &tx.tenant,
        connection,
        rows(subjects)
    )?;
    let list = serde_json::Value::from_iter(keys.iter().map(|(subject, key, account)| json!([subject, key, account])));
    run!(
        tx,
        "insert into claim_value (tenant, connection, subject, val, resource)
         select $1, $2, j.value ->> 0, j.value ->> 1, j.value ->> 2 from json_each($3) j",
        &tx.tenant,
        connection,
        list.to_string()
    )?;
    Ok(())
}

/// Everybody whose claim on the connection names one of these keys.
pub async fn claimants(tx: &mut Tx, connection: &str, keys: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct resource from claim_value
         where tenant = $1 and connection = $2 and val in (select j.value ->> 0 from json_each($3) j)",
        &tx.tenant,
        connection,
        rows(keys)
    )?;
    Ok(found.into_iter().map(|(resource,)| resource).collect())
}

/// Everybody with a link on the connection, a record of it, or both.
pub async fn population(tx: &mut Tx, connection: &str, after: &str, limit: i64) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select resource from (
           select resource from link where tenant = $1 and connection = $2 and resource > $3
           union select resource from record where tenant = $1 and connection = $2 and kind = 'User' and resource > $3) p
         order by resource limit $4",
        &tx.tenant,
        connection,
        after,
        limit
    )?;
    Ok(found.into_iter().map(|(resource,)| resource).collect())
}

// ------------------------------------------------------------------------------------------------ tombstones

/// `kind` is `anchor`, `subject`, `user_name`, `address`, or `revive` (an HMAC of externalId and name together).
pub async fn add_tombstones(
    tx: &mut Tx,
    entries: &[(String, &str, String)],
    resource: Option<&str>,
    at: i64,
    expires: i64,
) -> Result<(), Error> {
    // One statement may not meet a row twice: an anchor that two records name is one mark.
    let distinct: std::collections::BTreeSet<_> = entries.iter().collect();
    let list = serde_json::Value::from_iter(distinct.iter().map(|(scope, kind, hash)| json!([scope, kind, hash])));
    run!(
        tx,
        "insert into tombstone (tenant, scope, kind, hash, resource, at, expires)
         select $1, j.value ->> 0, j.value ->> 1, j.value ->> 2, $3, $4, $5 from json_each($2) j where true
         on conflict (tenant, scope, kind, hash) do update set resource = excluded.resource, at = excluded.at,
           expires = excluded.expires",
        &tx.tenant,
        list.to_string(),
        resource,
        at,
        expires
    )?;
    Ok(())
}

/// The tombstone that still counts at `now`: the retired account it remembers, if any.
pub async fn tombstone(
    tx: &mut Tx,
    scope: &str,
    kind: &str,
    hash: &str,
    now: i64,
) -> Result<Option<Option<String>>, Error> {
    let found = one!(
        tx,
        (Option<String>,),
        "select resource from tombstone where tenant = $1 and scope = $2 and kind = $3 and hash = $4 and expires > $5",
        &tx.tenant,
        scope,
        kind,
        hash,
        now
    )?;
    Ok(found.map(|(resource,)| resource))
}

pub async fn clear_tombstones(tx: &mut Tx, entries: &[(String, &str, String)]) -> Result<(), Error> {
    let list = serde_json::Value::from_iter(entries.iter().map(|(scope, kind, hash)| json!([scope, kind, hash])));
    run!(
        tx,
        "delete from tombstone where tenant = $1 and (scope, kind, hash) in
           (select j.value ->> 0, j.value ->> 1, j.value ->> 2 from json_each($2) j)",
        &tx.tenant,
        list.to_string()
    )?;
    Ok(())
}

/// The subjects that went with the account which this mark of an anchor remembers may sign in again, in each of the scopes.
pub async fn clear_subjects_of(tx: &mut Tx, scopes: &[String], anchor: &str, now: i64) -> Result<(), Error> {
    run!(
        tx,
        "delete from tombstone where tenant = $1 and kind = 'subject' and (scope, resource) in
           (select t.scope, t.resource from tombstone t
            where t.tenant = $1 and t.scope in (select j.value ->> 0 from json_each($2) j) and t.kind = 'anchor'
              and t.hash = $3 and t.expires > $4)",
        &tx.tenant,
        rows(scopes),
        anchor,
        now
    )?;
    Ok(())
}

/// The anchors of an account that is back match again, in each of the scopes.
pub async fn clear_tombstones_of(tx: &mut Tx, scopes: &[String], resource: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from tombstone where tenant = $1 and scope in (select j.value ->> 0 from json_each($2) j) and resource = $3",
        &tx.tenant,
        rows(scopes),
        resource
    )?;
    Ok(())
}
