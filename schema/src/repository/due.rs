//! The requests that the sweep must end.

use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::Due;
use crate::repository::requests::{denied, open};
use crate::tables::{denials, requests};

/// Lists at most `limit` requests that are due, none twice: first expired ones, then open ones that
/// a device acked at `devices_before` or earlier, then denied ones whose denial is no longer
/// active. Of each kind those that have been due for longest come first.
pub fn page(conn: &mut Connection, now: i64, devices_before: i64, limit: u32) -> Result<Vec<Due>, Error> {
    let mut page = expired(conn, now, limit.into())?;
    page.extend(waited_for_devices(conn, now, devices_before, left(limit, &page))?);
    page.extend(denied_for_good(conn, now, left(limit, &page))?);
    Ok(page)
}

fn expired(conn: &mut Connection, now: i64, limit: i64) -> Result<Vec<Due>, Error> {
    Ok(requests::table
        .filter(requests::frame.is_not_null())
        .filter(requests::exp.le(now))
        .order(requests::exp)
        .limit(limit)
        .select(Due::as_select())
        .load(conn)?)
}

fn waited_for_devices(
    conn: &mut Connection,
    now: i64,
    devices_before: i64,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    Ok(requests::table
        .filter(open(now))
        .filter(requests::first_ack.le(devices_before))
        .order(requests::first_ack)
        .limit(limit)
        .select(Due::as_select())
        .load(conn)?)
}

/// Starts from the denials, not from the requests, most of which are denied for a while yet.
fn denied_for_good(conn: &mut Connection, now: i64, limit: i64) -> Result<Vec<Due>, Error> {
    let request = requests::rid.eq(denials::rid).and(requests::uid.eq(denials::uid));
    Ok(denials::table
        .inner_join(requests::table.on(request))
        .filter(denials::blocked.eq(false))
        .filter(denials::until.le(now))
        .filter(denied())
        .filter(requests::exp.gt(now))
        .order(denials::until)
        .limit(limit)
        .select(Due::as_select())
        .load(conn)?)
}

fn left(limit: u32, page: &[Due]) -> i64 {
    let taken = i64::try_from(page.len()).unwrap_or(i64::MAX);
    i64::from(limit).saturating_sub(taken)
}

#[cfg(test)]
mod tests;
