//! What time alone has ended and nobody has looked at since.

use super::engine::all;
use super::people::GROUPS;
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

/// People whose group claim on the connection is not newer than `until` and still counts, behind `after`.
pub async fn ended_leases(
    tx: &mut Tx,
    connection: &str,
    until: Stamp,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct l.resource from claim c
         join link l on l.tenant = c.tenant and l.connection = c.connection and l.subject = c.subject
         where c.tenant = $1 and c.connection = $2 and c.field = $3 and c.stamp <= $4 and l.resource > $5
           and exists (select 1 from vouch v where v.tenant = l.tenant and v.member = l.resource and v.source = $6)
           and not exists (select 1 from link l2 join claim c2 on c2.tenant = l2.tenant and c2.connection = l2.connection
                             and c2.subject = l2.subject and c2.field = $3 and c2.stamp > $4
                           where l2.tenant = l.tenant and l2.resource = l.resource and l2.connection = l.connection)
         order by l.resource limit $7",
        &tx.tenant,
        connection,
        GROUPS,
        until,
        after,
        format!("login:{connection}"),
        limit
    )?;
    Ok(found.into_iter().map(|(resource,)| resource).collect())
}
