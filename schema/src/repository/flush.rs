//! Writes what a batch has changed: one statement for each kind of row on a server, where each
//! statement is a round trip. In a file a prepared statement for each row is as fast.
//!
//! Rows of denials come before the requests that they deny, and requests before their approves.
//! After an error the transaction must be rolled back: a part may be written.

use crate::connection::Connection;
use crate::error::Error;
use crate::models::{ApproveUpdate, NewApprove, NewNotice, NewRequest, RequestUpdate};
use crate::repository::{approves, devices, notices, requests};

mod file;
#[cfg(feature = "postgres")]
mod server;

/// A device of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceOf<'a> {
    /// The request's row.
    pub request: i64,
    /// The id that the device chose.
    pub device: &'a [u8],
}

/// Stores requests as pending. Returns their rows' ids, in their order.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if an id is taken or a room is not stored.
pub fn insert_requests(conn: &mut Connection, rows: &[NewRequest<'_>]) -> Result<Vec<i64>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::insert_requests(conn, rows),
        conn => rows.iter().map(|row| requests::insert(conn, row)).collect(),
    }
}

/// Changes requests, each once.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if a row does not exist, is named twice, is
/// finished and would not be any more, or would be denied with its frame but without a denial.
pub fn update_requests(conn: &mut Connection, updates: &[RequestUpdate]) -> Result<(), Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::update_requests(conn, updates),
        Connection::Sqlite(conn) => file::update_requests(conn, updates),
    }
}

/// Stores approves as live. Returns their rows' ids, in their order.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if an id is taken or a request is not stored.
pub fn insert_approves(conn: &mut Connection, rows: &[NewApprove<'_>]) -> Result<Vec<i64>, Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::insert_approves(conn, rows),
        conn => rows.iter().map(|row| approves::insert(conn, row)).collect(),
    }
}

/// Changes approves, each once.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if a row does not exist, is named twice, or is
/// closed and would be live.
pub fn update_approves(conn: &mut Connection, updates: &[ApproveUpdate]) -> Result<(), Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::update_approves(conn, updates),
        Connection::Sqlite(conn) => file::update_approves(conn, updates),
    }
}

/// Registers devices with requests. A second time changes nothing.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if there is no such request.
pub fn register_devices(conn: &mut Connection, rows: &[DeviceOf<'_>]) -> Result<(), Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::register_devices(conn, rows),
        conn => rows.iter().try_for_each(|row| devices::register(conn, row.request, row.device)),
    }
}

/// Notes that devices have the key. One that is not registered is passed over.
pub fn mark_devices(conn: &mut Connection, rows: &[DeviceOf<'_>]) -> Result<(), Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::mark_devices(conn, rows),
        Connection::Sqlite(conn) => rows.iter().try_for_each(|row| file::mark_device(conn, row)),
    }
}

/// Stores notices.
pub fn insert_notices(conn: &mut Connection, rows: &[NewNotice<'_>]) -> Result<(), Error> {
    match conn {
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => server::insert_notices(conn, rows),
        conn => rows.iter().try_for_each(|row| notices::insert(conn, row)),
    }
}

#[cfg(test)]
mod tests;
