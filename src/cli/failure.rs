//! Why a command did not do it: one clear sentence and an exit code.

use std::process::ExitCode;

use crate::{config, directory, store};

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command or a setting cannot be right: exit code 2, as for a flag that does not exist.
    #[error("{0}")]
    Usage(String),
    /// Understood, and not done: exit code 1.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// Prints the sentence on standard error.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {self}");
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Refused(_) => ExitCode::from(1),
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<directory::Error> for Failure {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::Scim(error)
            | directory::Error::Refused { error, .. }
            | directory::Error::Denied { error, .. } => Self::Refused(error.detail),
            directory::Error::Busy | directory::Error::Again(_) => {
                Self::refused("the database is busy; try again in a moment")
            }
            directory::Error::Store(error) => error.into(),
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Refused(error.to_string())
    }
}
