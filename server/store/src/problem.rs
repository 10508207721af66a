//! What can be wrong with the store as a whole.

use std::path::Path;

/// Less than so much free space is none: a transaction needs some for its log.
pub(super) const LEAST_FREE: u64 = 1 << 20;

/// What is wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreProblem {
    /// Its files are not where they were opened.
    Moved,
    /// It does not answer, or not as it should.
    Unreadable,
    /// Tables are missing.
    Incomplete,
    /// There is no space: the disk is full, or the database as large as it may be.
    Full,
}

/// What an ordinary user may still write to the disk of this folder; `None` where the system does not say.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
