//! What follows from a database error: for the caller, the log, readiness and the writer.
//!
//! | what went wrong | the answer | log | readiness | the writer |
//! |---|---|---|---|---|
//! | full: the disk, a quota, `--max-store` | `Full` | error, once a spell | `disk_full` | goes on |
//! | the disk failed | none | error | | stops, 74 |
//! | locked by another program | `Unavailable` | warning | | goes on |
//! | damaged, or no database | `Unavailable` | error | `database` | goes on |
//! | read only, cannot be opened | `Unavailable` | error | `database` | goes on |
//! | the server cannot be reached | `Unavailable` | warning, now and then | `database` | connects anew |
//! | a commit without an answer | `Unavailable` | error | | connects anew, and asks |
//! | one row that cannot be read | `Unavailable` | error | | goes on |
//! | a row that contradicts others; memory is short; interrupted; anything else | `Unavailable` | error | | goes on |
//!
//! `vestibule_schema::error` classifies SQLite's codes. After a failed fsync the kernel may have
//! dropped pages that it could not write, and a retry would report success although they are lost.
//! So the process ends, and the next start recovers from the log. But SQLite also reports "disk I/O
//! error" when a disk quota is used up or its shared memory cannot grow, so the process first tests
//! whether there is space (`docs/decisions/0037`).

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use vestibule_schema::{Error, ErrorKind};

use crate::{
    error::StoreError,
    metrics::StoreMetrics,
    problem::{LEAST_FREE, StoreProblem, free_bytes},
};

/// `EX_IOERR` of sysexits.h: the process ends because the disk cannot be trusted.
pub(super) const EXIT_IO: i32 = 74;

/// How often to say that the server cannot be reached.
const SAY_LOSS_EVERY: Duration = Duration::from_secs(10);

/// Decides what follows from an error. Shared by the writer and by the store.
#[derive(Clone, Debug)]
pub(super) struct FailurePolicy {
    /// The folder of the data file.
    folder: PathBuf,
    metrics: Arc<StoreMetrics>,
    loss_said_at: Arc<Mutex<Option<Instant>>>,
}

/// Classes of errors that are treated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Full,
    Disk,
    Locked,
    Database,
    Lost,
    Passing,
}

fn fault(kind: ErrorKind) -> Fault {
    match kind {
        ErrorKind::Full => Fault::Full,
        ErrorKind::Fatal => Fault::Disk,
        ErrorKind::Busy => Fault::Locked,
        ErrorKind::Corrupt | ErrorKind::Config => Fault::Database,
        ErrorKind::Disconnected => Fault::Lost,
        _ => Fault::Passing,
    }
}

impl FailurePolicy {
    pub(super) fn new(folder: PathBuf, metrics: Arc<StoreMetrics>) -> Self {
        Self { folder, metrics, loss_said_at: Arc::default() }
    }

    /// The error after a failed write. Does not return if the disk failed.
    pub(super) fn on_write(&self, error: &Error) -> StoreError {
        let fault = match fault(error.kind()) {
            Fault::Disk if has_no_room(&self.folder) => Fault::Full,
            fault => fault,
        };
        match fault {
            Fault::Full => {
                if !self.metrics.is_in(StoreProblem::Full) {
                    tracing::error!(%error, "no space left: new frames are refused until there is some");
                }
                self.metrics.found(StoreProblem::Full);
                return StoreError::Full;
            }
            Fault::Disk => {
                tracing::error!(%error, "the disk failed: stopping, because nobody knows what it holds");
                process::exit(EXIT_IO)
            }
            Fault::Locked => tracing::warn!(%error, "another program has locked the database"),
            Fault::Database => {
                tracing::error!(%error, "the database cannot be used as it is");
                self.metrics.found(StoreProblem::Unreadable);
            }
            Fault::Lost => self.on_loss(error),
            Fault::Passing => tracing::error!(%error, "the store failed"),
        }
        StoreError::Unavailable
    }

    /// Says now and then that the server cannot be reached. Each command fails meanwhile.
    fn on_loss(&self, error: &Error) {
        let mut said_at = self.loss_said_at.lock().unwrap_or_else(PoisonError::into_inner);
        if said_at.is_none_or(|at| at.elapsed() >= SAY_LOSS_EVERY) {
            tracing::warn!(%error, "the database cannot be reached");
            *said_at = Some(Instant::now());
        }
    }

    /// The error after a failed read, which says nothing about what is stored.
    pub(super) fn on_read(&self, error: &Error) -> StoreError {
        if matches!(fault(error.kind()), Fault::Disk | Fault::Database) {
            self.metrics.found(StoreProblem::Unreadable);
        }
        if fault(error.kind()) == Fault::Lost {
            self.on_loss(error);
        } else {
            tracing::error!(%error, "the store cannot be read");
        }
        StoreError::Unavailable
    }
}

/// Whether the disk is full, or the disk quota used up. No system call tells a quota, so a write is
/// tried.
fn has_no_room(folder: &Path) -> bool {
    free_bytes(folder).is_some_and(|free| free < LEAST_FREE)
        || try_to_write(&folder.join("vestibule.probe")).is_err_and(|error| is_want_of_room(&error))
}

fn is_want_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes and syncs about as much as a transaction needs, then deletes it.
fn try_to_write(path: &Path) -> io::Result<()> {
    let block = [0; 16 * 1024];
    let blocks = LEAST_FREE / block.len() as u64;
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).and_then(
        |mut file| {
            (0..blocks).try_for_each(|_| file.write_all(&block))?;
            file.sync_all()
        },
    );
    // If it could not be created, there is nothing to remove.
    let _ = fs::remove_file(path);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_quota_counts_as_a_full_disk() {
        let error = |errno: rustix::io::Errno| io::Error::from(errno);
        assert!(is_want_of_room(&error(rustix::io::Errno::DQUOT)));
        assert!(is_want_of_room(&error(rustix::io::Errno::NOSPC)));
        for other in [rustix::io::Errno::IO, rustix::io::Errno::ROFS, rustix::io::Errno::FBIG] {
            assert!(!is_want_of_room(&error(other)), "{other}");
        }
    }

    #[test]
    fn a_test_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        try_to_write(&folder.path().join("trial")).unwrap();
        assert!(try_to_write(&folder.path().join("none/trial")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn errors_are_classified_by_what_to_do() {
        for (kind, expected) in [
            (ErrorKind::Full, Fault::Full),
            (ErrorKind::Fatal, Fault::Disk),
            (ErrorKind::Busy, Fault::Locked),
            (ErrorKind::Corrupt, Fault::Database),
            (ErrorKind::Config, Fault::Database),
            (ErrorKind::Unreadable, Fault::Passing),
            (ErrorKind::Conflict, Fault::Passing),
            (ErrorKind::Unavailable, Fault::Passing),
            (ErrorKind::Disconnected, Fault::Lost),
            (ErrorKind::InDoubt, Fault::Passing),
        ] {
            assert_eq!(fault(kind), expected, "{kind:?}");
        }
    }
}
