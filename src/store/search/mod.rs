//! Pages of resources: one snapshot, two statements (count, page), every value bound.

mod compile;
mod links;

use sqlx::AssertSqlSafe;

use super::engine::{Conn, run};
use super::{Error, Tx};
use crate::scim::filter::{Bound, Place};

use compile::{Argument, Compiler};

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

pub struct Query<'a> {
    pub kind: &'a str,
    pub view: &'a View,
    pub filter: &'a Bound,
    pub sort: Option<(&'a Place, bool)>,
    /// `meta.location` up to the id, e.g. `https://h/t/acme/scim/v2/Users/`.
    pub location: &'a str,
    /// `$ref` up to the type's endpoint, e.g. `https://h/t/acme/scim/v2/`.
    pub base: &'a str,
    pub offset: i64,
    pub limit: i64,
}

pub struct Page {
    pub total: i64,
    pub ids: Vec<String>,
}

/// Counts all matches and names those of the page, in order.
pub async fn page(tx: &mut Tx, query: &Query<'_>) -> Result<Page, Error> {
    let mut compiler = Compiler::new(&tx.tenant, query);
    let condition = compiler.condition();
    let count = format!("select count(*) from resource r where {condition}");
    let total: i64 = {
        let rows: Vec<(i64,)> = fetch(tx, count, &compiler.arguments).await?;
        rows.first().map_or(0, |row| row.0)
    };
    if query.limit == 0 || total <= query.offset {
        return Ok(Page { total, ids: Vec::new() });
    }
    let text = compiler.page(&condition);
    let rows: Vec<(String,)> = fetch(tx, text, &compiler.arguments).await?;
    Ok(Page { total, ids: rows.into_iter().map(|(id,)| id).collect() })
}

/// Whether one resource is in the view.
pub async fn sees(tx: &mut Tx, query: &Query<'_>, id: &str) -> Result<bool, Error> {
    let mut compiler = Compiler::new(&tx.tenant, query);
    let condition = compiler.condition();
    let id = compiler.text(id);
    let text = format!("select r.id from resource r where {condition} and r.id = {id}");
    let rows: Vec<(String,)> = fetch(tx, text, &compiler.arguments).await?;
    Ok(!rows.is_empty())
}

/// The plan of the page statement as the engine explains it, for tests that pin it. PostgreSQL runs it as well, so that
/// what was never executed says so, and as if no table were small enough to be read whole.
pub async fn plan(tx: &mut Tx, query: &Query<'_>) -> Result<String, Error> {
    let mut compiler = Compiler::new(&tx.tenant, query);
    let condition = compiler.condition();
    let text = compiler.page(&condition);
    if tx.is_postgres() {
        run!(tx, "set local enable_seqscan = off")?;
        let explain = format!("explain (analyze, costs off, timing off, summary off) {text}");
        let rows: Vec<(String,)> = fetch(tx, explain, &compiler.arguments).await?;
        return Ok(rows.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n"));
    }
    let rows: Vec<(i64, i64, i64, String)> =
        fetch(tx, format!("explain query plan {text}"), &compiler.arguments).await?;
    Ok(rows.into_iter().map(|row| row.3).collect::<Vec<_>>().join("\n"))
}

async fn fetch<T>(tx: &mut Tx, text: String, arguments: &[Argument]) -> Result<Vec<T>, Error>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
        + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
        + Send
        + Unpin,
{
    // The text is made of constants and `$n` only; whatever a client sent is an argument.
    macro_rules! bound {
        ($conn:expr) => {{
            let mut query = sqlx::query_as(AssertSqlSafe(text));
            for argument in arguments {
                query = match argument {
                    Argument::Text(value) => query.bind(value.as_str()),
                    Argument::Number(value) => query.bind(*value),
                };
            }
            query.fetch_all(&mut **$conn).await
        }};
    }
    let rows = match &mut tx.conn {
        Conn::Sqlite(conn) => bound!(conn),
        Conn::Postgres(conn) => bound!(conn),
    };
    rows.map_err(Error::from)
}
