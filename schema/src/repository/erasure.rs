//! A user is erased: all that is stored of them, wherever it stands.
//!
//! What others wait for must end by the rules first: [`waiting_of`] and [`approves_by`] say what that is. [`run`] then deletes
//! the rest in one go.

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

/// Deletes what is stored of a user: their requests with the approves of them, their approves, the denials of them, the notices
/// for them and those for others that name them. A denial that they pronounced holds on, in nobody's name; a room that they
/// created stays, and has no creator.
///
/// The audit log stays as it is.
pub fn run(conn: &mut Connection, uid: &[u8]) -> Result<Erased, Error> {
    let requests = diesel::delete(requests::table.filter(requests::uid.eq(uid))).execute(conn)?;
    let approves = diesel::delete(approves::table.filter(approves::by_uid.eq(uid))).execute(conn)?;
    let denials = diesel::delete(denials::table.filter(denials::uid.eq(uid))).execute(conn)?;
    diesel::update(denials::table.filter(denials::by_uid.eq(uid)))
        .set(denials::by_uid.eq(NOBODY))
        .execute(conn)?;
    let own = diesel::delete(notices::table.filter(notices::uid.eq(uid))).execute(conn)?;
    // A notice is a frame, in which ids are plain bytes; of these there is no index, and each is looked into.
    let naming = diesel::delete(notices::table.filter(instr(notices::frame, uid).gt(0))).execute(conn)?;
    diesel::update(rooms::table.filter(rooms::founder.eq(uid)))
        .set(rooms::founder.eq(None::<&[u8]>))
        .execute(conn)?;
    let rooms = diesel::update(rooms::table.filter(rooms::creator.eq(uid)))
        .set(rooms::creator.eq(None::<&[u8]>))
        .execute(conn)?;
    Ok(Erased { requests, approves, denials, notices: own + naming, rooms })
}

#[cfg(test)]
mod tests;
