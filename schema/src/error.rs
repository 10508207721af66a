//! Errors, classified by what to do about them.

use std::fmt::Display;
use std::path::Path;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failed operation: a message of one line for people, a [`kind`](Error::kind) for programs.
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
    /// The disk failed, possibly during a commit, so nobody knows what is stored. Stop the process,
    /// do not retry: a second fsync can succeed without having written what the first one lost.
    Fatal,
    /// Another connection held the lock for too long, or all connections of the pool are in use. It
    /// may work later.
    Busy,
    /// The file is not a database, or a damaged one. Restore it.
    Corrupt,
    /// A stored row is malformed. Other rows can still be read.
    Unreadable,
    /// The row contradicts stored rows (a duplicate id, a missing parent) or the schema (a refused
    /// or too large value), or the row to change does not exist. A retry fails again.
    Conflict,
    /// Another server has this data file open.
    InUse,
    /// The folder, the file, its permissions or a setting of SQLite are wrong. An operator must fix
    /// it.
    Config,
    /// The database was written by a newer version of this program.
    Newer,
    /// The server of the database cannot be reached, or the connection to it is lost. Nothing of
    /// the transaction was stored. Another connection may work later.
    Disconnected,
    /// The connection to the server was lost during a commit: nobody knows whether the transaction
    /// is stored. Repeat it, if that changes nothing.
    InDoubt,
    /// Anything else: out of memory, interrupted, a wrong statement. It may work later.
    Unavailable,
}

/// Errors by their messages, with their classes. Any other is
/// [`Unavailable`](ErrorKind::Unavailable).
///
/// Diesel hides the codes, except for constraints. SQLite's messages are as stable as the codes:
/// they come from the table in `sqlite3ErrStr`, and SQLite is built into this program. Extended
/// codes have the messages of their classes.
const CLASSES: [(&str, ErrorKind); 19] = [
    // FULL: ENOSPC while writing, or the database has reached its limit.
    ("database or disk is full", ErrorKind::Full),
    // IOERR with all extended codes: EIO, EDQUOT and any other error of a write, fsync, truncate or
    // mapping, and most errors of a read. (IOERR_NOMEM comes as NOMEM.)
    ("disk I/O error", ErrorKind::Fatal),
    // BUSY, BUSY_SNAPSHOT, BUSY_RECOVERY.
    ("database is locked", ErrorKind::Busy),
    // LOCKED, LOCKED_SHAREDCACHE.
    ("database table is locked", ErrorKind::Busy),
    ("database schema is locked", ErrorKind::Busy),
    // PROTOCOL: other processes open and close the database all the time.
    ("locking protocol", ErrorKind::Busy),
    // NOTADB.
    ("file is not a database", ErrorKind::Corrupt),
    // CORRUPT, also while reading the schema. IOERR_CORRUPTFS comes as this: EIO from a read.
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

/// PostgreSQL's messages, and those of libpq. A server may say them in another language; then the
/// class is [`Unavailable`](ErrorKind::Unavailable), and the connection is tested.
const ON_SERVERS: [(&str, ErrorKind); 13] = [
    ("No space left on device", ErrorKind::Full),
    ("deadlock detected", ErrorKind::Busy),
    ("due to lock timeout", ErrorKind::Busy),
    ("due to statement timeout", ErrorKind::Busy),
    ("server closed the connection", ErrorKind::Disconnected),
    ("no connection to the server", ErrorKind::Disconnected),
    ("connection to server", ErrorKind::Disconnected),
    ("terminating connection", ErrorKind::Disconnected),
    ("SSL connection has been closed", ErrorKind::Disconnected),
    ("could not receive data from server", ErrorKind::Disconnected),
    ("could not send data to server", ErrorKind::Disconnected),
    ("the database system is", ErrorKind::Disconnected),
    // A standby, after a failover.
    ("in a read-only transaction", ErrorKind::Disconnected),
];

impl Error {
    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// An error for a malformed row.
    pub fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Unreadable, format!("a stored row cannot be read: {what}"))
    }

    /// An error for something that was lost with the connection to the server, and is not stored.
    pub fn lost(what: impl Display) -> Self {
        Self::new(ErrorKind::Disconnected, format!("{what} was lost with the connection to the server"))
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    /// Classifies an error of which only the message is left; `otherwise` is for unknown messages.
    pub(crate) fn from_text(text: impl Display, otherwise: ErrorKind) -> Self {
        let message = text.to_string();
        let mut classes = CLASSES.iter().chain(&ON_SERVERS);
        let kind = classes.find(|(text, _)| message.contains(text)).map_or(otherwise, |(_, kind)| *kind);
        Self { kind, message }
    }

    /// Adds the file to the message.
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
            // A stored value does not convert.
            DieselError::DeserializationError(_) => ErrorKind::Unreadable,
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                _,
            ) => ErrorKind::Disconnected,
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => ErrorKind::Busy,
            // A rollback failed and the connection is stuck in its transaction; only a new process
            // helps.
            DieselError::BrokenTransactionManager => ErrorKind::Fatal,
            _ => ErrorKind::Unavailable,
        };
        // Diesel names the column and leaves the cause to the source.
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
