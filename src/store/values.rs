//! The index of values: derived from documents, one row per indexed value, rebuilt whenever a document changes.

use std::collections::BTreeSet;

use serde_json::json;

use super::engine::{all, one, run};
use super::{Error, Tx};
use crate::scim::key::Entry;

/// Replaces the index rows of one document. `name_scope` is the scope in which its userName is unique, other unique values
/// are so in the tenant; `None` indexes nothing as unique (a connection's own view).
pub async fn replace(
    tx: &mut Tx,
    resource: &str,
    kind: &str,
    view: &str,
    entries: &[Entry],
    name_scope: Option<&str>,
) -> Result<(), Error> {
    remove(tx, resource, view).await?;
    let mut claimed = BTreeSet::new();
    let list = serde_json::Value::from_iter(entries.iter().map(|entry| {
        // A resource that says a value twice holds it once. What an extension declares unique is so in the whole tenant.
        let is_unique = entry.unique && claimed.insert((&entry.attr, &entry.key.0));
        let scope = name_scope.filter(|_| is_unique).map(|scope| if entry.attr.contains(':') { "" } else { scope });
        json!([entry.attr, entry.slot, entry.key.0, entry.long, scope])
    }));
    run!(
        tx,
        "insert into value (tenant, resource, view, kind, attr, slot, val, whole, uniq)
         select $1, $2, $3, $4, j.value ->> 0, cast(j.value ->> 1 as integer), j.value ->> 2, j.value ->> 3, j.value ->> 4
         from json_each($5) j",
        &tx.tenant,
        resource,
        view,
        kind,
        list.to_string()
    )?;
    Ok(())
}

pub async fn remove(tx: &mut Tx, resource: &str, view: &str) -> Result<(), Error> {
    run!(tx, "delete from value where tenant = $1 and resource = $2 and view = $3", &tx.tenant, resource, view)?;
    Ok(())
}

pub async fn remove_all(tx: &mut Tx, resource: &str) -> Result<(), Error> {
    run!(tx, "delete from value where tenant = $1 and resource = $2", &tx.tenant, resource)?;
    Ok(())
}

/// Who holds this unique value in this scope.
pub async fn holder(tx: &mut Tx, kind: &str, attr: &str, scope: &str, key: &str) -> Result<Option<String>, Error> {
    let found = one!(
        tx,
        (String,),
        "select resource from value where tenant = $1 and kind = $2 and attr = $3 and uniq = $4 and val = $5",
        &tx.tenant,
        kind,
        attr,
        scope,
        key
    )?;
    Ok(found.map(|(resource,)| resource))
}

/// Which of these unique values (attribute, key) somebody else holds in the whole tenant: (attribute, holder).
pub async fn taken(
    tx: &mut Tx,
    kind: &str,
    resource: &str,
    wanted: &[(&str, &str)],
) -> Result<Option<(String, String)>, Error> {
    let wanted = serde_json::Value::from_iter(wanted.iter().map(|(attr, key)| json!([attr, key])));
    one!(
        tx,
        (String, String),
        "select v.attr, v.resource from json_each($4) j
         join value v on v.tenant = $1 and v.kind = $2 and v.attr = j.value ->> 0 and v.uniq = '' and v.val = j.value ->> 1
         where v.resource <> $3 order by v.attr limit 1",
        &tx.tenant,
        kind,
        resource,
        wanted.to_string()
    )
}

/// Everybody whose effective document has this value: at most `limit`.
pub async fn having(tx: &mut Tx, kind: &str, attr: &str, key: &str, limit: i64) -> Result<Vec<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct resource from value where tenant = $1 and kind = $2 and attr = $3 and val = $4 and view = ''
         order by resource limit $5",
        &tx.tenant,
        kind,
        attr,
        key,
        limit
    )?;
    Ok(found.into_iter().map(|(resource,)| resource).collect())
}

/// The index rows as stored, for `verify`.
pub async fn stored(tx: &mut Tx, resource: &str) -> Result<Vec<(String, String, i32, String)>, Error> {
    all!(
        tx,
        (String, String, i32, String),
        "select view, attr, slot, val from value where tenant = $1 and resource = $2 order by view, attr, slot, val",
        &tx.tenant,
        resource
    )
}
