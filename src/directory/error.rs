//! What a use case can answer instead.

use crate::{scim, store};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's to read and mend.
    #[error(transparent)]
    Scim(scim::Error),
    /// A refusal that an administrator can mend: it leaves a row in the conflict queue and changes nothing else.
    #[error("{error}")]
    Refused { error: scim::Error, code: &'static str, resource: Option<String> },
    /// Too many races lost, or no connection in time: try again.
    #[error("the server is busy")]
    Busy,
    /// Logged, never shown.
    #[error(transparent)]
    Store(store::Error),
}

impl Error {
    /// Whether the transaction may start again.
    pub(crate) fn is_race(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_race())
    }
}

impl From<scim::Error> for Error {
    fn from(error: scim::Error) -> Self {
        Self::Scim(error)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(reason) => {
                tracing::warn!(reason, "the database is out of reach");
                Self::Busy
            }
            other => Self::Store(other),
        }
    }
}
