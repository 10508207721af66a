//! Requests for rooms' keys. A request is open while it is pending or approved and its `exp` has not come; an
//! open request has its frame, a finished one does not, and the database sees to that.

use diesel::dsl::auto_type;
use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::models::{ApproveState, NewRequest, OpenRequest, Request, RequestState};
use crate::tables::{approves, requests};

/// The request of this id, in whatever state.
pub fn find(
    conn: &mut Connection,
    rid: &[u8],
    uid: &[u8],
    request_id: &[u8],
) -> Result<Option<Request>, Error> {
    Ok(requests::table
        .filter(requests::rid.eq(rid))
        .filter(requests::uid.eq(uid))
        .filter(requests::request_id.eq(request_id))
        .select(Request::as_select())
        .first(conn)
        .optional()?)
}

/// The open request of this user in this room for the same box key.
pub fn find_open_by_box(
    conn: &mut Connection,
    rid: &[u8],
    uid: &[u8],
    box_hash: &[u8],
    now: i64,
) -> Result<Option<Request>, Error> {
    Ok(requests::table
        .filter(requests::rid.eq(rid))
        .filter(requests::uid.eq(uid))
        .filter(requests::box_hash.eq(box_hash))
        .filter(open(now))
        .select(Request::as_select())
        .first(conn)
        .optional()?)
}

/// Stores a request as pending and returns its row's number.
///
/// Errors: [`ErrorKind::Conflict`] if its id is taken or its room is not stored.
pub fn insert(conn: &mut Connection, request: &NewRequest<'_>) -> Result<i64, Error> {
    Ok(diesel::insert_into(requests::table).values(request).returning(requests::id).get_result(conn)?)
}

/// Sets an open request's state to another open one.
///
/// Errors: [`ErrorKind::Conflict`] if there is no such row, it is finished or `state` is not an open one.
pub fn set_state(conn: &mut Connection, id: i64, state: RequestState, seq: i64) -> Result<(), Error> {
    let changed = diesel::update(requests::table.find(id))
        .set((requests::state.eq(state), requests::seq.eq(seq)))
        .execute(conn)?;
    one_row(changed, id)
}

/// Finishes a request: its row stays, so that a late repeat is known, but its frame is deleted.
///
/// Errors: [`ErrorKind::Conflict`] if there is no such row or `state` is an open one.
pub fn forget(conn: &mut Connection, id: i64, state: RequestState, seq: i64) -> Result<(), Error> {
    let changed = diesel::update(requests::table.find(id))
        .set((requests::state.eq(state), requests::seq.eq(seq), requests::frame.eq(None::<&[u8]>)))
        .execute(conn)?;
    one_row(changed, id)
}

/// The first `limit` open requests of a room with numbers after `after_seq`, in the order of their numbers.
pub fn open_in_room(
    conn: &mut Connection,
    rid: &[u8],
    after_seq: i64,
    limit: u32,
    now: i64,
) -> Result<Vec<OpenRequest>, Error> {
    let rows = requests::table
        .filter(requests::rid.eq(rid))
        .filter(requests::seq.gt(after_seq))
        .filter(open(now))
        .order(requests::seq)
        .limit(limit.into())
        .select((Request::as_select(), approvals(now)))
        .load(conn)?;
    Ok(rows.into_iter().map(with_approvals).collect())
}

/// The first `limit` open requests of a user, in one room or in all, in the order of their numbers.
pub fn open_of_user(
    conn: &mut Connection,
    uid: &[u8],
    rid: Option<&[u8]>,
    now: i64,
    limit: u32,
) -> Result<Vec<OpenRequest>, Error> {
    let mut query = requests::table
        .filter(requests::uid.eq(uid))
        .filter(open(now))
        .order(requests::seq)
        .limit(limit.into())
        .select((Request::as_select(), approvals(now)))
        .into_boxed();
    if let Some(rid) = rid {
        query = query.filter(requests::rid.eq(rid));
    }
    Ok(query.load(conn)?.into_iter().map(with_approvals).collect())
}

/// Whether a request is open. Its frame stands for its state, which is what the partial indexes go by.
#[auto_type(no_type_alias)]
pub(super) fn open(now: i64) -> _ {
    requests::frame.is_not_null().and(requests::exp.gt(now))
}

/// How many live, unexpired approves the request at hand has.
#[auto_type(no_type_alias)]
fn approvals(now: i64) -> _ {
    let live: ApproveState = ApproveState::Live;
    approves::table
        .filter(approves::rid.eq(requests::rid))
        .filter(approves::to_uid.eq(requests::uid))
        .filter(approves::request_id.eq(requests::request_id))
        .filter(approves::state.eq(live))
        .filter(approves::exp.gt(now))
        .count()
        .single_value()
        .assume_not_null()
}

fn with_approvals((request, approvals): (Request, i64)) -> OpenRequest {
    OpenRequest { request, approvals }
}

fn one_row(changed: usize, id: i64) -> Result<(), Error> {
    if changed == 1 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, format!("there is no request {id}")))
}

#[cfg(test)]
mod tests;
