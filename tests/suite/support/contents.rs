//! Everything that a database holds of one tenant, row by row: what was before and what is after can be compared.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

pub struct Contents {
    connection: Either,
    sql: String,
}

enum Either {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Contents {
    /// The tables must be there already.
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(url).await.expect("the database opens");
            let columns: Vec<(String, String)> = sqlx::query_as(
                "select t.name, c.name from sqlite_master t, pragma_table_info(t.name) c
                 where t.type = 'table' and t.name not like '\\_%' escape '\\' and t.name not like 'sqlite%' order by t.name, c.cid",
            )
            .fetch_all(&mut connection)
            .await
            .expect("the tables are listed");
            let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (table, column) in columns {
                tables.entry(table).or_default().push(format!("quote(\"{column}\")"));
            }
            let rows = tables.iter().map(|(table, columns)| selected(table, &columns.join(" || ' ' || ")));
            let sql = rows.collect::<Vec<_>>().join(" union all ");
            return Self { connection: Either::Sqlite(connection), sql };
        }
        let mut connection = PgConnection::connect(url).await.expect("the database opens");
        let tables: Vec<(String,)> = sqlx::query_as(
            "select tablename::text from pg_tables where schemaname = 'public' and tablename not like '\\_%' order by 1",
        )
        .fetch_all(&mut connection)
        .await
        .expect("the tables are listed");
        let rows = tables.iter().map(|(table,)| selected(table, &format!("\"{table}\"::text")));
        let sql = rows.collect::<Vec<_>>().join(" union all ");
        Self { connection: Either::Postgres(connection), sql }
    }

    /// (table, row) of everything that is the tenant's.
    pub async fn of(&mut self, tenant: &str) -> BTreeSet<(String, String)> {
        let sql = AssertSqlSafe(self.sql.clone());
        let rows: Vec<(String, String)> = match &mut self.connection {
            Either::Sqlite(connection) => sqlx::query_as(sql).bind(tenant).fetch_all(connection).await,
            Either::Postgres(connection) => sqlx::query_as(sql).bind(tenant).fetch_all(connection).await,
        }
        .expect("everything can be read");
        rows.into_iter().collect()
    }
}

fn selected(table: &str, row: &str) -> String {
    let tenant = if table == "tenant" { "id" } else { "tenant" };
    format!("select '{table}', {row} from \"{table}\" where {tenant} = $1")
}

/// What differs, `+` for what is there now only; nothing if they are equal.
pub fn differences(before: &BTreeSet<(String, String)>, after: &BTreeSet<(String, String)>) -> Vec<String> {
    let told = |sign, (table, row): &(String, String)| format!("{sign} {table} {row}");
    let gone = before.difference(after).map(|row| told('-', row));
    gone.chain(after.difference(before).map(|row| told('+', row))).collect()
}
