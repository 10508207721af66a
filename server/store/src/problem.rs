//! What can be wrong with the store as a whole.

use std::path::Path;

/// With less free space the disk counts as full: a transaction needs some for its log.
pub(super) const LEAST_FREE: u64 = 1 << 20;

/// A problem that makes the server not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreProblem {
    /// The database's files were deleted, renamed or replaced.
    Moved,
    /// The database does not answer, or answers wrongly.
    Unreadable,
    /// Tables are missing.
    Incomplete,
    /// The disk is full, or the database is as large as it may be.
    Full,
}

/// How many bytes an ordinary user may still write to the disk of this folder; `None` if the system
/// does not tell.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
