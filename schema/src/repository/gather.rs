//! Reads what many commands need, as sets: one statement for each kind of row on a server, where
//! each statement is a round trip. In a file a prepared statement for each key is as fast.
//!
//! Keys may be named twice; their rows come once. Without keys nothing is asked. Rows come in no
//! particular order, unless a function says so.

use crate::connection::Connection;
use crate::error::Error;
use crate::models::{Approve, Denial, Device, Request, Room};
use crate::repository::{approves, denials, devices, requests, rooms};

#[cfg(feature = "postgres")]
mod server;

/// A user in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserInRoom<'a> {
    /// The room.
    pub rid: &'a [u8],
    /// The user.
    pub uid: &'a [u8],
}

/// The name of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey<'a> {
    /// The room.
    pub rid: &'a [u8],
    /// The requester.
    pub uid: &'a [u8],
    /// The id that the requester chose.
    pub request_id: &'a [u8],
}

/// The name of an approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApproveKey<'a> {
    /// The room.
    pub rid: &'a [u8],
    /// The id that the approver chose.
    pub approve_id: &'a [u8],
}

/// How many requests a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestCounts {
    /// Open ones, up to a cap.
    pub open: usize,
    /// Open or finished ones, up to a cap.
    pub all: usize,
}

/// Finds the rooms with these ids.
pub fn rooms(conn: &mut Connection, rids: &[&[u8]]) -> Result<Vec<Room>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !rids.is_empty() => server::rooms(conn, rids),
        conn => each(rids, |rid| rooms::find(conn, rid)),
    }
}

/// Counts the rooms that each of these users founded, up to `cap`, in their order.
pub fn founded_by(conn: &mut Connection, uids: &[&[u8]], cap: u32) -> Result<Vec<usize>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !uids.is_empty() => server::founded_by(conn, uids, cap),
        conn => uids.iter().map(|uid| rooms::count_founded_by(conn, uid, cap)).collect(),
    }
}

/// Finds the requests with these names, in any state.
pub fn requests(conn: &mut Connection, keys: &[RequestKey<'_>]) -> Result<Vec<Request>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !keys.is_empty() => server::requests(conn, keys),
        conn => each(keys, |key| requests::find(conn, key.rid, key.uid, key.request_id)),
    }
}

/// Lists the open requests of these users in these rooms.
pub fn open_requests(
    conn: &mut Connection,
    users: &[UserInRoom<'_>],
    now: i64,
) -> Result<Vec<Request>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !users.is_empty() => server::open_requests(conn, users, now),
        conn => all(users, |user| requests::open_of_user_in_room(conn, user.rid, user.uid, now)),
    }
}

/// Lists the denied requests of these users in these rooms that may still be approved.
pub fn denied_requests(
    conn: &mut Connection,
    users: &[UserInRoom<'_>],
    now: i64,
) -> Result<Vec<Request>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !users.is_empty() => server::denied_requests(conn, users, now),
        conn => all(users, |user| requests::denied_of_user(conn, user.rid, user.uid, now)),
    }
}

/// Counts the requests of each of these users in all rooms, in their order: open ones up to
/// `open_cap`, and all up to `all_cap`.
pub fn request_counts(
    conn: &mut Connection,
    uids: &[&[u8]],
    now: i64,
    (open_cap, all_cap): (u32, u32),
) -> Result<Vec<RequestCounts>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !uids.is_empty() => {
            server::request_counts(conn, uids, now, (open_cap, all_cap))
        }
        conn => {
            let count = |uid: &&[u8]| {
                let open = requests::count_open_of_user(conn, uid, now, open_cap)?;
                Ok(RequestCounts { open, all: requests::count_of_user(conn, uid, all_cap)? })
            };
            uids.iter().map(count).collect()
        }
    }
}

/// Finds the approves with these names, in any state.
pub fn approves(conn: &mut Connection, keys: &[ApproveKey<'_>]) -> Result<Vec<Approve>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !keys.is_empty() => server::approves(conn, keys),
        conn => each(keys, |key| approves::find(conn, key.rid, key.approve_id)),
    }
}

/// Lists the approves of these requests, in any state. Those of one request come in the order of
/// their seqs.
pub fn approves_of(conn: &mut Connection, keys: &[RequestKey<'_>]) -> Result<Vec<Approve>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !keys.is_empty() => server::approves_of(conn, keys),
        conn => all(keys, |key| approves::of_request(conn, key.rid, key.uid, key.request_id)),
    }
}

/// Lists the devices of the requests in these rows, each with its request's row. Those of one
/// request come in the order of their ids.
pub fn devices(conn: &mut Connection, requests: &[i64]) -> Result<Vec<(i64, Device)>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !requests.is_empty() => server::devices(conn, requests),
        conn => all(requests, |request| {
            let found = devices::of_request(conn, *request)?;
            Ok(found.into_iter().map(|device| (*request, device)).collect())
        }),
    }
}

/// Finds the latest denials of these users in these rooms.
pub fn denials(conn: &mut Connection, users: &[UserInRoom<'_>]) -> Result<Vec<Denial>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) if !users.is_empty() => server::denials(conn, users),
        conn => each(users, |user| denials::find(conn, user.rid, user.uid)),
    }
}

/// The rows of those keys that have one.
fn each<K: Copy + Ord, T>(
    keys: &[K],
    mut find: impl FnMut(&K) -> Result<Option<T>, Error>,
) -> Result<Vec<T>, Error> {
    once(keys).iter().filter_map(|key| find(key).transpose()).collect()
}

/// All rows of all keys.
fn all<K: Copy + Ord, T>(
    keys: &[K],
    mut list: impl FnMut(&K) -> Result<Vec<T>, Error>,
) -> Result<Vec<T>, Error> {
    once(keys).iter().try_fold(Vec::new(), |mut rows, key| {
        rows.extend(list(key)?);
        Ok(rows)
    })
}

/// Each key once.
fn once<K: Copy + Ord>(keys: &[K]) -> Vec<K> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests;
