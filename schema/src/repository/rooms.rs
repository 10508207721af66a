//! Rooms and the directory.

use diesel::dsl::auto_type;
use diesel::prelude::*;

use crate::connection::{Connection, on_either};
use crate::error::Error;
use crate::models::Room;
use crate::tables::rooms;

/// Finds a room by its id.
pub fn find(conn: &mut Connection, rid: &[u8]) -> Result<Option<Room>, Error> {
    Ok(on_either!(conn, |conn| rooms::table
        .filter(rooms::rid.eq(rid))
        .select(Room::as_select())
        .first(conn)
        .optional())?)
}

/// Stores a room, or replaces the card of an existing one, which keeps its founder, creator, counts
/// and requests.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) for an unknown policy.
pub fn put(conn: &mut Connection, room: &Room) -> Result<(), Error> {
    on_either!(conn, |conn| {
        diesel::insert_into(rooms::table)
            .values(room)
            .on_conflict(rooms::rid)
            .do_update()
            .set(room)
            .execute(conn)
    })?;
    Ok(())
}

/// Sets the room's creator. Returns whether there is such a room.
pub fn set_creator(conn: &mut Connection, rid: &[u8], creator: &[u8], seq: i64) -> Result<bool, Error> {
    let changed = diesel::update(rooms::table.filter(rooms::rid.eq(rid)))
        .set((rooms::creator.eq(creator), rooms::seq.eq(seq)))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Lists a room in the directory, or removes it. Returns whether there is such a room.
pub fn set_listed(conn: &mut Connection, rid: &[u8], listed: bool, seq: i64) -> Result<bool, Error> {
    let changed = diesel::update(rooms::table.filter(rooms::rid.eq(rid)))
        .set((rooms::listed.eq(listed), rooms::seq.eq(seq)))
        .execute(conn)?;
    Ok(changed == 1)
}

/// Deletes a room with its requests, approves and denials. Returns whether there was one.
pub fn delete(conn: &mut Connection, rid: &[u8]) -> Result<bool, Error> {
    Ok(diesel::delete(rooms::table.filter(rooms::rid.eq(rid))).execute(conn)? > 0)
}

/// Counts the rooms that a user founded, up to `cap`.
pub fn count_founded_by(conn: &mut Connection, uid: &[u8], cap: u32) -> Result<usize, Error> {
    let rows: Vec<i64> =
        rooms::table.filter(rooms::founder.eq(uid)).limit(cap.into()).select(rooms::version).load(conn)?;
    Ok(rows.len())
}

/// Lists at most `limit` rooms of these policies with ids after `after`, ordered by id, listed or
/// not.
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

/// As [`page`], but only rooms that the directory lists.
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

/// Runs a query for each policy and merges the pages: one query for all would have to sort the
/// whole directory, or step over every room of another policy.
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
