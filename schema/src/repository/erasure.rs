//! Erases a user: deletes everything that is stored of them.
//!
//! Open requests and live approves must end by the rules first; [`waiting_of`] and [`approves_by`]
//! list them. Then [`some`] deletes finished rows, a few at a time, so that the writer is not
//! blocked, and [`run`] the rest at once.

use diesel::define_sql_function;
use diesel::prelude::*;
use diesel::sql_types::Binary;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::{Due, Erased, LapsedApprove};
use crate::tables::{approves, denials, notices, requests, rooms};

define_sql_function! {
    /// The position of the second bytes in the first, counted from 1; 0 if they do not occur.
    fn instr(whole: Binary, part: Binary) -> BigInt;
}

/// Replaces an erased user's id in a column that must not be empty.
const NOBODY: &[u8] = &[0; 32];

/// Lists the requests of a user that have a frame, ordered by seq.
pub fn waiting_of(conn: &mut Connection, uid: &[u8]) -> Result<Vec<Due>, Error> {
    Ok(requests::table
        .filter(requests::uid.eq(uid))
        .filter(requests::frame.is_not_null())
        .order(requests::seq)
        .select(Due::as_select())
        .load(conn)?)
}

/// Lists the live approves by a user, ordered by seq.
pub fn approves_by(conn: &mut Connection, uid: &[u8]) -> Result<Vec<LapsedApprove>, Error> {
    Ok(approves::table
        .filter(approves::by_uid.eq(uid))
        .filter(approves::frame.is_not_null())
        .order(approves::seq)
        .select(LapsedApprove::as_select())
        .load(conn)?)
}

/// Lists the notices for others that name a user. A notice is a frame, in which ids are plain bytes
/// without an index, so each is searched.
pub fn naming(conn: &mut Connection, uid: &[u8]) -> Result<Vec<i64>, Error> {
    let others = notices::table.filter(notices::uid.ne(uid)).filter(instr(notices::frame, uid).gt(0));
    Ok(others.select(notices::id).load(conn)?)
}

/// Deletes at most `limit` rows of each kind that are stored of a user and finished: requests,
/// approves, denials, and notices for them. Also removes their id from as many denials by them.
/// Returns what it deleted, and whether there may be more.
pub fn some(conn: &mut Connection, uid: &[u8], limit: u32) -> Result<(Erased, bool), Error> {
    let requests = finished_requests(conn, uid, limit)?;
    let approves = closed_approves(conn, uid, limit)?;
    let denials = denials_of(conn, uid, limit)?;
    let pronounced = pronounced_by(conn, uid, limit)?;
    let notices = notices_for(conn, uid, limit)?;
    let has_more = [requests, approves, denials, pronounced, notices].contains(&(limit as usize));
    Ok((Erased { requests, approves, denials, notices, rooms: 0 }, has_more))
}

fn finished_requests(conn: &mut Connection, uid: &[u8], limit: u32) -> Result<usize, Error> {
    let over = diesel::alias!(requests as over);
    let ids = over
        .filter(over.field(requests::uid).eq(uid))
        .filter(over.field(requests::frame).is_null())
        .limit(limit.into())
        .select(over.field(requests::id));
    Ok(diesel::delete(requests::table.filter(requests::id.eq_any(ids))).execute(conn)?)
}

fn closed_approves(conn: &mut Connection, uid: &[u8], limit: u32) -> Result<usize, Error> {
    let over = diesel::alias!(approves as over);
    let ids = over
        .filter(over.field(approves::by_uid).eq(uid))
        .filter(over.field(approves::frame).is_null())
        .limit(limit.into())
        .select(over.field(approves::id));
    Ok(diesel::delete(approves::table.filter(approves::id.eq_any(ids))).execute(conn)?)
}

fn denials_of(conn: &mut Connection, uid: &[u8], limit: u32) -> Result<usize, Error> {
    let some = diesel::alias!(denials as some);
    let ids =
        some.filter(some.field(denials::uid).eq(uid)).limit(limit.into()).select(some.field(denials::id));
    Ok(diesel::delete(denials::table.filter(denials::id.eq_any(ids))).execute(conn)?)
}

fn pronounced_by(conn: &mut Connection, uid: &[u8], limit: u32) -> Result<usize, Error> {
    let some = diesel::alias!(denials as some);
    let ids =
        some.filter(some.field(denials::by_uid).eq(uid)).limit(limit.into()).select(some.field(denials::id));
    Ok(diesel::update(denials::table.filter(denials::id.eq_any(ids)))
        .set(denials::by_uid.eq(NOBODY))
        .execute(conn)?)
}

fn notices_for(conn: &mut Connection, uid: &[u8], limit: u32) -> Result<usize, Error> {
    let some = diesel::alias!(notices as some);
    let ids =
        some.filter(some.field(notices::uid).eq(uid)).limit(limit.into()).select(some.field(notices::id));
    Ok(diesel::delete(notices::table.filter(notices::id.eq_any(ids))).execute(conn)?)
}

/// Deletes everything that is stored of a user: their requests with the approves of them, their
/// approves, the denials of them, the notices for them, and of the notices for others that name
/// them those stored at `since_us` or later, in Unix microseconds. A denial by them holds on,
/// without their id. A room that they created stays, without a creator.
///
/// The audit log stays.
pub fn run(conn: &mut Connection, uid: &[u8], since_us: i64) -> Result<Erased, Error> {
    let requests = diesel::delete(requests::table.filter(requests::uid.eq(uid))).execute(conn)?;
    let approves = diesel::delete(approves::table.filter(approves::by_uid.eq(uid))).execute(conn)?;
    let denials = diesel::delete(denials::table.filter(denials::uid.eq(uid))).execute(conn)?;
    diesel::update(denials::table.filter(denials::by_uid.eq(uid)))
        .set(denials::by_uid.eq(NOBODY))
        .execute(conn)?;
    let own = diesel::delete(notices::table.filter(notices::uid.eq(uid))).execute(conn)?;
    let naming = newer_naming(conn, uid, since_us / 1000)?;
    diesel::update(rooms::table.filter(rooms::founder.eq(uid)))
        .set(rooms::founder.eq(None::<&[u8]>))
        .execute(conn)?;
    let rooms = diesel::update(rooms::table.filter(rooms::creator.eq(uid)))
        .set(rooms::creator.eq(None::<&[u8]>))
        .execute(conn)?;
    Ok(Erased { requests, approves, denials, notices: own + naming, rooms })
}

/// Deletes the notices that name a user and were stored at `since` or later. Neither the seqs of
/// others nor the ids of rows grow in the order of commits where there are several writers.
fn newer_naming(conn: &mut Connection, uid: &[u8], since: i64) -> Result<usize, Error> {
    let newer = notices::table.filter(notices::at.ge(since));
    Ok(diesel::delete(newer.filter(instr(notices::frame, uid).gt(0))).execute(conn)?)
}

#[cfg(test)]
mod tests;
