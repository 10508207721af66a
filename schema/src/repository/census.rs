//! Totals for operators, not for decisions. Each counts rows, so do not call them often.

use diesel::dsl::{min, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use crate::connection::Connection;
use crate::error::Error;
use crate::models::RequestState;
use crate::repository::requests::open;
use crate::tables::{approves, requests, rooms};

/// Counts the rooms.
pub fn rooms(conn: &mut Connection) -> Result<i64, Error> {
    Ok(rooms::table.count().get_result(conn)?)
}

/// Sums up the open requests of all rooms.
pub fn open_requests(conn: &mut Connection) -> Result<i64, Error> {
    let sum = sql::<Nullable<BigInt>>("CAST(sum(open) AS bigint)");
    Ok(rooms::table.select(sum).first::<Option<i64>>(conn)?.unwrap_or_default())
}

/// Counts the open requests that nobody has approved, and finds when the oldest was stored.
pub fn pending(conn: &mut Connection, now: i64) -> Result<(i64, Option<i64>), Error> {
    let pending = requests::table.filter(open(now)).filter(requests::state.eq(RequestState::Pending));
    Ok((pending.count().get_result(conn)?, pending.select(min(requests::created)).first(conn)?))
}

/// Counts the approves that wait for their requesters.
pub fn approves(conn: &mut Connection, now: i64) -> Result<i64, Error> {
    let waiting = approves::table.filter(approves::frame.is_not_null()).filter(approves::exp.gt(now));
    Ok(waiting.count().get_result(conn)?)
}

/// The size of the database, in bytes.
pub fn bytes(conn: &mut Connection) -> Result<i64, Error> {
    #[cfg(feature = "postgres")]
    if matches!(conn, Connection::Postgres(_)) {
        return Ok(diesel::select(sql::<BigInt>("pg_database_size(current_database())")).get_result(conn)?);
    }
    let pages: i64 = sql::<BigInt>("PRAGMA page_count").get_result(conn)?;
    let page_size: i64 = sql::<BigInt>("PRAGMA page_size").get_result(conn)?;
    Ok(pages.saturating_mul(page_size))
}

#[cfg(test)]
mod tests;
