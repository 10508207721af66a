//! A user is erased: all that is stored of them, wherever it stands.
//!
//! What others wait for must end by the rules first: [`waiting_of`] and [`approves_by`] say what that is. [`some`] then deletes
//! what is over, a few rows at a time, so that the writer is not held up, and [`run`] what is left in one go.

use diesel::define_sql_function;
use diesel::prelude::*;
use diesel::sql_types::Binary;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::{Due, Erased, LapsedApprove};
use crate::tables::{approves, denials, notices, requests, rooms};

define_sql_function! {
    /// Where the second bytes begin in the first, counted from 1; 0 where they are not in there.
    fn instr(whole: Binary, part: Binary) -> BigInt;
}

/// Stands where an erased user's id stood and something has to.
const NOBODY: &[u8] = &[0; 32];

/// The requests of a user that have a frame, in the order of their numbers.
pub fn waiting_of(conn: &mut Connection, uid: &[u8]) -> Result<Vec<Due>, Error> {
    Ok(requests::table
        .filter(requests::uid.eq(uid))
        .filter(requests::frame.is_not_null())
        .order(requests::seq)
        .select(Due::as_select())
        .load(conn)?)
}

/// The live approves by a user, in the order of their numbers.
pub fn approves_by(conn: &mut Connection, uid: &[u8]) -> Result<Vec<LapsedApprove>, Error> {
    Ok(approves::table
        .filter(approves::by_uid.eq(uid))
        .filter(approves::frame.is_not_null())
        .order(approves::seq)
        .select(LapsedApprove::as_select())
        .load(conn)?)
}

/// The notices for others that name a user. A notice is a frame, in which ids are plain bytes; of these there is no index, and
/// each is looked into.
pub fn naming(conn: &mut Connection, uid: &[u8]) -> Result<Vec<i64>, Error> {
    let others = notices::table.filter(notices::uid.ne(uid)).filter(instr(notices::frame, uid).gt(0));
    Ok(others.select(notices::id).load(conn)?)
}

/// Deletes at most `limit` rows of each kind of what is stored of a user and over: requests, approves, denials, and notices for
/// them; and takes their name from as many denials that they pronounced. Returns what was deleted, and whether there may be
/// more.
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

/// Deletes what is stored of a user: their requests with the approves of them, their approves, the denials of them, the notices
/// for them and those for others that name them, of numbers above `since`. A denial that they pronounced holds on, in nobody's
/// name; a room that they created stays, and has no creator.
///
/// The audit log stays as it is.
pub fn run(conn: &mut Connection, uid: &[u8], since: i64) -> Result<Erased, Error> {
    let requests = diesel::delete(requests::table.filter(requests::uid.eq(uid))).execute(conn)?;
    let approves = diesel::delete(approves::table.filter(approves::by_uid.eq(uid))).execute(conn)?;
    let denials = diesel::delete(denials::table.filter(denials::uid.eq(uid))).execute(conn)?;
    diesel::update(denials::table.filter(denials::by_uid.eq(uid)))
        .set(denials::by_uid.eq(NOBODY))
        .execute(conn)?;
    let own = diesel::delete(notices::table.filter(notices::uid.eq(uid))).execute(conn)?;
    let naming = newer_naming(conn, uid, since)?;
    diesel::update(rooms::table.filter(rooms::founder.eq(uid)))
        .set(rooms::founder.eq(None::<&[u8]>))
        .execute(conn)?;
    let rooms = diesel::update(rooms::table.filter(rooms::creator.eq(uid)))
        .set(rooms::creator.eq(None::<&[u8]>))
        .execute(conn)?;
    Ok(Erased { requests, approves, denials, notices: own + naming, rooms })
}

/// Deletes the notices with numbers above `since` that name a user. A row that is stored gets a larger id than all that are
/// there, so behind the last row of before there are only newer ones.
fn newer_naming(conn: &mut Connection, uid: &[u8], since: i64) -> Result<usize, Error> {
    let last: Option<i64> = notices::table
        .filter(notices::seq.le(since))
        .order(notices::id.desc())
        .select(notices::id)
        .first(conn)
        .optional()?;
    let newer = notices::table.filter(notices::id.gt(last.unwrap_or_default()));
    Ok(diesel::delete(newer.filter(instr(notices::frame, uid).gt(0))).execute(conn)?)
}

#[cfg(test)]
mod tests;
