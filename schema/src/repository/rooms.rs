//! Rooms and the directory of them.

use diesel::dsl::auto_type;
use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::Room;
use crate::tables::rooms;

/// The room of this id.
pub fn find(conn: &mut Connection, rid: &[u8]) -> Result<Option<Room>, Error> {
    Ok(rooms::table.filter(rooms::rid.eq(rid)).select(Room::as_select()).first(conn).optional()?)
}

/// Stores the room, in place of the one with its id if there is one; that one's founder, creator, counts and requests
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

/// Makes a user the room's creator. Returns whether there is such a room.
pub fn set_creator(conn: &mut Connection, rid: &[u8], creator: &[u8], seq: i64) -> Result<bool, Error> {
    let changed = diesel::update(rooms::table.filter(rooms::rid.eq(rid)))
        .set((rooms::creator.eq(creator), rooms::seq.eq(seq)))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Lists a room in the directory, or takes it out. Returns whether there is such a room.
pub fn set_listed(conn: &mut Connection, rid: &[u8], listed: bool, seq: i64) -> Result<bool, Error> {
    let changed = diesel::update(rooms::table.filter(rooms::rid.eq(rid)))
        .set((rooms::listed.eq(listed), rooms::seq.eq(seq)))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Deletes a room, and with it its requests, approves and denials. Returns whether there was one.
pub fn delete(conn: &mut Connection, rid: &[u8]) -> Result<bool, Error> {
    Ok(diesel::delete(rooms::table.filter(rooms::rid.eq(rid))).execute(conn)? > 0)
}

/// How many rooms a user founded, counted up to `cap`.
pub fn count_founded_by(conn: &mut Connection, uid: &[u8], cap: u32) -> Result<usize, Error> {
    let rows: Vec<i64> =
        rooms::table.filter(rooms::founder.eq(uid)).limit(cap.into()).select(rooms::version).load(conn)?;
    Ok(rows.len())
}

/// The first `limit` rooms of any of these policies whose ids come after `after`, in the order of their ids, listed or not.
pub fn page(
    conn: &mut Connection,
    policies: &[&str],
    after: Option<&[u8]>,
    limit: u32,
) -> Result<Vec<Room>, Error> {
    merged(policies, limit, |policy| {
        Ok(of_policy(policy, after, limit).select(Room::as_select()).load(conn)?)
    })
}

/// As [`page`], of the rooms that the directory lists.
pub fn directory(
    conn: &mut Connection,
    policies: &[&str],
    after: Option<&[u8]>,
    limit: u32,
) -> Result<Vec<Room>, Error> {
    merged(policies, limit, |policy| {
        let listed = of_policy(policy, after, limit).filter(rooms::listed.eq(true));
        Ok(listed.select(Room::as_select()).load(conn)?)
    })
}

/// A query for each policy, and the pages merged: one query for all of them would have to sort the whole directory, or
/// step over every room of another policy, secret ones above all.
fn merged(
    policies: &[&str],
    limit: u32,
    mut page_of: impl FnMut(&str) -> Result<Vec<Room>, Error>,
) -> Result<Vec<Room>, Error> {
    let mut page: Vec<Room> = Vec::new();
    for policy in policies {
        page.extend(page_of(policy)?);
    }
    page.sort_unstable_by(|a, b| a.rid.cmp(&b.rid));
    page.dedup_by(|a, b| a.rid == b.rid);
    page.truncate(limit as usize);
    Ok(page)
}

#[auto_type(no_type_alias)]
fn of_policy<'a>(policy: &'a str, after: Option<&'a [u8]>, limit: u32) -> _ {
    let after: &'a [u8] = after.unwrap_or_default();
    let limit: i64 = limit.into();
    rooms::table.filter(rooms::policy.eq(policy)).filter(rooms::rid.gt(after)).order(rooms::rid).limit(limit)
}

#[cfg(test)]
mod tests;
