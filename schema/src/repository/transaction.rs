//! Transactions.
//!
//! Diesel's own would not do: `BEGIN IMMEDIATE` and the isolation of reads differ by database, and
//! where a rollback fails, Diesel returns that error instead of its cause.

#[cfg(feature = "postgres")]
use diesel::connection::SimpleConnection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::r2d2::R2D2Connection;
use diesel::result::Error as DieselError;

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};

type Manager = <Connection as diesel::Connection>::TransactionManager;

/// What a transaction is for.
#[derive(Clone, Copy)]
enum Purpose {
    Read,
    Write,
}

/// Runs a batch: everything that `f` does is stored when this returns `Ok`, and nothing after an
/// error, unless that is [`ErrorKind::InDoubt`].
///
/// SQLite takes its write lock at the start (`BEGIN IMMEDIATE`), so rows that `f` reads cannot
/// change until it writes. On PostgreSQL `f` must [lock](super::streams::lock) the streams that it
/// writes to. `f`'s own error is returned as it is; an error of the commit is converted by `E`'s
/// `From`.
///
/// A failed statement ends the batch: `f` must not continue after it. Nor may `f` start another
/// transaction. If `f` panics, the
/// transaction stays open; drop the connection.
pub fn transaction<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    run(conn, Purpose::Write, f)
}

/// Reads in a snapshot: `f` sees the database as at its first query. No lock is taken.
pub fn snapshot<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    run(conn, Purpose::Read, f)
}

fn run<T, E: From<Error>>(
    conn: &mut Connection,
    purpose: Purpose,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    begin(conn, purpose).map_err(|error| classified(conn, error))?;
    match f(conn) {
        Ok(done) => match commit(conn) {
            Ok(()) => Ok(done),
            Err(error) => Err(uncommitted(conn, purpose, error).into()),
        },
        Err(failure) => match Manager::rollback_transaction(conn) {
            Ok(()) => Err(failure),
            Err(error) if is_undone(conn, &error) => Err(failure),
            // The changes may not have been undone.
            Err(error) => Err(classified(conn, error).into()),
        },
    }
}

fn begin(conn: &mut Connection, purpose: Purpose) -> Result<(), DieselError> {
    match (conn, purpose) {
        (Connection::Sqlite(conn), Purpose::Write) => {
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")
        }
        (Connection::Sqlite(conn), Purpose::Read) => AnsiTransactionManager::begin_transaction(conn),
        #[cfg(feature = "postgres")]
        (Connection::Postgres(conn), Purpose::Write) => {
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL READ COMMITTED")
        }
        // READ COMMITTED would take a new snapshot for each query.
        #[cfg(feature = "postgres")]
        (Connection::Postgres(conn), Purpose::Read) => AnsiTransactionManager::begin_transaction_sql(
            conn,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ),
    }
}

fn commit(conn: &mut Connection) -> Result<(), DieselError> {
    #[cfg(feature = "postgres")]
    if let Connection::Postgres(conn) = conn {
        // After a failed statement, PostgreSQL answers COMMIT with a rollback and without an error.
        // Any other statement fails then, and the COMMIT after it is not run.
        return conn.batch_execute("SELECT 1; COMMIT").inspect_err(|_| {
            // It may have ended with the error, or with the connection.
            drop(AnsiTransactionManager::rollback_transaction(conn));
        });
    }
    Manager::commit_transaction(conn)
}

/// The error of a commit.
fn uncommitted(conn: &mut Connection, purpose: Purpose, error: DieselError) -> Error {
    let error = match error {
        DieselError::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
        error => error,
    };
    let error = classified(conn, error);
    // A server that can still be asked has refused the commit. From one that cannot, the answer may
    // be lost.
    if matches!(conn, Connection::Sqlite(_)) || matches!(purpose, Purpose::Read) || conn.ping().is_ok() {
        return error;
    }
    Error::new(ErrorKind::InDoubt, format!("the connection was lost during a commit: {error}"))
}

/// Whether everything was undone although the rollback failed: SQLite had already rolled back by
/// itself, as on a full disk, or the connection to the server is lost.
fn is_undone(conn: &Connection, error: &DieselError) -> bool {
    match error {
        DieselError::NotInTransaction => true,
        DieselError::DatabaseError(_, info) if matches!(conn, Connection::Sqlite(_)) => {
            info.message().contains("no transaction is active")
        }
        _ => !matches!(conn, Connection::Sqlite(_)),
    }
}

/// An error of a begin, commit or rollback. On a server, a transaction that Diesel has lost track
/// of ends with its connection.
fn classified(conn: &Connection, error: DieselError) -> Error {
    let error = Error::from(error);
    if error.kind() == ErrorKind::Fatal && !matches!(conn, Connection::Sqlite(_)) {
        return Error::new(ErrorKind::Disconnected, error.to_string());
    }
    error
}

#[cfg(test)]
mod tests;
