//! Denials: a denied user may not ask for a room's key for a while. A denial is active while it is
//! a block or its `until` has not come. There is at most one row for each user in a room.

use diesel::dsl::auto_type;
use diesel::prelude::*;

use crate::connection::{Connection, on_either};
use crate::error::Error;
use crate::models::Denial;
use crate::tables::denials;

/// Finds the latest denial of a user in a room, active or not.
pub fn find(conn: &mut Connection, rid: &[u8], uid: &[u8]) -> Result<Option<Denial>, Error> {
    Ok(on_either!(conn, |conn| denials::table
        .filter(denials::rid.eq(rid))
        .filter(denials::uid.eq(uid))
        .select(Denial::as_select())
        .first(conn)
        .optional())?)
}

/// Stores a denial, replacing the user's last one in this room.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if its room is not stored.
pub fn put(conn: &mut Connection, denial: &Denial) -> Result<(), Error> {
    on_either!(conn, |conn| {
        diesel::insert_into(denials::table)
            .values(denial)
            .on_conflict((denials::rid, denials::uid))
            .do_update()
            .set(denial)
            .execute(conn)
    })?;
    Ok(())
}

/// Lifts a denial, even a block. Returns whether there was one.
///
/// The row stays, as long expired, until [`tidy`](super::tidy) deletes it: the sweep needs it to
/// find the requests that were denied.
pub fn lift(conn: &mut Connection, rid: &[u8], uid: &[u8]) -> Result<bool, Error> {
    let not_lifted =
        denials::table.filter(denials::rid.eq(rid)).filter(denials::uid.eq(uid)).filter(active(0));
    let changed =
        diesel::update(not_lifted).set((denials::blocked.eq(false), denials::until.eq(0))).execute(conn)?;
    Ok(changed == 1)
}

/// Lists at most `limit` active denials of a room with seqs after `after_seq`, ordered by seq.
/// [`denied_of_user`](super::requests::denied_of_user) lists the requests that each denied.
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
