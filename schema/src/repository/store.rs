//! What belongs to the database as a whole: transactions, its epoch, the number of the last frame, and counts.

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

/// What a database says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Drawn when it was made: in another epoch, numbers start anew.
    pub epoch: [u8; 16],
    /// The number given last, 0 if none was.
    pub seq: i64,
    /// How often the server was started, as [`begin`] was told last.
    pub starts: i64,
}

/// What the database says of itself.
///
/// Errors: [`ErrorKind::Unreadable`] if it does not, or says what was never written.
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

/// Draws a new epoch and returns it: whatever clients have seen of this database, they have to ask anew.
pub fn renew_epoch(conn: &mut Connection) -> Result<[u8; 16], Error> {
    whole(
        diesel::update(store::table)
            .set(store::epoch.eq(randomblob(16)))
            .returning(store::epoch)
            .get_result(conn)?,
    )
}

/// The number given last, 0 if none was.
pub fn last_seq(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::seq).first(conn)?)
}

/// The beginning of the year 2100 in Unix microseconds. Numbers never get smaller, so a clock that is centuries
/// ahead for a moment would spoil all that come later: JavaScript holds whole numbers up to 2^53 only.
const LATEST_US: i64 = 4_102_444_800_000_000;

/// Takes the next number: `now_us`, the time in Unix microseconds, or one more than the last where that is
/// not later, or where no clock that is right shows it.
pub fn advance_seq(conn: &mut Connection, now_us: i64) -> Result<i64, Error> {
    Ok(diesel::update(store::table)
        .set(store::seq.eq(larger(store::seq + 1, now_us.min(LATEST_US))))
        .returning(store::seq)
        .get_result(conn)?)
}

/// How many requests are open.
pub fn open(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::open).first(conn)?)
}

/// Notes how often the server was started, and takes a number: those that it gives are later, whatever its clock
/// does.
pub fn begin(conn: &mut Connection, starts: i64, now_us: i64) -> Result<i64, Error> {
    transaction(conn, |conn| {
        diesel::update(store::table).set(store::starts.eq(starts)).execute(conn)?;
        advance_seq(conn, now_us)
    })
}

/// Runs a batch: all that `f` does is stored when this returns `Ok`, and none of it after an error.
///
/// The write lock is taken at the start (`BEGIN IMMEDIATE`), so what `f` reads cannot change until it writes.
/// `f`'s own error is returned as it is; an error of the commit comes through `E`'s `From`.
///
/// A failed statement belongs into a [`savepoint`] or ends the batch: `f` must not go on after it. If `f`
/// panics, the transaction stays open; drop the connection.
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
    /// What the command did is undone, and the batch goes on.
    Alone(E),
    /// The batch is lost: nothing of it is stored, whatever was answered before. It has to end with this error.
    Batch(E),
}

impl<E> Failed<E> {
    /// The error, whatever it means.
    pub fn into_inner(self) -> E {
        match self {
            Self::Alone(error) | Self::Batch(error) => error,
        }
    }
}

/// Runs one command of a batch: if `f` fails, what it did is undone and the rest of the batch stays, where SQLite can do
/// that. It gives up the whole transaction by itself where the disk is full or fails, memory is short, or somebody
/// interrupts; then the error that came first is the one that says why.
///
/// The savepoint is none of Diesel's. Diesel returns a rollback that failed, "no such savepoint", in place of what led to it.
/// It also leaves one that cannot be released on its stack, and the commit of the transaction would then release that.
pub fn savepoint<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, Failed<E>> {
    // Outside, a savepoint is a transaction of its own, and would store a command of a batch that is already lost.
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

/// Whether a transaction is open in which a savepoint is one.
fn is_in_transaction(conn: &mut Connection) -> bool {
    let status = AnsiTransactionManager::transaction_manager_status_mut(conn);
    matches!(status.transaction_depth(), Ok(Some(_)))
}

/// Reads: all that `f` reads is of one moment, that of its first query. No lock is taken.
pub fn snapshot<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    let mut failure = None;
    diesel::Connection::transaction(conn, |conn| f(conn).map_err(|error| aside(&mut failure, error)))
        .map_err(|error| settle(failure, error))
}

/// Keeps `f`'s error while Diesel rolls back, for [`settle`].
fn aside<E>(failure: &mut Option<E>, error: E) -> DieselError {
    *failure = Some(error);
    DieselError::RollbackTransaction
}

/// Which error to return: `f`'s own, or one of the begin, commit or rollback.
///
/// Diesel returns a failed rollback in place of what led to it. Where SQLite had already rolled back by itself, that would
/// turn a full disk or a failed fsync into "no transaction is active", or, where a savepoint inside has already found out,
/// into "outside of a transaction"; so `f`'s error is the one to return. Any other failed rollback comes first: what `f` did
/// may not have been undone.
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
