//! Notices: what users are told about their own requests and approves.

use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::{NewNotice, Notice};
use crate::tables::notices;

/// Stores a notice.
pub fn insert(conn: &mut Connection, notice: &NewNotice<'_>) -> Result<(), Error> {
    diesel::insert_into(notices::table).values(notice).execute(conn)?;
    Ok(())
}

/// The first `limit` notices for a user, about one room or all, with numbers after `after_seq`, in the order of
/// their numbers.
pub fn page(
    conn: &mut Connection,
    uid: &[u8],
    rid: Option<&[u8]>,
    after_seq: i64,
    limit: u32,
) -> Result<Vec<Notice>, Error> {
    let mut query = notices::table
        .filter(notices::uid.eq(uid))
        .filter(notices::seq.gt(after_seq))
        .order(notices::seq)
        .limit(limit.into())
        .select(Notice::as_select())
        .into_boxed();
    if let Some(rid) = rid {
        query = query.filter(notices::rid.eq(rid));
    }
    Ok(query.load(conn)?)
}

/// Deletes what users were told of a room.
pub fn delete_of_room(conn: &mut Connection, rid: &[u8]) -> Result<usize, Error> {
    Ok(diesel::delete(notices::table.filter(notices::rid.eq(rid))).execute(conn)?)
}

#[cfg(test)]
mod tests;
