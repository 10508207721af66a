//! Rooms and the directory of them.

use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::Room;
use crate::tables::rooms;

/// The room of this id.
pub fn find(conn: &mut Connection, rid: &[u8]) -> Result<Option<Room>, Error> {
    Ok(rooms::table.filter(rooms::rid.eq(rid)).select(Room::as_select()).first(conn).optional()?)
}

/// Stores the room, in place of the one with its id if there is one; that one's creator, count and requests
/// stay.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) for an unknown policy.
pub fn put(conn: &mut Connection, room: &Room) -> Result<(), Error> {
    diesel::insert_into(rooms::table)
        .values(room)
        .on_conflict(rooms::rid)
        .do_update()
        .set(room)
        .execute(conn)?;
    Ok(())
}

/// Deletes a room, and with it its requests, approves and denials. Returns whether there was one.
pub fn delete(conn: &mut Connection, rid: &[u8]) -> Result<bool, Error> {
    Ok(diesel::delete(rooms::table.filter(rooms::rid.eq(rid))).execute(conn)? > 0)
}

/// How many rooms a user created, counted up to `cap`.
pub fn count_created_by(conn: &mut Connection, uid: &[u8], cap: u32) -> Result<usize, Error> {
    let rows: Vec<i64> =
        rooms::table.filter(rooms::creator.eq(uid)).limit(cap.into()).select(rooms::version).load(conn)?;
    Ok(rows.len())
}

/// The first `limit` rooms of any of these policies whose ids come after `after`, in the order of their ids.
///
/// A query for each policy, and the pages merged: one query for all of them would have to sort the whole
/// directory, or step over every room of another policy, secret ones above all.
pub fn page(
    conn: &mut Connection,
    policies: &[&str],
    after: Option<&[u8]>,
    limit: u32,
) -> Result<Vec<Room>, Error> {
    let mut page: Vec<Room> = Vec::new();
    for policy in policies {
        page.extend(page_of(conn, policy, after.unwrap_or_default(), limit)?);
    }
    page.sort_unstable_by(|a, b| a.rid.cmp(&b.rid));
    page.dedup_by(|a, b| a.rid == b.rid);
    page.truncate(limit as usize);
    Ok(page)
}

fn page_of(conn: &mut Connection, policy: &str, after: &[u8], limit: u32) -> Result<Vec<Room>, Error> {
    Ok(rooms::table
        .filter(rooms::policy.eq(policy))
        .filter(rooms::rid.gt(after))
        .order(rooms::rid)
        .limit(limit.into())
        .select(Room::as_select())
        .load(conn)?)
}

#[cfg(test)]
mod tests;
