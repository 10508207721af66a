//! The database as a whole: its epoch, its last seq, and counts.

use diesel::prelude::*;

use super::transaction::transaction;
use crate::connection::Connection;
use crate::error::Error;
use crate::tables::store;

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

/// The database's epoch.
pub fn epoch(conn: &mut Connection) -> Result<[u8; 16], Error> {
    let epoch: Vec<u8> = store::table.select(store::epoch).first(conn)?;
    whole(epoch)
}

fn whole(epoch: Vec<u8>) -> Result<[u8; 16], Error> {
    epoch.try_into().map_err(|_| Error::corrupt("an epoch that is not 16 bytes long"))
}

/// Reads the database's own row.
///
/// Errors: [`ErrorKind::Unreadable`](crate::ErrorKind::Unreadable) if the row is missing or
/// malformed.
pub fn own(conn: &mut Connection) -> Result<Own, Error> {
    let columns = (store::epoch, store::seq, store::starts);
    let row: Option<(Vec<u8>, i64, i64)> = store::table.select(columns).first(conn).optional()?;
    let (epoch, seq, starts) = row.ok_or_else(|| Error::corrupt("the database's own is missing"))?;
    let epoch = whole(epoch)?;
    if seq < 0 || starts < 0 {
        return Err(Error::corrupt("a count of the database's own is below 0"));
    }
    let seq = match conn {
        Connection::Sqlite(_) => seq,
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => seq.max(last_of_streams(conn)?),
    };
    Ok(Own { epoch, seq, starts })
}

/// The last seq of all streams. Reads all of them.
#[cfg(feature = "postgres")]
fn last_of_streams(conn: &mut diesel::PgConnection) -> Result<i64, Error> {
    use crate::tables::streams;
    let last: Option<i64> = streams::table.select(diesel::dsl::max(streams::last_seq)).first(conn)?;
    Ok(last.unwrap_or_default())
}

/// Sets a new epoch, a random one. Clients then fetch everything anew.
pub fn renew_epoch(conn: &mut Connection, epoch: [u8; 16]) -> Result<(), Error> {
    diesel::update(store::table).set(store::epoch.eq(&epoch[..])).execute(conn)?;
    Ok(())
}

/// The last seq of a file, 0 if there is none; on a server, that of its last start.
pub fn last_seq(conn: &mut Connection) -> Result<i64, Error> {
    Ok(store::table.select(store::seq).first(conn)?)
}

/// Sets the last seq.
pub fn set_last_seq(conn: &mut Connection, seq: i64) -> Result<(), Error> {
    diesel::update(store::table).set(store::seq.eq(seq)).execute(conn)?;
    Ok(())
}

/// The beginning of the year 2100 in Unix microseconds. Seqs never get smaller, so a clock that is
/// centuries ahead for a moment would spoil all later ones: JavaScript represents integers only up
/// to 2^53.
const LATEST_US: i64 = 4_102_444_800_000_000;

/// The seq after `last`: `now_us`, the time in Unix microseconds, or one more than the last if that
/// is larger or if `now_us` cannot be right. At the end of numbers it stays there.
pub fn next_seq(last: i64, now_us: i64) -> i64 {
    now_us.min(LATEST_US).max(last.saturating_add(1))
}

/// The number of open requests, which a file counts. On a server nothing does: counting would make
/// all writers wait for each other.
pub fn open(conn: &mut Connection) -> Result<Option<i64>, Error> {
    match conn {
        Connection::Sqlite(_) => Ok(Some(store::table.select(store::open).first(conn)?)),
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => Ok(None),
    }
}

/// Notes how often the server was started, and issues a seq, so that later ones are larger,
/// whatever the clock does.
pub fn begin(conn: &mut Connection, starts: i64, now_us: i64) -> Result<i64, Error> {
    transaction(conn, |conn| {
        let seq = next_seq(own(conn)?.seq, now_us);
        diesel::update(store::table).set((store::starts.eq(starts), store::seq.eq(seq))).execute(conn)?;
        Ok(seq)
    })
}

#[cfg(test)]
mod tests;
