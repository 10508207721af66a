//! What waits for a user, before any of it is read.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::requests::open;
use super::streams::{self, Topic};
use crate::connection::Connection;
use crate::error::Error;
use crate::tables::{approves, notices, requests, store};

/// Whether each list of a user has anything in it. For most joins none has, and three queries are
/// saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The last seq of the user's stream, 0 if there is none.
    pub seq: i64,
    /// Whether there are open requests of the user.
    pub requests: bool,
    /// Whether there may be approves for the user: all of these may belong to requests that are no
    /// longer open.
    pub approves: bool,
    /// Whether there are notices to the user.
    pub notices: bool,
}

/// Finds what waits for a user, in one room or all: notices with seqs after `notices_after`, and
/// everything else.
pub fn for_user(
    conn: &mut Connection,
    uid: &[u8],
    rid: Option<&[u8]>,
    notices_after: i64,
    now: i64,
) -> Result<Waiting, Error> {
    // Every seq is larger than 0. Saying so makes SQLite choose the index of what is open over that
    // of everything there ever was.
    let requests =
        requests::table.filter(requests::uid.eq(uid)).filter(requests::seq.gt(0)).filter(open(now));
    let approves = approves::table
        .filter(approves::to_uid.eq(uid))
        .filter(approves::seq.gt(0))
        .filter(approves::frame.is_not_null())
        .filter(approves::exp.gt(now));
    let notices = notices::table.filter(notices::uid.eq(uid)).filter(notices::seq.gt(notices_after));
    let (seq, requests, approves, notices) = match rid {
        None => store::table
            .select((store::seq, exists(requests), exists(approves), exists(notices)))
            .first(conn)?,
        Some(rid) => store::table
            .select((
                store::seq,
                exists(requests.filter(requests::rid.eq(rid))),
                exists(approves.filter(approves::rid.eq(rid))),
                exists(notices.filter(notices::rid.eq(rid))),
            ))
            .first(conn)?,
    };
    let seq =
        if matches!(conn, Connection::Sqlite(_)) { seq } else { streams::last(conn, &Topic::user(uid))? };
    Ok(Waiting { seq, requests, approves, notices })
}

#[cfg(test)]
mod tests;
