//! Two engines, one store. SQLite has one writer (`synchronous=FULL`, `begin immediate`) and several readers;
//! PostgreSQL has a pool. A transaction is a value: opened once per use case, dropped on error, committed in one place.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Postgres, Sqlite, Transaction};

use super::{Error, Fuse, migrations};

/// How many connections; the defaults suit one machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Readers on SQLite, all connections on PostgreSQL.
    pub connections: u32,
    /// How long a request waits for a connection before it is told that the server is busy.
    pub wait: Duration,
    /// How long one read may run before it is stopped, whatever became of the request.
    pub statement: Duration,
    /// For tests of crashes; no setting leads here.
    #[doc(hidden)]
    pub fuse: Option<Fuse>,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 16, wait: Duration::from_secs(10), statement: Duration::from_secs(30), fuse: None }
    }
}

#[derive(Clone, Debug)]
pub struct Engine {
    pools: Pools,
    statement: Duration,
    fuse: Option<Fuse>,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres(PgPool),
}

/// A transaction bound to one tenant. Dropping it undoes it.
pub struct Tx {
    pub(super) line: Line,
    pub(super) tenant: String,
}

/// The way to the database, which every statement asks for anew.
pub(super) struct Line {
    conn: Conn,
    fuse: Option<Fuse>,
}

pub(super) enum Conn {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// The WAL-reset defect of SQLite can lose committed pages in versions before this one.
const SQLITE_MINIMUM: (u32, u32, u32) = (3, 51, 3);

impl Engine {
    /// Opens `sqlite://path`, `sqlite::memory:` (refused: it cannot have a reader beside its writer) or `postgres://…`.
    pub async fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let connect = PgConnectOptions::from_str(url)
                .map_err(|e| Error::Setup(format!("database: {e}")))?
                .options([("statement_timeout", options.statement.as_millis().to_string())])
                .disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(options.connections)
                .acquire_timeout(options.wait)
                .connect_with(connect)
                .await?;
            let (statement, fuse) = (options.statement, options.fuse.clone());
            return Ok(Self { pools: Pools::Postgres(pool), statement, fuse });
        }
        if !url.starts_with("sqlite:") || url.contains(":memory:") {
            return Err(Error::Setup(
                "database: allowed are sqlite:///path/to/file and postgres://user@host/name".to_owned(),
            ));
        }
        let connect = SqliteConnectOptions::from_str(url)
            .map_err(|e| Error::Setup(format!("database: {e}")))?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(options.wait)
            .disable_statement_logging()
            .pragma("secure_delete", "on")
            .pragma("cache_size", "-65536")
            .pragma("temp_store", "memory");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(options.wait)
            .connect_with(connect.clone())
            .await?;
        let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(&write).await?;
        let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
        if let [major, minor, patch, ..] = numbers[..]
            && (major, minor, patch) < SQLITE_MINIMUM
        {
            return Err(Error::Setup(format!("SQLite {version} can lose committed pages; 3.51.3 or newer is needed")));
        }
        let read = SqlitePoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.wait)
            .connect_with(connect.pragma("query_only", "on"))
            .await?;
        let (statement, fuse) = (options.statement, options.fuse.clone());
        Ok(Self { pools: Pools::Sqlite { write, read }, statement, fuse })
    }

    /// Brings the tables up to date. Several servers may start at once: PostgreSQL's advisory lock lets one migrate.
    pub async fn migrate(&self) -> Result<(), Error> {
        let done = match &self.pools {
            Pools::Sqlite { write, .. } => migrations::sqlite().run(write).await,
            Pools::Postgres(pool) => migrations::postgres().run(pool).await,
        };
        done.map_err(|e| Error::Setup(format!("migration: {e}")))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        match &self.pools {
            Pools::Sqlite { read, .. } => sqlx::query("select 1").execute(read).await.map(drop)?,
            Pools::Postgres(pool) => sqlx::query("select 1").execute(pool).await.map(drop)?,
        }
        Ok(())
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// A transaction that may write, bound to the tenant.
    pub async fn write(&self, tenant: &str) -> Result<Tx, Error> {
        let conn = match &self.pools {
            Pools::Sqlite { write, .. } => Conn::Sqlite(write.begin_with("begin immediate").await?),
            Pools::Postgres(pool) => Conn::Postgres(pool.begin().await?),
        };
        Ok(Tx { line: Line { conn, fuse: self.fuse.clone() }, tenant: tenant.to_owned() })
    }

    /// One snapshot for several reads, bound to the tenant.
    pub async fn read(&self, tenant: &str) -> Result<Tx, Error> {
        let conn = match &self.pools {
            Pools::Sqlite { read, .. } => {
                let mut tx = read.begin_with("begin").await?;
                stop_at(&mut tx, Instant::now() + self.statement).await?;
                Conn::Sqlite(tx)
            }
            Pools::Postgres(pool) => {
                Conn::Postgres(pool.begin_with("begin isolation level repeatable read read only").await?)
            }
        };
        Ok(Tx { line: Line { conn, fuse: None }, tenant: tenant.to_owned() })
    }

    /// Brings the write-ahead log into the file and empties it, so that what was erased is in neither. Whoever reads at this
    /// moment may keep a part of it; the next call takes that. PostgreSQL does so by itself.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        if let Pools::Sqlite { write, .. } = &self.pools {
            sqlx::query("pragma wal_checkpoint(truncate)").execute(write).await?;
        }
        Ok(())
    }

    /// Ends all connections, so that the last commit is in the file when the process exits.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// SQLite runs a statement to its end even when nobody waits for it any more; this ends it at the deadline.
