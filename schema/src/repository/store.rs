//! What belongs to the database as a whole: transactions, its epoch, the number of the last frame, and counts.

use diesel::define_sql_function;
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
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

/// The database's epoch, 16 bytes that were drawn when it was made: in another epoch, numbers start anew.
pub fn epoch(conn: &mut Connection) -> Result<Vec<u8>, Error> {
    Ok(store::table.select(store::epoch).first(conn)?)
}

/// Draws a new epoch and returns it: whatever clients have seen of this database, they have to ask anew.
pub fn renew_epoch(conn: &mut Connection) -> Result<Vec<u8>, Error> {
    Ok(diesel::update(store::table)
        .set(store::epoch.eq(randomblob(16)))
        .returning(store::epoch)
        .get_result(conn)?)
}

/// The number given last, 0 if none was.
pub fn last_seq(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::seq).first(conn)?)
}

/// Takes the next number: `now_us`, the time in Unix microseconds, or one more than the last where that is
/// not later.
pub fn advance_seq(conn: &mut Connection, now_us: i64) -> Result<i64, Error> {
    Ok(diesel::update(store::table)
        .set(store::seq.eq(larger(store::seq + 1, now_us)))
        .returning(store::seq)
        .get_result(conn)?)
}

/// How many requests are open.
pub fn open(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::open).first(conn)?)
}

/// How often the server was started, as [`set_starts`] was told last.
pub fn starts(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::starts).first(conn)?)
}

/// Notes how often the server was started.
pub fn set_starts(conn: &mut Connection, starts: i64) -> Result<(), Error> {
    diesel::update(store::table).set(store::starts.eq(starts)).execute(conn)?;
    Ok(())
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

/// Runs one command of a batch: if `f` fails, what it did is undone and the rest of the batch stays.
///
/// When the disk is full or fails, SQLite may give up the whole transaction. Then every further command of
/// the batch is refused and so is its commit; better end the batch with the error that came first.
pub fn savepoint<T, E: From<Error>>(
    conn: &mut Connection,
    f: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    // To a pool a connection is broken if it is inside a transaction. Here it has to be: a savepoint outside
    // would be a transaction of its own, and store a command of a batch that is already lost.
    if !conn.is_broken() {
        return Err(Error::new(ErrorKind::Unavailable, "the transaction of this command is over").into());
    }
    let mut failure = None;
    diesel::Connection::transaction(conn, |conn| f(conn).map_err(|error| aside(&mut failure, error)))
        .map_err(|error| settle(failure, error))
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

/// Which error to return: `f`'s own, or one of Diesel's begin, commit or rollback.
///
/// Diesel returns a failed rollback in place of what led to it. Where SQLite had already rolled back by
/// itself, that would turn a full disk or a failed fsync into "no transaction is active", so `f`'s error is
/// the one to return. Any other failed rollback comes first: what `f` did may not have been undone.
fn settle<E: From<Error>>(failure: Option<E>, error: DieselError) -> E {
    let undone = match &error {
        DieselError::RollbackTransaction => true,
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
