//! Notices to users about their own requests and approves.

use diesel::prelude::*;

use crate::connection::{Connection, on_either};
use crate::error::Error;
use crate::models::{NewNotice, Notice};
use crate::tables::notices;

/// Stores a notice.
pub fn insert(conn: &mut Connection, notice: &NewNotice<'_>) -> Result<(), Error> {
    on_either!(conn, |conn| diesel::insert_into(notices::table).values(notice).execute(conn))?;
    Ok(())
}

/// Lists at most `limit` notices for a user, about one room or all, with seqs after `after_seq`,
/// ordered by seq.
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

/// Deletes at most `limit` notices about a room with seqs up to `until`. Returns how many.
pub fn delete_of_room(conn: &mut Connection, rid: &[u8], until: i64, limit: u32) -> Result<usize, Error> {
    let old = diesel::alias!(notices as old);
    let ids = old
        .filter(old.field(notices::rid).eq(rid))
        .filter(old.field(notices::seq).le(until))
        .limit(limit.into())
        .select(old.field(notices::id));
    Ok(diesel::delete(notices::table.filter(notices::id.eq_any(ids))).execute(conn)?)
}

/// Deletes these notices. Returns how many existed.
pub fn delete(conn: &mut Connection, ids: &[i64]) -> Result<usize, Error> {
    ids.iter().try_fold(0, |deleted, id| Ok(deleted + diesel::delete(notices::table.find(id)).execute(conn)?))
}

#[cfg(test)]
mod tests;
