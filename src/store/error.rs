//! What can go wrong below the use cases.

/// A failure of the store. Only [`Error::Conflict`], [`Error::Taken`] and [`Error::Lost`] are expected in a healthy system.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique index refused the row: two requests raced for one identity. Starting again shows who won.
    #[error("a unique value is already taken")]
    Conflict,
    /// Another transaction holds a lock that this one would not wait for.
    #[error("another transaction holds a lock on it")]
    Taken,
    /// The engine gave up on this transaction (deadlock, serialization, busy): starting again is safe.
    #[error("the transaction lost a race: {0}")]
    Lost(String),
    /// No connection could be had in time.
    #[error("the database is busy or out of reach: {0}")]
    Unavailable(String),
    /// A stored row that this program cannot have written.
    #[error("corrupt row in {table}: {detail}")]
    Corrupt { table: &'static str, detail: String },
    #[error("{0}")]
    Setup(String),
    #[error(transparent)]
    Sql(sqlx::Error),
}

impl Error {
    pub(crate) fn corrupt(table: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt { table, detail: detail.to_string() }
    }

    /// Whether a lock was not to be had at once.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Taken)
    }

    /// Whether the whole transaction may be tried again.
    pub fn is_race(&self) -> bool {
        matches!(self, Self::Conflict | Self::Taken | Self::Lost(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(db) if db.is_unique_violation() => Self::Conflict,
            // 40P01 deadlock, 40001 serialization failure; SQLite: 5 busy, 6 locked and their extended codes.
            sqlx::Error::Database(db) => match db.code().as_deref() {
                Some("40P01" | "40001" | "5" | "6" | "261" | "262" | "517") => Self::Lost(db.message().to_owned()),
                Some("55P03") => Self::Taken,
                // A statement that ran out of time: 57014, SQLite 9.
                Some("53300" | "57P01" | "57P02" | "57P03" | "57014" | "9") => {
                    Self::Unavailable(db.message().to_owned())
                }
                _ => Self::Sql(error),
            },
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Sql(error),
        }
    }
}
