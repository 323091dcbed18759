//! A database of one's own for a test, on SQLite or PostgreSQL, gone when the guard is dropped.
//!
//! On PostgreSQL it is a clone of a template that already has the tables: migrating once and copying is many times
//! faster than migrating for every test. The template is named by a hash of the migrations, so a changed migration gets
//! a new one, and it is built under an advisory lock, so that test processes started together do not race.
//!
//! The server is named by `ROLLKEEPER_TEST_POSTGRES` (`./check` starts a throwaway one and sets it). The user must be
//! allowed to create databases. Without the variable a PostgreSQL test fails: a test that cannot run is never skipped.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use url::Url;

/// Any number, as long as every test process uses the same.
const TEMPLATE_LOCK: i64 = 0x524f_4c4c;

pub struct Database {
    url: String,
    place: Place,
}

enum Place {
    File(TempDir),
    Server { server: Url, name: String },
}

impl Database {
    /// An empty SQLite file in a folder of its own. The tables are made by whoever connects.
    pub fn sqlite() -> Database {
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("rollkeeper.db").display());
        Database { url, place: Place::File(folder) }
    }

    /// A PostgreSQL database that has the tables of `migrations/postgres` and no rows.
    pub async fn postgres() -> Database {
        let server = server();
        let template = template(&server).await;
        let name = format!("rk_test_{}_{:016x}", std::process::id(), RandomState::new().build_hasher().finish());
        let mut connection = connect(&server).await;
        run(&mut connection, format!("create database {name} template {template}")).await;
        connection.close().await.expect("the connection closes");
        Database { url: named(&server, &name).into(), place: Place::Server { server, name } }
    }

    /// What `--database` takes.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Server { .. })
    }

    /// The SQLite file, to look at it or to open it again after a crash.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File(folder) => Some(folder.path().join("rollkeeper.db")),
            Place::Server { .. } => None,
        }
    }
}

/// How many events the tenant has, whether a reader may see them yet or not.
pub async fn stored_events(url: &str, tenant: &str) -> usize {
    let sql = "select count(*) from event where tenant = $1";
    let count: i64 = if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.expect("the database opens");
        sqlx::query_scalar(sql).bind(tenant).fetch_one(&mut connection).await.expect("a number")
    } else {
        let mut connection = PgConnection::connect(url).await.expect("the database opens");
        sqlx::query_scalar(sql).bind(tenant).fetch_one(&mut connection).await.expect("a number")
    };
    usize::try_from(count).expect("a count")
}

impl Drop for Database {
    fn drop(&mut self) {
        let Place::Server { server, name } = &self.place else { return };
        let (server, name) = (server.clone(), name.clone());
        // A thread with a runtime of its own: a drop may happen inside a runtime or after it has gone. `force` ends the
        // connections that a pool still holds. Failing to tidy up is not the test's failure.
        let tidy = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut connection = PgConnection::connect(server.as_str()).await.ok()?;
                let sql = format!("drop database if exists {name} with (force)");
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.ok()
            })
        });
        drop(tidy.join());
    }
}

/// The server that the tests may create databases on.
fn server() -> Url {
    let Ok(url) = std::env::var("ROLLKEEPER_TEST_POSTGRES") else {
        panic!(
            "this test needs PostgreSQL: run ./check, which starts a throwaway server, or set \
             ROLLKEEPER_TEST_POSTGRES to the URL of one where databases may be created, \
             for example postgres://postgres@127.0.0.1:5432/postgres"
        );
    };
    Url::parse(&url).expect("ROLLKEEPER_TEST_POSTGRES is a URL, postgres://user@host:port/database")
}

/// The name of the migrated template, which is built if this server does not have it yet.
async fn template(server: &Url) -> String {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let name = format!("rk_template_{}", digest(&migrations));
    let mut connection = connect(server).await;
    if exists(&mut connection, &name).await {
        return name;
    }
    sqlx::query("select pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut connection)
        .await
        .expect("the template lock");
    if !exists(&mut connection, &name).await {
        // Built under another name and renamed at the end, so that a process that died half-way leaves no broken template.
        let unfinished = format!("{name}_unfinished");
        run(&mut connection, format!("drop database if exists {unfinished} with (force)")).await;
        run(&mut connection, format!("create database {unfinished}")).await;
        let mut inside = connect(&named(server, &unfinished)).await;
        Migrator::new(migrations)
            .await
            .expect("the migrations can be read")
            .run(&mut inside)
            .await
            .expect("the migrations run on PostgreSQL");
        inside.close().await.expect("the connection closes");
        run(&mut connection, format!("alter database {unfinished} rename to {name}")).await;
    }
    // Closing the session gives the lock back.
    connection.close().await.expect("the connection closes");
    name
}

async fn exists(connection: &mut PgConnection, name: &str) -> bool {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await
        .expect("the list of databases")
}

async fn connect(url: &Url) -> PgConnection {
    match PgConnection::connect(url.as_str()).await {
        Ok(connection) => connection,
        Err(error) => panic!("the PostgreSQL server of ROLLKEEPER_TEST_POSTGRES does not answer: {error}"),
    }
}

async fn run(connection: &mut PgConnection, sql: String) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(connection).await {
        panic!("{sql}: {error}");
    }
}

fn named(server: &Url, name: &str) -> Url {
    let mut url = server.clone();
    url.set_path(name);
    url
}

/// Sixteen digits that change whenever a migration does.
fn digest(folder: &Path) -> String {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder entry").path())
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.file_name().expect("a file has a name").as_encoded_bytes());
        hash.update(std::fs::read(&file).expect("a migration can be read"));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
