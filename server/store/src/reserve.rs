//! A little of the disk that is kept for a start on a full one.
//!
//! Without the index of its log, which is a file, SQLite cannot even read, and a server that was stopped has taken that file
//! away. A start that finds no room for it gives up the spare file instead: what is stored is shown, and what is new is refused
//! until there is room again.

use std::{fs, path::Path};

use crate::durable;

/// The index takes 32 KiB, and the log's first transaction, which notes the start, some more.
const BYTES: usize = 64 * 1024;

/// Makes the spare file, if it is not there. Where there is no room for it, the next start may find some.
pub(super) fn keep(database: &Path) {
    let path = database.with_extension("spare");
    if path.metadata().is_ok_and(|found| found.len() >= BYTES as u64) {
        return;
    }
    if let Err(error) = durable::write(&path, &vec![0; BYTES]) {
        tracing::warn!(%error, "{} cannot be made, so a start on a full disk may fail", path.display());
    }
}

/// Gives up the spare file; says whether there was one.
pub(super) fn give_up(database: &Path) -> bool {
    fs::remove_file(database.with_extension("spare")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_given_up_once() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("v.db");
        assert!(!give_up(&database));
        keep(&database);
        keep(&database);
        assert_eq!(folder.path().join("v.spare").metadata().unwrap().len(), BYTES as u64);
        assert!(give_up(&database));
        assert!(!give_up(&database));
    }
}
