//! What is left of somebody who is gone, and of what was kept for a time only.

use super::engine::{all, run};
use super::{Error, Tx};

/// (id, kind) of what was retired at `at` or before: at most `limit`, by id.
pub async fn retired(tx: &mut Tx, at: i64, limit: i64) -> Result<Vec<(String, String)>, Error> {
    all!(
        tx,
        (String, String),
        "select id, kind from resource where tenant = $1 and retired is not null and retired <= $2 order by id limit $3",
        &tx.tenant,
        at,
        limit
    )
}

/// Every row about a resource goes, what refers to others by it as well. Tombstones stay until they expire: they are HMACs,
/// and keep a login from coming back; only what would revive the account goes.
pub async fn erase(tx: &mut Tx, id: &str) -> Result<(), Error> {
    for sql in [
        "delete from claim where tenant = $1 and (connection, subject) in
           (select connection, subject from link where tenant = $1 and resource = $2)",
        "delete from claim_value where tenant = $1 and resource = $2",
        "delete from link where tenant = $1 and resource = $2",
        "delete from record where tenant = $1 and resource = $2",
        "delete from word where tenant = $1 and resource = $2",
        "delete from value where tenant = $1 and resource = $2",
        "delete from vouch where tenant = $1 and (member = $2 or parent = $2)",
        "delete from full_list where tenant = $1 and parent = $2",
        "delete from held where tenant = $1 and (resource = $2 or parent = $2)",
        "delete from anchor where tenant = $1 and resource = $2",
        "delete from ruling where tenant = $1 and resource = $2",
        "delete from held where tenant = $1 and (resource = $2 or parent = $2)",
        "delete from decision where tenant = $1 and resource = $2",
        "delete from invitation where tenant = $1 and (accepted_by = $2 or person = $2)",
        "update invitation set team = null where tenant = $1 and team = $2",
        "update invitation set organization = null where tenant = $1 and organization = $2",
        "delete from tombstone where tenant = $1 and resource = $2 and kind in ('revive', 'group')",
        "delete from resource where tenant = $1 and id = $2",
    ] {
        run!(tx, sql, &tx.tenant, id)?;
    }
    Ok(())
}

/// What has expired by `now`, and what was kept since `before` and need not be kept longer: how many rows went.
pub async fn expired(tx: &mut Tx, now: i64, before: i64) -> Result<u64, Error> {
    let mut count = run!(tx, "delete from tombstone where tenant = $1 and expires <= $2", &tx.tenant, now)?;
    for sql in [
        "delete from decision where tenant = $1 and at <= $2",
        "delete from conflict where tenant = $1 and state <> 'open' and resolved <= $2",
        // An address is somebody's, also of an invitation that nobody accepted.
        "delete from invitation where tenant = $1 and state <> 'accepted' and expires <= $2",
    ] {
        count += run!(tx, sql, &tx.tenant, before)?;
    }
    Ok(count)
}
