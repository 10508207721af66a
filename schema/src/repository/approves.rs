//! Approves: sealed keys on their way to requesters. An approve is live until it is saved, nacked
//! or dropped. Only a live one has its frame; the database enforces that.

use diesel::prelude::*;

use crate::connection::{Connection, on_either};
use crate::error::Error;
use crate::models::{Approve, LapsedApprove, NewApprove, WaitingApprove};
use crate::repository::requests::open;
use crate::tables::{approves, requests};

/// Finds an approve by its id, in any state.
pub fn find(conn: &mut Connection, rid: &[u8], approve_id: &[u8]) -> Result<Option<Approve>, Error> {
    Ok(on_either!(conn, |conn| approves::table
        .filter(approves::rid.eq(rid))
        .filter(approves::approve_id.eq(approve_id))
        .select(Approve::as_select())
        .first(conn)
        .optional())?)
}

/// Lists all approves of a request, in any state, ordered by seq.
pub fn of_request(
    conn: &mut Connection,
    rid: &[u8],
    to_uid: &[u8],
    request_id: &[u8],
) -> Result<Vec<Approve>, Error> {
    Ok(on_either!(conn, |conn| approves::table
        .filter(approves::rid.eq(rid))
        .filter(approves::to_uid.eq(to_uid))
        .filter(approves::request_id.eq(request_id))
        .order(approves::seq)
        .select(Approve::as_select())
        .load(conn))?)
}

/// Stores an approve as live. Returns its row's id.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if its id is taken or its request is not
/// stored.
pub fn insert(conn: &mut Connection, approve: &NewApprove<'_>) -> Result<i64, Error> {
    Ok(on_either!(conn, |conn| diesel::insert_into(approves::table)
        .values(approve)
        .returning(approves::id)
        .get_result(conn))?)
}

/// Lists at most `limit` live approves that have expired, in the order in which they did.
pub fn lapsed(conn: &mut Connection, now: i64, limit: u32) -> Result<Vec<LapsedApprove>, Error> {
    Ok(approves::table
        .filter(approves::frame.is_not_null())
        .filter(approves::exp.le(now))
        .order(approves::exp)
        .limit(limit.into())
        .select(LapsedApprove::as_select())
        .load(conn)?)
}

/// Lists at most `limit` approves that wait for a user, from one room or all, with seqs after
/// `after_seq`, ordered by seq: live, unexpired, and of open requests.
pub fn waiting_for(
    conn: &mut Connection,
    uid: &[u8],
    rid: Option<&[u8]>,
    after_seq: i64,
    limit: u32,
    now: i64,
) -> Result<Vec<WaitingApprove>, Error> {
    let request = requests::rid
        .eq(approves::rid)
        .and(requests::uid.eq(approves::to_uid))
        .and(requests::request_id.eq(approves::request_id));
    let mut query = approves::table
        .inner_join(requests::table.on(request))
        .filter(approves::to_uid.eq(uid))
        .filter(approves::seq.gt(after_seq))
        .filter(approves::frame.is_not_null())
        .filter(approves::exp.gt(now))
        .filter(open(now))
        .order(approves::seq)
        .limit(limit.into())
        .select((Approve::as_select(), approves::frame.assume_not_null()))
        .into_boxed();
    if let Some(rid) = rid {
        query = query.filter(approves::rid.eq(rid));
    }
    let rows: Vec<(Approve, Vec<u8>)> = query.load(conn)?;
    Ok(rows.into_iter().map(|(approve, frame)| WaitingApprove { approve, frame }).collect())
}

#[cfg(test)]
mod tests;
