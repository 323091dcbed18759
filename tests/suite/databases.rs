//! The ground that the other tests stand on: every test has a database of its own, and nothing of it stays.

use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::{Database, both_engines};

both_engines! {
    async fn a_database_is_ones_own_and_gone_at_the_end(database: Database) {
        let other = if database.is_postgres() { Database::postgres().await } else { Database::sqlite() };
        assert_ne!(database.url(), other.url());
        let url = other.url().to_owned();
        open(&url).await.expect("it answers");
        drop(other);
        assert!(open(&url).await.is_err(), "it is gone");
        open(database.url()).await.expect("the first one is not");
    }
}

#[tokio::test]
async fn on_postgresql_it_has_the_tables_also_when_many_start_at_once() {
    let databases = futures_util::future::join_all((0..8).map(|_| Database::postgres())).await;
    for database in &databases {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let resources: i64 =
            sqlx::query_scalar("select count(*) from resource").fetch_one(&mut connection).await.unwrap();
        assert_eq!(resources, 0);
    }
}

async fn open(url: &str) -> Result<(), sqlx::Error> {
    if url.starts_with("sqlite") {
        let options = url.parse::<sqlx::sqlite::SqliteConnectOptions>()?.create_if_missing(true);
        SqliteConnection::connect_with(&options).await?.close().await
    } else {
        PgConnection::connect(url).await?.close().await
    }
}
