//! Pages of resources, by index or behind a position: one snapshot, a statement that counts and few that page, every
//! value bound.

mod compile;
mod keyset;
mod links;
mod statement;

use sqlx::AssertSqlSafe;

use super::engine::{Conn, run};
use super::{Error, Tx};
use crate::scim::filter::{Bound, Place};

use compile::Argument;
use statement::Statement;

pub use compile::DISPLAY;

/// Whose view is searched (see `docs/reconciliation.md`, readers).
#[derive(Clone, Debug)]
pub enum View {
    /// Effective values and memberships.
    Effective,
    /// One connection's own words, and of people that nobody pushes what it may see of them.
    Push {
        connection: String,
        /// The only connection of the tenant that was ever used: it sees everybody whom nobody pushes.
        sole: bool,
        /// Domains verified for it, folded.
        domains: Vec<String>,
        /// Ids of the organizations it serves.
        organizations: Vec<String>,
        /// The connection that it succeeds: whoever only that one pushed or signed in counts as unclaimed.
        succeeds: Option<String>,
    },
}

/// A query over one type or several.
pub struct Query<'a> {
    pub sides: Vec<Side<'a>>,
    pub order: Order,
    /// `$ref` up to the type's endpoint, e.g. `https://h/t/acme/scim/v2/`.
    pub base: &'a str,
}

/// What is asked of the resources of one type.
pub struct Side<'a> {
    pub kind: &'a str,
    /// Of one connection, where several sides are its own words.
    pub view: &'a View,
    pub filter: &'a Bound,
    /// `None` if the query is not sorted, or if this type has no such attribute: then none of its resources has a value.
    pub sort: Option<&'a Place>,
    /// `meta.location` up to the id, e.g. `https://h/t/acme/scim/v2/Users/`.
    pub location: &'a str,
}

/// One total order for both ways of paging, over all types: missing values last, and first when descending (RFC 7644
/// §3.4.2.3); ties by id, in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The query is not sorted.
    ById,
    Ascending,
    Descending,
}

/// A resource that was found: its place in the order, and which side it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub side: usize,
    pub position: Position,
}

/// A place in the order, whether or not a resource is there (any more).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// What is sorted by: `None` without a value, and in a query that is not sorted.
    pub key: Option<SortKey>,
    pub id: String,
}

/// All keys of one query are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum SortKey {
    Number(i64),
    Text(String),
}

/// How many match.
pub async fn count(tx: &mut Tx, query: &Query<'_>) -> Result<i64, Error> {
    let Some(statement) = Statement::count(&tx.tenant, query) else { return Ok(0) };
    let rows: Vec<(i64,)> = fetch(tx, &statement).await?;
    Ok(rows.first().map_or(0, |row| row.0))
}

/// The side and the id of those from `offset` on, in order.
pub async fn page(tx: &mut Tx, query: &Query<'_>, offset: i64, limit: i64) -> Result<Vec<(usize, String)>, Error> {
    let Some(statement) = Statement::page(&tx.tenant, query, offset, limit) else { return Ok(Vec::new()) };
    let rows: Vec<(i64, String)> = fetch(tx, &statement).await?;
    Ok(rows.into_iter().map(|(side, id)| (usize::try_from(side).unwrap_or(0), id)).collect())
}

/// Those behind a position, in order, or the first: at the same cost however far behind the beginning they stand.
pub async fn after(
    tx: &mut Tx,
    query: &Query<'_>,
    position: Option<&Position>,
    limit: i64,
) -> Result<Vec<Found>, Error> {
    let mut all = Vec::new();
    for (side, asked) in query.sides.iter().enumerate() {
        let mut found = Vec::new();
        for stretch in keyset::stretches(query.order, asked, position) {
            let missing = limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
            if missing > 0 {
                let statement = Statement::stretch(&tx.tenant, query, asked, &stretch, missing);
                let rows: Vec<(String, Option<String>)> = fetch(tx, &statement).await?;
                let is_number = asked.sort.is_some_and(Place::is_number);
                found.extend(rows.into_iter().map(|(id, key)| Found {
                    side,
                    position: Position { key: key.and_then(|text| SortKey::read(text, is_number)), id },
                }));
            }
        }
        all.append(&mut found);
    }
    all.sort_by(|one, other| query.order.compare(&one.position, &other.position));
    all.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(all)
}

/// Whether one resource is in the view.
pub async fn sees(tx: &mut Tx, view: &View, kind: &str, id: &str) -> Result<bool, Error> {
    let side = Side { kind, view, filter: &Bound::All, sort: None, location: "" };
    let query = Query { sides: vec![side], order: Order::ById, base: "" };
    let rows: Vec<(String,)> = fetch(tx, &Statement::sees(&tx.tenant, &query, &query.sides[0], id)).await?;
    Ok(!rows.is_empty())
}

/// The plan of the page statement as the engine explains it, for tests that pin it. PostgreSQL runs it as well, so that
/// what was never executed says so, and as if no table were small enough to be read whole.
pub async fn plan(tx: &mut Tx, query: &Query<'_>, offset: i64, limit: i64) -> Result<String, Error> {
    let Some(statement) = Statement::page(&tx.tenant, query, offset, limit) else { return Ok(String::new()) };
    explain(tx, statement).await
}

/// The plans of all statements that [`after`] may run, one after the other.
pub async fn plan_after(
    tx: &mut Tx,
    query: &Query<'_>,
    position: Option<&Position>,
    limit: i64,
) -> Result<Vec<String>, Error> {
    let mut plans = Vec::new();
    for side in &query.sides {
        for stretch in keyset::stretches(query.order, side, position) {
            let statement = Statement::stretch(&tx.tenant, query, side, &stretch, limit);
            plans.push(explain(tx, statement).await?);
        }
    }
    Ok(plans)
}

async fn explain(tx: &mut Tx, mut statement: Statement) -> Result<String, Error> {
    if tx.is_postgres() {
        run!(tx, "set local enable_seqscan = off")?;
        statement.text = format!("explain (analyze, costs off, timing off, summary off) {}", statement.text);
        let rows: Vec<(String,)> = fetch(tx, &statement).await?;
        return Ok(rows.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n"));
    }
    statement.text = format!("explain query plan {}", statement.text);
    let rows: Vec<(i64, i64, i64, String)> = fetch(tx, &statement).await?;
    Ok(rows.into_iter().map(|row| row.3).collect::<Vec<_>>().join("\n"))
}

async fn fetch<T>(tx: &mut Tx, statement: &Statement) -> Result<Vec<T>, Error>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
        + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
        + Send
        + Unpin,
{
    // The text is made of constants and `$n` only; whatever a client sent is an argument.
    macro_rules! bound {
        ($conn:expr) => {{
            let mut query = sqlx::query_as(AssertSqlSafe(statement.text.as_str()));
            for argument in &statement.arguments {
                query = match argument {
                    Argument::Text(value) => query.bind(value.as_str()),
                    Argument::Number(value) => query.bind(*value),
                };
            }
            query.fetch_all(&mut **$conn).await
        }};
    }
    let rows = match tx.line.open()? {
        Conn::Sqlite(conn) => bound!(conn),
        Conn::Postgres(conn) => bound!(conn),
    };
    rows.map_err(Error::from)
}