async fn stop_at(tx: &mut Transaction<'static, Sqlite>, deadline: Instant) -> Result<(), Error> {
    tx.lock_handle().await?.set_progress_handler(100_000, move || Instant::now() < deadline);
    Ok(())
}

impl Tx {
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.line.conn, Conn::Postgres(_))
    }

    pub async fn commit(mut self) -> Result<(), Error> {
        self.line.open()?;
        match self.line.conn {
            Conn::Sqlite(tx) => tx.commit().await?,
            Conn::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl Line {
    /// The connection, for one statement.
    pub fn open(&mut self) -> Result<&mut Conn, sqlx::Error> {
        if let Some(fuse) = &self.fuse {
            fuse.pass()?;
        }
        Ok(&mut self.conn)
    }
}

/// Rows of one statement on either engine.
macro_rules! all {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match $tx.line.open() {
            Ok($crate::store::engine::Conn::Sqlite(conn)) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **conn).await,
            Ok($crate::store::engine::Conn::Postgres(conn)) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **conn).await,
            Err(cut) => Err(cut),
        }.map_err($crate::store::Error::from)
    };
}

/// At most one row.
macro_rules! one {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match $tx.line.open() {
            Ok($crate::store::engine::Conn::Sqlite(conn)) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(&mut **conn).await,
            Ok($crate::store::engine::Conn::Postgres(conn)) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(&mut **conn).await,
            Err(cut) => Err(cut),
        }.map_err($crate::store::Error::from)
    };
}

/// Rows, each locked against other writers until the end of the transaction. SQLite has one writer and needs no lock;
/// PostgreSQL takes the lock that does not collide with foreign keys (a plain `for update` deadlocks with them).
macro_rules! locked {
    (at once, $tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::store::engine::locked!(with " for no key update nowait", $tx, $row, $sql $(, $arg)*)
    };
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        $crate::store::engine::locked!(with " for no key update", $tx, $row, $sql $(, $arg)*)
    };
    (with $lock:literal, $tx:expr, $row:ty, $sql:expr $(, $arg:expr)*) => {
        match $tx.line.open() {
            Ok($crate::store::engine::Conn::Sqlite(conn)) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **conn).await,
            Ok($crate::store::engine::Conn::Postgres(conn)) =>
                sqlx::query_as::<_, $row>(concat!($sql, $lock))$(.bind($arg))*.fetch_all(&mut **conn).await,
            Err(cut) => Err(cut),
        }.map_err($crate::store::Error::from)
    };
}

/// Executes a statement; the number of rows it touched.
macro_rules! run {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        match $tx.line.open() {
            Ok($crate::store::engine::Conn::Sqlite(conn)) =>
                sqlx::query($sql)$(.bind($arg))*.execute(&mut **conn).await.map(|done| done.rows_affected()),
            Ok($crate::store::engine::Conn::Postgres(conn)) =>
                sqlx::query($sql)$(.bind($arg))*.execute(&mut **conn).await.map(|done| done.rows_affected()),
            Err(cut) => Err(cut),
        }.map_err($crate::store::Error::from)
    };
}

/// A struct is read from the columns that are called as its fields are. sqlx derives this too, but its macros have both
/// drivers built a second time for the compiler, with all that is written in C.
macro_rules! row {
    ($row:ident { $($column:ident),* $(,)? }) => {
        $crate::store::engine::row!(impl $row, sqlx::sqlite::SqliteRow, $($column),*);
        $crate::store::engine::row!(impl $row, sqlx::postgres::PgRow, $($column),*);
    };
    (impl $row:ident, $engine:ty, $($column:ident),*) => {
        impl sqlx::FromRow<'_, $engine> for $row {
            fn from_row(row: &$engine) -> Result<Self, sqlx::Error> {
                Ok(Self { $($column: sqlx::Row::try_get(row, stringify!($column))?),* })
            }
        }
    };
}

pub(super) use {all, locked, one, row, run};
