//! Requests for rooms' keys. A request is open while it is pending or approved and has not expired.
//! An open request has its frame, a denied one while it may still be approved, a finished one
//! never. The database enforces that, and counts the frames of each room and of all.

use diesel::dsl::auto_type;
use diesel::prelude::*;

use crate::connection::{Connection, on_either};
use crate::error::Error;
use crate::models::{ApproveState, Due, NewRequest, OpenRequest, Request, RequestFilter, RequestState};
use crate::tables::{approves, requests};

/// Finds a request by its id, in any state.
pub fn find(
    conn: &mut Connection,
    rid: &[u8],
    uid: &[u8],
    request_id: &[u8],
) -> Result<Option<Request>, Error> {
    Ok(on_either!(conn, |conn| requests::table
        .filter(requests::rid.eq(rid))
        .filter(requests::uid.eq(uid))
        .filter(requests::request_id.eq(request_id))
        .select(Request::as_select())
        .first(conn)
        .optional())?)
}

/// Stores a request as pending. Returns its row's id.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if its id is taken or its room is not stored.
pub fn insert(conn: &mut Connection, request: &NewRequest<'_>) -> Result<i64, Error> {
    Ok(on_either!(conn, |conn| diesel::insert_into(requests::table)
        .values(request)
        .returning(requests::id)
        .get_result(conn))?)
}

/// Lists at most `limit` open requests of a room with seqs after `after_seq`, ordered by seq.
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

/// Lists at most `limit` open requests of a user, in one room or all, with seqs after `after_seq`,
/// ordered by seq.
pub fn open_of_user(
    conn: &mut Connection,
    uid: &[u8],
    rid: Option<&[u8]>,
    after_seq: i64,
    limit: u32,
    now: i64,
) -> Result<Vec<OpenRequest>, Error> {
    let mut query = requests::table
        .filter(requests::uid.eq(uid))
        .filter(requests::seq.gt(after_seq))
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

/// Lists the open requests of a user in a room, which a quota bounds.
pub fn open_of_user_in_room(
    conn: &mut Connection,
    rid: &[u8],
    uid: &[u8],
    now: i64,
) -> Result<Vec<Request>, Error> {
    Ok(on_either!(conn, |conn| requests::table
        .filter(requests::rid.eq(rid))
        .filter(requests::uid.eq(uid))
        .filter(open(now))
        .select(Request::as_select())
        .load(conn))?)
}

/// Counts a user's open requests in all rooms, up to `cap`.
pub fn count_open_of_user(conn: &mut Connection, uid: &[u8], now: i64, cap: u32) -> Result<usize, Error> {
    let rows: Vec<i64> = on_either!(conn, |conn| requests::table
        .filter(requests::uid.eq(uid))
        .filter(open(now))
        .limit(cap.into())
        .select(requests::id)
        .load(conn))?;
    Ok(rows.len())
}

/// Counts a user's stored requests, open or finished, up to `cap`.
pub fn count_of_user(conn: &mut Connection, uid: &[u8], cap: u32) -> Result<usize, Error> {
    let rows: Vec<i64> = on_either!(conn, |conn| requests::table
        .filter(requests::uid.eq(uid))
        .limit(cap.into())
        .select(requests::id)
        .load(conn))?;
    Ok(rows.len())
}

/// Lists the denied requests of a user in a room that may still be approved, ordered by seq.
pub fn denied_of_user(
    conn: &mut Connection,
    rid: &[u8],
    uid: &[u8],
    now: i64,
) -> Result<Vec<Request>, Error> {
    Ok(requests::table
        .filter(requests::rid.eq(rid))
        .filter(requests::uid.eq(uid))
        .filter(denied())
        .filter(requests::exp.gt(now))
        .order(requests::seq)
        .select(Request::as_select())
        .load(conn)?)
}

/// Lists the requests of a room that have a frame, ordered by seq.
pub fn kept_in_room(conn: &mut Connection, rid: &[u8]) -> Result<Vec<Due>, Error> {
    Ok(requests::table
        .filter(requests::rid.eq(rid))
        .filter(requests::frame.is_not_null())
        .order(requests::seq)
        .select(Due::as_select())
        .load(conn)?)
}

/// Deletes at most `limit` finished requests of a room with their devices and approves. Returns how
/// many.
pub fn delete_finished_in_room(conn: &mut Connection, rid: &[u8], limit: u32) -> Result<usize, Error> {
    let finished = diesel::alias!(requests as finished);
    let ids = finished
        .filter(finished.field(requests::rid).eq(rid))
        .filter(finished.field(requests::frame).is_null())
        .limit(limit.into())
        .select(finished.field(requests::id));
    Ok(diesel::delete(requests::table.filter(requests::id.eq_any(ids))).execute(conn)?)
}

/// Lists at most `limit` requests that match, with row ids after `after_id`, oldest first. For
/// operators only: it may step over many rows that do not match.
pub fn search(
    conn: &mut Connection,
    filter: &RequestFilter,
    after_id: i64,
    limit: u32,
    now: i64,
) -> Result<Vec<OpenRequest>, Error> {
    let mut query = requests::table
        .filter(requests::id.gt(after_id))
        .order(requests::id)
        .limit(limit.into())
        .select((Request::as_select(), approvals(now)))
        .into_boxed();
    if let Some(rid) = &filter.rid {
        query = query.filter(requests::rid.eq(rid.clone()));
    }
    if let Some(uid) = &filter.uid {
        query = query.filter(requests::uid.eq(uid.clone()));
    }
    query = match filter.state {
        Some(state @ (RequestState::Pending | RequestState::Approved)) => {
            query.filter(open(now)).filter(requests::state.eq(state))
        }
        Some(state) => query.filter(requests::state.eq(state)),
        None => query.filter(open(now)),
    };
    if let Some(moment) = filter.created_before {
        query = query.filter(requests::created.lt(moment));
    }
    Ok(query.load(conn)?.into_iter().map(with_approvals).collect())
}

/// Whether a request is open. `is_open` stands for its state, by which the partial indexes are
/// defined.
#[auto_type(no_type_alias)]
pub(super) fn open(now: i64) -> _ {
    requests::is_open.is_not_null().and(requests::exp.gt(now))
}

/// Whether a request is denied and has its frame, so that it may still be approved until its `exp`.
#[auto_type(no_type_alias)]
pub(super) fn denied() -> _ {
    requests::frame.is_not_null().and(requests::is_open.is_null())
}

/// Counts the live, unexpired approves of the outer query's request.
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

#[cfg(test)]
mod tests;
