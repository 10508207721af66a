//! Denials: who may not ask for a room's key for a while. A denial is active while it is blocked or its `until`
//! has not come. At most one row for each user in a room.

use diesel::dsl::auto_type;
use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::Denial;
use crate::tables::denials;

/// The latest denial of this user in this room, active or not.
pub fn find(conn: &mut Connection, rid: &[u8], uid: &[u8]) -> Result<Option<Denial>, Error> {
    Ok(denials::table
        .filter(denials::rid.eq(rid))
        .filter(denials::uid.eq(uid))
        .select(Denial::as_select())
        .first(conn)
        .optional()?)
}

/// Stores a denial, in place of the user's last one in this room.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if its room is not stored.
pub fn put(conn: &mut Connection, denial: &Denial) -> Result<(), Error> {
    diesel::insert_into(denials::table)
        .values(denial)
        .on_conflict((denials::rid, denials::uid))
        .do_update()
        .set(denial)
        .execute(conn)?;
    Ok(())
}

/// Lifts a denial, blocked or not. Returns whether there was one to lift.
///
/// The row stays, over since ever, until [`tidy`](super::tidy) takes it: by it the sweep finds the requests that
/// were denied.
pub fn lift(conn: &mut Connection, rid: &[u8], uid: &[u8]) -> Result<bool, Error> {
    let not_lifted =
        denials::table.filter(denials::rid.eq(rid)).filter(denials::uid.eq(uid)).filter(active(0));
    let changed =
        diesel::update(not_lifted).set((denials::blocked.eq(false), denials::until.eq(0))).execute(conn)?;
    Ok(changed == 1)
}

/// The first `limit` active denials of a room with numbers after `after_seq`, in the order of their numbers. What
/// each holds back is [`denied_of_user`](super::requests::denied_of_user).
pub fn page(
    conn: &mut Connection,
    rid: &[u8],
    after_seq: i64,
    limit: u32,
    now: i64,
) -> Result<Vec<Denial>, Error> {
    Ok(denials::table
        .filter(denials::rid.eq(rid))
        .filter(denials::seq.gt(after_seq))
        .filter(active(now))
        .order(denials::seq)
        .limit(limit.into())
        .select(Denial::as_select())
        .load(conn)?)
}

#[auto_type(no_type_alias)]
fn active(now: i64) -> _ {
    denials::blocked.or(denials::until.gt(now))
}

#[cfg(test)]
mod tests;
