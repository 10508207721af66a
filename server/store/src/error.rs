//! Why the store did not do something.

use std::{path::PathBuf, time::Duration};

use vestibule_approve::refusal::Refusal;

/// The store cannot do anything at the moment, whatever it is asked for. Nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is full, or the database is as large as it may be.
    #[error("there is no room left to store anything")]
    Full,
    /// The database cannot be read or written. The log has the reason.
    #[error("the database cannot be read or written")]
    Unavailable,
    /// The writer's queue is full.
    #[error("too many commands wait for the writer")]
    Overloaded,
}

impl StoreError {
    /// When a repeat may succeed.
    pub fn retry_after(self) -> Duration {
        Duration::from_secs(match self {
            Self::Full => 60,
            Self::Unavailable => 5,
            Self::Overloaded => 1,
        })
    }
}

/// Why a command was not carried out. Nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The rules refuse it.
    #[error("refused: {}", .0.reason.as_str())]
    Refused(Refusal),
    /// The store did not get as far as deciding it, or could not keep the decision.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database itself.
    #[error(transparent)]
    Database(#[from] vestibule_schema::Error),
    /// The database's files are not there, although it was opened.
    #[error("cannot find {}: {source}", path.display())]
    Files {
        /// The database.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The folder for what is kept beside a database on a server cannot be created.
    #[error("cannot create {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The server answers before something is stored.
    #[error(
        "the database's server has {0} = off, so that what was answered may be lost; turn it on, or start with --durability relaxed"
    )]
    NotDurable(&'static str),
    /// A thread cannot be started.
    #[error("cannot start a thread of the store: {0}")]
    Thread(std::io::Error),
}
