//! A reserve of disk space for starting on a full disk.
//!
//! SQLite cannot even read without its log's index, which is a file that a stopped server has
//! deleted. A start that finds no space for it deletes the reserve file. Then stored frames can be
//! read, and new ones are refused until there is space again.

use std::{fs, path::Path};

use crate::durable;

/// The index takes 32 KiB; the first transaction, which notes the start, takes some more.
const BYTES: usize = 64 * 1024;

/// Creates the reserve file if it is missing. If there is no space for it, the next start tries
/// again.
pub(super) fn keep(database: &Path) {
    let path = database.with_extension("spare");
    if path.metadata().is_ok_and(|found| found.len() >= BYTES as u64) {
        return;
    }
    if let Err(error) = durable::write(&path, &vec![0; BYTES]) {
        tracing::warn!(%error, "cannot create {}: a start on a full disk may fail", path.display());
    }
}

/// Deletes the reserve file. Returns whether there was one.
pub(super) fn give_up(database: &Path) -> bool {
    fs::remove_file(database.with_extension("spare")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_made_once_and_given_up_once() {
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
