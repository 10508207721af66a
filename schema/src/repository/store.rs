//! The database as a whole: transactions, its epoch, its last seq, and counts.

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::define_sql_function;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt as SqlBigInt, Integer};

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::tables::store;

define_sql_function! {
    /// SQLite's `max` of two values, not the aggregate of that name.
    #[sql_name = "max"]
    fn larger(a: SqlBigInt, b: SqlBigInt) -> SqlBigInt;
}

define_sql_function! {
    /// SQLite's random bytes.
    fn randomblob(length: Integer) -> Binary;
}

/// The database's own row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Drawn when the database was created. In another epoch seqs start anew.
    pub epoch: [u8; 16],
    /// The last seq, 0 if there is none.
    pub seq: i64,
    /// How often the server was started, as last noted by [`begin`].
    pub starts: i64,
}

/// Reads the database's own row.
///
/// Errors: [`ErrorKind::Unreadable`] if the row is missing or malformed.
pub fn own(conn: &mut Connection) -> Result<Own, Error> {
    let columns = (store::epoch, store::seq, store::starts);
    let row: Option<(Vec<u8>, i64, i64)> = store::table.select(columns).first(conn).optional()?;
    let (epoch, seq, starts) = row.ok_or_else(|| Error::corrupt("the database's own is missing"))?;
    let epoch = whole(epoch)?;
    if seq < 0 || starts < 0 {
        return Err(Error::corrupt("a count of the database's own is below 0"));
    }
    Ok(Own { epoch, seq, starts })
}

fn whole(epoch: Vec<u8>) -> Result<[u8; 16], Error> {
    epoch.try_into().map_err(|_| Error::corrupt("an epoch that is not 16 bytes long"))
}

/// Draws a new epoch and returns it. Clients then fetch everything anew.
pub fn renew_epoch(conn: &mut Connection) -> Result<[u8; 16], Error> {
    whole(
        diesel::update(store::table)
            .set(store::epoch.eq(randomblob(16)))
            .returning(store::epoch)
            .get_result(conn)?,
    )
}

/// The last seq, 0 if there is none.
pub fn last_seq(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::seq).first(conn)?)
}

/// The beginning of the year 2100 in Unix microseconds. Seqs never get smaller, so a clock that is
/// centuries ahead for a moment would spoil all later ones: JavaScript represents integers only up
/// to 2^53.
const LATEST_US: i64 = 4_102_444_800_000_000;

/// Issues the next seq: `now_us`, the time in Unix microseconds, or one more than the last if that
/// is larger or if `now_us` cannot be right.
pub fn advance_seq(conn: &mut Connection, now_us: i64) -> Result<i64, Error> {
    Ok(diesel::update(store::table)
        .set(store::seq.eq(larger(store::seq + 1, now_us.min(LATEST_US))))
        .returning(store::seq)
        .get_result(conn)?)
}

/// The number of open requests, which the database counts.
pub fn open(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::open).first(conn)?)
}

/// Notes how often the server was started, and issues a seq, so that later ones are larger,
/// whatever the clock does.
pub fn begin(conn: &mut Connection, starts: i64, now_us: i64) -> Result<i64, Error> {
    transaction(conn, |conn| {
        diesel::update(store::table).set(store::starts.eq(starts)).execute(conn)?;
        advance_seq(conn, now_us)
    })
}

/// Runs a batch: everything that `f` does is stored when this returns `Ok`, and nothing after an
/// error.
///
/// The write lock is taken at the start (`BEGIN IMMEDIATE`), so rows that `f` reads cannot change
/// until it writes. `f`'s own error is returned as it is; an error of the commit is converted by
/// `E`'s `From`.
///
/// A failed statement must be in a [`savepoint`] or end the batch: `f` must not continue after it.
/// If `f` panics, the transaction stays open; drop the connection.
pub fn transaction<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    let mut failure = None;
    conn.immediate_transaction(|conn| f(conn).map_err(|error| aside(&mut failure, error)))
        .map_err(|error| settle(failure, error))
}

/// What a failed command of a batch means for the others.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed<E> {
    /// The command is undone, and the batch goes on.
    Alone(E),
    /// The batch is lost: nothing of it is stored. It must end with this error.
    Batch(E),
}

impl<E> Failed<E> {
    /// The error in either case.
    pub fn into_inner(self) -> E {
        match self {
            Self::Alone(error) | Self::Batch(error) => error,
        }
    }
}

/// Runs one command of a batch. If `f` fails, it is undone and the rest of the batch stays, if
/// SQLite can do that. SQLite rolls back the whole transaction by itself if the disk is full or
/// fails, memory is short, or somebody interrupts; then the first error is returned, because it has
/// the cause.
///
/// The savepoint is not Diesel's. Diesel returns the error of a failed rollback, "no such
/// savepoint", instead of its cause. It also leaves a savepoint that cannot be released on its
/// stack, and the commit of the transaction would then release that.
pub fn savepoint<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, Failed<E>> {
    // Outside a transaction a savepoint is one itself, and would store a command of a batch that is
    // already lost.
    if !is_in_transaction(conn) {
        let over = Error::new(ErrorKind::Unavailable, "the transaction of this command is over");
        return Err(Failed::Batch(over.into()));
    }
    let lost = |error: DieselError| Failed::Batch(Error::from(error).into());
    conn.batch_execute("SAVEPOINT command").map_err(lost)?;
    match f(conn) {
        Ok(done) => conn.batch_execute("RELEASE command").map(|()| done).map_err(lost),
        Err(failure) => match conn.batch_execute("ROLLBACK TO command; RELEASE command") {
            Ok(()) => Err(Failed::Alone(failure)),
            Err(error) => Err(Failed::Batch(settle(Some(failure), error))),
        },
    }
}

/// Whether a transaction is open.
fn is_in_transaction(conn: &mut Connection) -> bool {
    let status = AnsiTransactionManager::transaction_manager_status_mut(conn);
    matches!(status.transaction_depth(), Ok(Some(_)))
}

/// Reads in a snapshot: `f` sees the database as at its first query. No lock is taken.
pub fn snapshot<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    let mut failure = None;
    diesel::Connection::transaction(conn, |conn| f(conn).map_err(|error| aside(&mut failure, error)))
        .map_err(|error| settle(failure, error))
}

/// Sets `f`'s error aside while Diesel rolls back, for [`settle`].
fn aside<E>(failure: &mut Option<E>, error: E) -> DieselError {
    *failure = Some(error);
    DieselError::RollbackTransaction
}

/// Chooses the error to return: `f`'s own, or one of the begin, commit or rollback.
///
/// Diesel returns the error of a failed rollback instead of its cause. If SQLite had already rolled
/// back by itself, that would turn a full disk or a failed fsync into "no transaction is active",
/// or, if a savepoint inside has already noticed, into "outside of a transaction". So `f`'s error
/// is returned. Any other failed rollback takes precedence: `f`'s changes may not have been undone.
fn settle<E: From<Error>>(failure: Option<E>, error: DieselError) -> E {
    let undone = match &error {
        DieselError::RollbackTransaction | DieselError::NotInTransaction => true,
        DieselError::DatabaseError(_, info) => {
            ["no transaction is active", "no such savepoint"].iter().any(|text| info.message().contains(text))
        }
        _ => false,
    };
    match failure {
        Some(failure) if undone => failure,
        _ => Error::from(error).into(),
    }
}

#[cfg(test)]
mod tests;
