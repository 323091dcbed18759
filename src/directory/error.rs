//! What a use case can answer instead.

use super::order::First;
use crate::{scim, store};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's to read and mend.
    #[error(transparent)]
    Scim(scim::Error),
    /// A refusal that an administrator can mend: it leaves a row in the conflict queue and changes nothing else.
    #[error("{error}")]
    Refused { error: scim::Error, code: &'static str, case: Case },
    /// The caller's to read; nobody has to mend it. `code` is of problem details.
    #[error("{error}")]
    Denied { error: scim::Error, code: &'static str },
    /// These are locked by others, out of the order in which everybody locks: the transaction starts again with them.
    #[error("a lock that another transaction holds")]
    Again(First),
    /// Too many races lost, or no connection in time: try again.
    #[error("the server is busy")]
    Busy,
    /// Logged, never shown.
    #[error(transparent)]
    Store(store::Error),
}

/// What waits for the administrator of a refused push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// (id, the name of what matched) of each account that it may be.
    pub candidates: Vec<(String, &'static str)>,
    /// The HMAC of the identity that was pushed: what a ruling is about.
    pub hash: Option<String>,
}

impl Error {
    /// The same, about this identity, if it is a refusal that an administrator can mend.
    pub(crate) fn about(self, hash: &str) -> Self {
        match self {
            Self::Refused { error, code, case } => {
                Self::Refused { error, code, case: Case { hash: Some(hash.to_owned()), ..case } }
            }
            other => other,
        }
    }

    /// Whether the transaction may start again.
    pub fn is_race(&self) -> bool {
        match self {
            Self::Store(error) => error.is_race(),
            Self::Again(_) => true,
            _ => false,
        }
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
