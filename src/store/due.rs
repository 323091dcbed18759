//! What time alone has ended and nobody has looked at since.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::engine::all;
use super::people::{GROUPS, ROLES};
use super::{Error, Tx};
use crate::reconcile::Stamp;

/// People with a grant that has ended and still counts, behind `after`.
pub async fn ended_grants(tx: &mut Tx, now: Stamp, after: &str, limit: i64) -> Result<Vec<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct member from vouch where tenant = $1 and live_until is not null and live_until <= $2 and live
           and member > $3 order by member limit $4",
        &tx.tenant,
        now,
        after,
        limit
    )?;
    Ok(found.into_iter().map(|(member,)| member).collect())
}

/// People whose group claim on the connection is not newer than `until` and still counts, or whose claim of roles is not and
/// still gives a role; behind `after`. `table`: the (team, role) pairs that hold without a claim.
pub async fn ended_leases(
    tx: &mut Tx,
    connection: &str,
    table: &BTreeMap<String, String>,
    until: Stamp,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, Error> {
    let of = |kind: &str| format!("{kind}:{connection}");
    let table = Value::from_iter(table.iter().map(|(team, role)| json!([team, role])));
    let found = all!(
        tx,
        (String,),
        "select due.resource from (
           select l.resource from claim c
           join link l on l.tenant = c.tenant and l.connection = c.connection and l.subject = c.subject
           where c.tenant = $1 and c.connection = $2 and c.field = $3 and c.stamp <= $5 and l.resource > $6
             and exists (select 1 from vouch v where v.tenant = l.tenant and v.member = l.resource and v.source = $8)
             and not exists (select 1 from link l2 join claim c2 on c2.tenant = l2.tenant and c2.connection = l2.connection
                               and c2.subject = l2.subject and c2.field = $3 and c2.stamp > $5
                             where l2.tenant = l.tenant and l2.resource = l.resource and l2.connection = l.connection)
           union
           select l.resource from claim c
           join link l on l.tenant = c.tenant and l.connection = c.connection and l.subject = c.subject
           where c.tenant = $1 and c.connection = $2 and c.field = $4 and c.stamp <= $5 and l.resource > $6
             and exists (select 1 from vouch v where v.tenant = l.tenant and v.member = l.resource
                           and v.source in ($8, $9, $10, $11) and v.role is not null
                           and not exists (select 1 from json_each($12) j
                                           where j.value ->> 0 = v.parent and j.value ->> 1 = v.role))
             and not exists (select 1 from link l2 join claim c2 on c2.tenant = l2.tenant and c2.connection = l2.connection
                               and c2.subject = l2.subject and c2.field = $4 and c2.stamp > $5
                             where l2.tenant = l.tenant and l2.resource = l.resource and l2.connection = l.connection)
         ) due order by due.resource limit $7",
        &tx.tenant,
        connection,
        GROUPS,
        ROLES,
        until,
        after,
        limit,
        of("login"),
        of("push"),
        of("default"),
        of("held"),
        table.to_string()
    )?;
    Ok(found.into_iter().map(|(resource,)| resource).collect())
}
