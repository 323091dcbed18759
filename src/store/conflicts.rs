//! The conflict queue, and what an administrator has ruled about identities that were refused.

use std::collections::BTreeSet;

use super::engine::{all, locked, one, row, run};
use super::vouches::rows;
use super::{Error, Tx};

/// A refusal that an administrator can mend. Ids, codes and names only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conflict {
    pub id: String,
    pub at: i64,
    pub code: String,
    pub connection: Option<String>,
    /// The first candidate.
    pub resource: Option<String>,
    /// `open`, `bound`, `kept_apart`, `renamed` or `dismissed`.
    pub state: String,
    /// Whose identity: `subject` of a sign-in, `record` of a push.
    pub kind: String,
    /// The HMAC of the identity; `None` where there is none to rule about.
    pub hash: Option<String>,
    pub decision: Option<String>,
    /// JSON: `[[resource, name of what matched], …]`.
    pub candidates: String,
    pub settled: Option<String>,
    pub resolved: Option<i64>,
}

row!(Conflict { id, at, code, connection, resource, state, kind, hash, decision, candidates, settled, resolved });

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "select id, at, code, connection, resource, state, kind, hash, decision, candidates, settled, resolved from conflict ",
            $rest
        )
    };
}

/// Opens it, or opens it again where a resolution did not hold; what is open or was dismissed stays as it is. `true` if it
/// was opened.
pub async fn open(tx: &mut Tx, conflict: &Conflict) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "insert into conflict (tenant, id, at, code, connection, resource, state, kind, hash, decision, candidates)
         values ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10)
         on conflict (tenant, id) do update set state = 'open', at = excluded.at, resource = excluded.resource,
           decision = excluded.decision, candidates = excluded.candidates, settled = null, resolved = null
         where conflict.state not in ('open', 'dismissed')",
        &tx.tenant,
        &conflict.id,
        conflict.at,
        &conflict.code,
        &conflict.connection,
        &conflict.resource,
        &conflict.kind,
        &conflict.hash,
        &conflict.decision,
        &conflict.candidates
    )?;
    Ok(touched > 0)
}

/// A page in the order in which they came, of one state or of all, and how many there are.
pub async fn page(tx: &mut Tx, state: Option<&str>, offset: i64, limit: i64) -> Result<(i64, Vec<Conflict>), Error> {
    let total = one!(
        tx,
        (i64,),
        "select count(*) from conflict where tenant = $1 and (cast($2 as text) is null or state = $2)",
        &tx.tenant,
        state
    )?;
    let rows = all!(
        tx,
        Conflict,
        columns!("where tenant = $1 and (cast($2 as text) is null or state = $2) order by at, id limit $3 offset $4"),
        &tx.tenant,
        state,
        limit,
        offset
    )?;
    Ok((total.map_or(0, |(total,)| total), rows))
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Conflict>, Error> {
    one!(tx, Conflict, columns!("where tenant = $1 and id = $2"), &tx.tenant, id)
}

/// The same, locked: of two administrators who resolve it at once, the second is told what the first has done.
pub async fn find_for_update(tx: &mut Tx, id: &str) -> Result<Option<Conflict>, Error> {
    let _: Vec<(String,)> =
        locked!(tx, (String,), "select id from conflict where tenant = $1 and id = $2", &tx.tenant, id)?;
    find(tx, id).await
}

/// Those of these ids that are open.
pub async fn open_among(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<Vec<Conflict>, Error> {
    all!(
        tx,
        Conflict,
        columns!(
            "where tenant = $1 and id in (select j.value ->> 0 from json_each($2) j) and state = 'open' order by id"
        ),
        &tx.tenant,
        rows(ids)
    )
}

pub async fn settle(tx: &mut Tx, id: &str, state: &str, settled: Option<&str>, at: i64) -> Result<(), Error> {
    run!(
        tx,
        "update conflict set state = $3, settled = $4, resolved = $5 where tenant = $1 and id = $2",
        &tx.tenant,
        id,
        state,
        settled,
        at
    )?;
    Ok(())
}

// ------------------------------------------------------------------------------------------------ rulings

/// What was ruled about an identity: nothing, nobody who is there (`Some(None)`), or the account that it is.
pub async fn ruling(tx: &mut Tx, connection: &str, kind: &str, hash: &str) -> Result<Option<Option<String>>, Error> {
    let found = one!(
        tx,
        (Option<String>,),
        "select resource from ruling where tenant = $1 and connection = $2 and kind = $3 and hash = $4",
        &tx.tenant,
        connection,
        kind,
        hash
    )?;
    Ok(found.map(|(resource,)| resource))
}

pub async fn rule(
    tx: &mut Tx,
    connection: &str,
    kind: &str,
    hash: &str,
    resource: Option<&str>,
    at: i64,
) -> Result<(), Error> {
    run!(
        tx,
        "insert into ruling (tenant, connection, kind, hash, resource, at) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, connection, kind, hash) do update set resource = excluded.resource, at = excluded.at",
        &tx.tenant,
        connection,
        kind,
        hash,
        resource,
        at
    )?;
    Ok(())
}

pub async fn remove_ruling(tx: &mut Tx, connection: &str, kind: &str, hash: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from ruling where tenant = $1 and connection = $2 and kind = $3 and hash = $4",
        &tx.tenant,
        connection,
        kind,
        hash
    )?;
    Ok(())
}

/// What was ruled for an account goes with it.
pub async fn remove_rulings_of(tx: &mut Tx, resource: &str) -> Result<(), Error> {
    run!(tx, "delete from ruling where tenant = $1 and resource = $2", &tx.tenant, resource)?;
    Ok(())
}
