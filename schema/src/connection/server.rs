//! Connections to a server of PostgreSQL.

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Connection;
use super::url::ServerUrl;
use crate::error::{Error, ErrorKind};

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Write, as the server's writers do.
    Write,
    /// Only read.
    Read,
}

/// For every connection.
///
/// A connection that hangs must not keep its locks: others wait for them.
const SETTINGS: &str = "SET application_name = 'vestibule';
    SET client_encoding = 'UTF8';
    SET lock_timeout = '5s';
    SET statement_timeout = '60s';
    SET idle_in_transaction_session_timeout = '10s'";

/// The settings without which an answer of the database does not mean that something is stored.
const DURABLE: [&str; 2] = ["fsync", "synchronous_commit"];

pub(super) fn connect(url: &ServerUrl, access: Access) -> Result<Connection, Error> {
    let mut conn = PgConnection::establish(&url.for_libpq()).map_err(|error| {
        let message = url.censor(error.to_string().trim()).replace('\n', "; ");
        Error::from_text(format_args!("{url}: {message}"), ErrorKind::Disconnected)
    })?;
    conn.batch_execute(SETTINGS)?;
    if access == Access::Read {
        conn.batch_execute("SET default_transaction_read_only = on")?;
    }
    Ok(Connection::Postgres(conn))
}

pub(super) fn not_durable(conn: &mut PgConnection) -> Result<Option<&'static str>, Error> {
    for name in DURABLE {
        let value: String =
            diesel::select(sql::<Text>(&format!("current_setting('{name}')"))).get_result(conn)?;
        if value == "off" {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Does something while no other program does, in the same database. It may take as long as it
/// needs.
pub(crate) fn exclusively<T>(
    conn: &mut PgConnection,
    f: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    conn.batch_execute("SET lock_timeout = 0; SET statement_timeout = 0")?;
    // Any number will do, as long as nobody else has it.
    conn.batch_execute("SELECT pg_advisory_lock(8387794208231189611)")?;
    let done = f(conn);
    let left = conn
        .batch_execute("SELECT pg_advisory_unlock(8387794208231189611)")
        .and_then(|()| conn.batch_execute(SETTINGS));
    // The first error is the cause.
    let done = done?;
    left?;
    Ok(done)
}

#[cfg(test)]
mod tests;
