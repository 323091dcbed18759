//! The feed of effective changes, and the traces of logins.
//!
//! A reader's cursor is (transaction, position). PostgreSQL hands out positions before it commits, so the feed stops at
//! the oldest transaction that is still open: nothing ever appears behind a cursor that was given. SQLite has one writer
//! and needs no horizon.

use serde_json::json;

use super::engine::{Conn, one, row, run};
use super::{Error, Tx};

/// (kind, body as JSON text).
pub async fn append(tx: &mut Tx, at: i64, events: &[(String, String)]) -> Result<(), Error> {
    for chunk in events.chunks(2000) {
        let list = serde_json::Value::from_iter(chunk.iter().map(|(kind, body)| json!([kind, body])));
        run!(
            tx,
            "insert into event (tenant, at, kind, body) select $1, $2, j.value ->> 0, j.value ->> 1 from json_each($3) j",
            &tx.tenant,
            at,
            list.to_string()
        )?;
    }
    Ok(())
}

#[derive(Clone, Debug)]
pub struct Row {
    pub position: i64,
    pub txn: i64,
    pub at: i64,
    pub kind: String,
    pub body: String,
}

row!(Row { position, txn, at, kind, body });

/// Committed events behind the cursor, oldest first.
pub async fn after(tx: &mut Tx, txn: i64, position: i64, limit: i64) -> Result<Vec<Row>, Error> {
    match tx.line.open()? {
        Conn::Sqlite(conn) => {
            sqlx::query_as::<_, Row>(
                "select position, txn, at, kind, body from event
                 where tenant = $1 and (txn, position) > ($2, $3) order by txn, position limit $4",
            )
            .bind(&tx.tenant)
            .bind(txn)
            .bind(position)
            .bind(limit)
            .fetch_all(&mut **conn)
            .await
        }
        Conn::Postgres(conn) => {
            sqlx::query_as::<_, Row>(
                "select position, txn, at, kind, body from event
                 where tenant = $1 and (txn, position) > ($2, $3)
                   and txn < (pg_snapshot_xmin(pg_current_snapshot())::text::bigint) order by txn, position limit $4",
            )
            .bind(&tx.tenant)
            .bind(txn)
            .bind(position)
            .bind(limit)
            .fetch_all(&mut **conn)
            .await
        }
    }
    .map_err(Error::from)
}

/// The trace of one login.
pub struct Decision<'a> {
    pub id: &'a str,
    pub at: i64,
    pub connection: &'a str,
    pub outcome: &'a str,
    pub resource: Option<&'a str>,
    pub trace: &'a str,
}

/// `false` if it was kept already: the same evidence with the same outcome.
pub async fn insert_decision(tx: &mut Tx, decision: &Decision<'_>) -> Result<bool, Error> {
    let added = run!(
        tx,
        "insert into decision (tenant, id, at, connection, outcome, resource, trace) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant, id) do nothing",
        &tx.tenant,
        decision.id,
        decision.at,
        decision.connection,
        decision.outcome,
        decision.resource,
        decision.trace
    )?;
    Ok(added > 0)
}

pub async fn decision(tx: &mut Tx, id: &str) -> Result<Option<String>, Error> {
    let found = one!(tx, (String,), "select trace from decision where tenant = $1 and id = $2", &tx.tenant, id)?;
    Ok(found.map(|(trace,)| trace))
}
