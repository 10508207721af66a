//! The store's configuration.

use std::{
    fmt::{self, Display, Formatter},
    path::{Path, PathBuf},
};

use vestibule_approve::limits::Quotas;
use vestibule_schema::ServerUrl;

use crate::clock::Clock;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In a file of SQLite.
    File(PathBuf),
    /// On a server of PostgreSQL.
    Server {
        /// The server's address.
        url: ServerUrl,
        /// The folder for what this program keeps beside it: how far the database had come.
        folder: PathBuf,
    },
}

impl Location {
    /// The file, unless the database is on a server.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server { .. } => None,
        }
    }

    /// The path that the mark is named after.
    pub(super) fn mark_base(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Server { folder, .. } => folder.join("vestibule.db"),
        }
    }
}

impl Display for Location {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Server { url, .. } => url.fmt(formatter),
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

/// What an answer of the database means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Stored, whatever fails: otherwise the store does not open.
    #[default]
    Full,
    /// Stored, unless the database's machine fails, where its settings say so.
    Relaxed,
}

/// What [`Store::open`](crate::Store::open) needs to know.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Quotas, for the rules.
    pub quotas: Quotas,
    /// The size to which the database may grow, in bytes; `None` for as large as the disk.
    pub max_bytes: Option<u64>,
    /// What an answer of the database must mean. A file's always means stored.
    pub durability: Durability,
    /// How many commands may wait for the writers. Further commands fail with
    /// [`StoreError::Overloaded`](crate::StoreError::Overloaded).
    pub queue: usize,
    /// About the most that one page of a list holds, in bytes. The answer to a join has three
    /// pages, as text a third larger, and must fit an outbox.
    pub page_bytes: usize,
    /// Whether lists show the accounts that are stored with requests.
    pub show_accounts: bool,
    /// The clock.
    pub clock: Clock,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            quotas: Quotas::default(),
            max_bytes: None,
            durability: Durability::Full,
            queue: 4096,
            page_bytes: 128 * 1024,
            show_accounts: false,
            clock: Clock::default(),
        }
    }
}
