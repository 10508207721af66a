//! The audit log. Lines are added, get their result once, and are deleted when they are old.

use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::models::{Act, NewAct};
use crate::tables::audit;

/// Adds a line before the act. Returns the line's number.
pub fn begin(conn: &mut Connection, act: &NewAct<'_>) -> Result<i64, Error> {
    Ok(diesel::insert_into(audit::table).values(act).returning(audit::id).get_result(conn)?)
}

/// Adds the result to a line.
///
/// Errors: [`ErrorKind::Conflict`] if there is no such line or it already has a result.
pub fn finish(conn: &mut Connection, id: i64, result: i32) -> Result<(), Error> {
    let unfinished = audit::table.filter(audit::id.eq(id)).filter(audit::result.is_null());
    match diesel::update(unfinished).set(audit::result.eq(result)).execute(conn)? {
        1 => Ok(()),
        _ => Err(Error::new(ErrorKind::Conflict, format!("line {id} of the audit log is not to be changed"))),
    }
}

/// Lists the last `limit` lines before line `before`, or of all, latest first.
pub fn page(conn: &mut Connection, before: Option<i64>, limit: u32) -> Result<Vec<Act>, Error> {
    Ok(audit::table
        .filter(audit::id.lt(before.unwrap_or(i64::MAX)))
        .order(audit::id.desc())
        .limit(limit.into())
        .select(Act::as_select())
        .load(conn)?)
}

/// Deletes at most `limit` lines from `before` or earlier, and at most `limit` of those that are
/// not among the last `keep`. Returns how many.
pub fn forget(conn: &mut Connection, before: i64, keep: i64, limit: u32) -> Result<usize, Error> {
    let over = diesel::alias!(audit as over);
    let old = over.filter(over.field(audit::at).le(before)).limit(limit.into()).select(over.field(audit::id));
    let old = diesel::delete(audit::table.filter(audit::id.eq_any(old))).execute(conn)?;
    let last: Option<i64> = audit::table.order(audit::id.desc()).select(audit::id).first(conn).optional()?;
    let Some(last) = last else { return Ok(old) };
    let surplus = over
        .filter(over.field(audit::id).le(last.saturating_sub(keep)))
        .limit(limit.into())
        .select(over.field(audit::id));
    Ok(old + diesel::delete(audit::table.filter(audit::id.eq_any(surplus))).execute(conn)?)
}

#[cfg(test)]
mod tests;
