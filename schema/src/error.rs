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
    /// The row contradicts what is stored (an id used twice, a missing parent, a refused value), or the row
    /// to change is not there. The same again fails again.
    Conflict,
    /// Another server has this data file open.
    InUse,
    /// The folder, the file, its permissions or a setting of SQLite are not as they must be. An operator has
    /// to help.
    Config,
    /// The database was written by a newer version of this program.
    Newer,
    /// Anything else.
    Unavailable,
}

impl Error {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// A row that cannot be read: what is stored is not what was written.
    pub fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Corrupt, format!("a stored row cannot be read: {what}"))
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    /// Sorts an error of which only the text is left; `otherwise` is for texts that say nothing known.
    ///
    /// Diesel hides SQLite's result codes, except for constraints. The texts are as fixed as the codes: they
    /// come from the table in `sqlite3ErrStr`, and SQLite is built into this program.
    pub(crate) fn from_text(text: impl Display, otherwise: ErrorKind) -> Self {
        const TEXTS: [(&str, ErrorKind); 9] = [
            ("database or disk is full", ErrorKind::Full),
            ("disk I/O error", ErrorKind::Fatal),
            ("database is locked", ErrorKind::Busy),
            ("database table is locked", ErrorKind::Busy),
            ("file is not a database", ErrorKind::Corrupt),
            ("database disk image is malformed", ErrorKind::Corrupt),
            ("malformed database schema", ErrorKind::Corrupt),
            ("unable to open database file", ErrorKind::Config),
            ("attempt to write a readonly database", ErrorKind::Config),
        ];
        let message = text.to_string();
        let kind = TEXTS.iter().find(|(text, _)| message.contains(text)).map_or(otherwise, |(_, kind)| *kind);
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
            DieselError::DeserializationError(_) => ErrorKind::Corrupt,
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
