//! What can go wrong, sorted by what to do about it.

use std::fmt::Display;
use std::path::Path;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failed storage operation: one line for people, a [`kind`](Error::kind) for programs.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What to do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The disk is full. Nothing of the transaction was stored; it may work later.
    Full,
    /// The disk failed, possibly while making a commit durable, so what is stored is unknown. Stop the
    /// process, do not retry: a second fsync can succeed without having written what the first one lost.
    Fatal,
    /// Another connection held the lock for too long, or every read connection is taken. It may work later.
    Busy,
    /// The file is not a database, or a damaged one. Restore it.
    Corrupt,
    /// A stored row is not what was written. Others may be read all the same.
    Unreadable,
    /// The row contradicts what is stored (an id used twice, a missing parent, a refused value, one too large), or the
    /// row to change is not there. The same again fails again.
    Conflict,
    /// Another server has this data file open.
    InUse,
    /// The folder, the file, its permissions or a setting of SQLite are not as they must be. An operator has
    /// to help.
    Config,
    /// The database was written by a newer version of this program.
    Newer,
    /// Anything else: memory is short, somebody interrupts, the statement is wrong. It may work later.
    Unavailable,
}

/// SQLite's result codes by their texts, and what to do about each. What is not here is
/// [`Unavailable`](ErrorKind::Unavailable).
///
/// Diesel hides the codes, except for constraints. The texts are as fixed as the codes: they come from the table in
/// `sqlite3ErrStr`, and SQLite is built into this program. Extended codes have the texts of their classes.
const CLASSES: [(&str, ErrorKind); 19] = [
    // FULL: ENOSPC while writing, or the database as large as it may be.
    ("database or disk is full", ErrorKind::Full),
    // IOERR, all extended codes: EIO, EDQUOT and whatever else the system says to a write, fsync, truncate or mapping, and
    // most of what it says to a read. (IOERR_NOMEM comes as NOMEM.)
    ("disk I/O error", ErrorKind::Fatal),
    // BUSY, BUSY_SNAPSHOT, BUSY_RECOVERY.
    ("database is locked", ErrorKind::Busy),
    // LOCKED, LOCKED_SHAREDCACHE.
    ("database table is locked", ErrorKind::Busy),
    ("database schema is locked", ErrorKind::Busy),
    // PROTOCOL: others open and close the database all the time.
    ("locking protocol", ErrorKind::Busy),
    // NOTADB.
    ("file is not a database", ErrorKind::Corrupt),
    // CORRUPT, and what is found while the schema is read. IOERR_CORRUPTFS comes as this: EIO to a read.
    ("database disk image is malformed", ErrorKind::Corrupt),
    ("malformed database schema", ErrorKind::Corrupt),
    // CANTOPEN: no such folder, no permission, no file descriptor.
    ("unable to open database file", ErrorKind::Config),
    // READONLY, READONLY_DBMOVED, READONLY_DIRECTORY.
    ("attempt to write a readonly database", ErrorKind::Config),
    // PERM, AUTH.
    ("access permission denied", ErrorKind::Config),
    ("authorization denied", ErrorKind::Config),
    // CONSTRAINT without a kind of its own, and CONSTRAINT_DATATYPE.
    ("constraint failed", ErrorKind::Conflict),
    ("cannot store ", ErrorKind::Conflict),
    // MISMATCH, TOOBIG.
    ("datatype mismatch", ErrorKind::Conflict),
    ("string or blob too big", ErrorKind::Conflict),
    // NOMEM, INTERRUPT.
    ("out of memory", ErrorKind::Unavailable),
    ("interrupted", ErrorKind::Unavailable),
];

impl Error {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// A row that cannot be read: what is stored is not what was written.
    pub fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Unreadable, format!("a stored row cannot be read: {what}"))
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    /// Sorts an error of which only the text is left; `otherwise` is for texts that say nothing known.
    pub(crate) fn from_text(text: impl Display, otherwise: ErrorKind) -> Self {
        let message = text.to_string();
        let kind =
            CLASSES.iter().find(|(text, _)| message.contains(text)).map_or(otherwise, |(_, kind)| *kind);
        Self { kind, message }
    }

    /// The same error, saying which file it is about.
    #[must_use]
    pub fn at(self, path: impl AsRef<Path>) -> Self {
        let message = format!("{}: {}", path.as_ref().display(), self.message);
        Self { message, ..self }
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let kind = match &error {
            DieselError::NotFound
            | DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                | DatabaseErrorKind::ForeignKeyViolation
                | DatabaseErrorKind::NotNullViolation
                | DatabaseErrorKind::CheckViolation,
                _,
            ) => ErrorKind::Conflict,
            // What is stored cannot be read back as what was stored.
            DieselError::DeserializationError(_) => ErrorKind::Unreadable,
            // A rollback failed and the connection is stuck in its transaction; only a new process gets out
            // of it.
            DieselError::BrokenTransactionManager => ErrorKind::Fatal,
            _ => ErrorKind::Unavailable,
        };
        // Diesel names the column and leaves what is wrong with it to the source.
        if let DieselError::DeserializationError(inner) = &error
            && let Some(cause) = inner.source()
        {
            return Self::from_text(format_args!("{error}: {cause}"), kind);
        }
        Self::from_text(error, kind)
    }
}

#[cfg(test)]
mod tests;
