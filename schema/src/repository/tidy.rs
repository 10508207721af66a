//! Deletes rows that nobody needs any more, a few at a time, so that the writer is not blocked.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::Error;
use crate::repository::requests::denied;
use crate::tables::{denials, notices, requests};

#[cfg(feature = "postgres")]
mod server;

/// Deletes at most `limit` rows of each kind: requests finished at `finished_before` or earlier,
/// notices stored at `notices_before` or earlier, expired denials without a request that still has
/// to end, and on a server streams that nobody needs. Returns how many rows, not counting those
/// that go with the requests.
pub fn run(
    conn: &mut Connection,
    now: i64,
    finished_before: i64,
    notices_before: i64,
    limit: u32,
) -> Result<usize, Error> {
    let limit = limit.into();
    #[cfg(feature = "postgres")]
    if let Connection::Postgres(conn) = conn {
        return Ok(server::finished_requests(conn, finished_before, limit)?
            + server::old_notices(conn, notices_before, limit)?
            + server::lapsed_denials(conn, now, limit)?
            + server::idle_streams(conn, now, limit)?);
    }
    let finished = finished_requests(conn, finished_before, limit)?;
    let notices = old_notices(conn, notices_before, limit)?;
    let denials = lapsed_denials(conn, now, limit)?;
    Ok(finished + notices + denials)
}

fn finished_requests(conn: &mut Connection, finished_before: i64, limit: i64) -> Result<usize, Error> {
    let over = diesel::alias!(requests as over);
    let ids = over
        .filter(over.field(requests::closed).le(finished_before))
        .limit(limit)
        .select(over.field(requests::id));
    Ok(diesel::delete(requests::table.filter(requests::id.eq_any(ids))).execute(conn)?)
}

fn old_notices(conn: &mut Connection, notices_before: i64, limit: i64) -> Result<usize, Error> {
    let over = diesel::alias!(notices as over);
    let ids =
        over.filter(over.field(notices::at).le(notices_before)).limit(limit).select(over.field(notices::id));
    Ok(diesel::delete(notices::table.filter(notices::id.eq_any(ids))).execute(conn)?)
}

fn lapsed_denials(conn: &mut Connection, now: i64, limit: i64) -> Result<usize, Error> {
    let over = diesel::alias!(denials as over);
    let waiting = requests::table
        .filter(requests::rid.eq(over.field(denials::rid)))
        .filter(requests::uid.eq(over.field(denials::uid)))
        .filter(denied());
    let ids = over
        .filter(over.field(denials::blocked).eq(false))
        .filter(over.field(denials::until).le(now))
        .filter(not(exists(waiting)))
        .limit(limit)
        .select(over.field(denials::id));
    Ok(diesel::delete(denials::table.filter(denials::id.eq_any(ids))).execute(conn)?)
}

#[cfg(test)]
mod tests;
