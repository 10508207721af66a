//! A look at a database from outside, while a server may use it; and copies of it, which are
//! checked.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::connection::{self, Connection};
use crate::error::{Error, ErrorKind};
use crate::migrate;
use crate::repository::store;
use crate::tables::{approves, denials, notices, requests, rooms};

/// How many rows a database has, in tables that operators know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Rooms.
    pub rooms: i64,
    /// Requests that are open or remembered.
    pub requests: i64,
    /// Approves that are waiting or remembered.
    pub approves: i64,
    /// Denials that are in force.
    pub denials: i64,
    /// Notices that have not been seen.
    pub notices: i64,
}

/// What a look at a database has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// How many migrations the next start will run.
    pub migrations: usize,
    /// The last seq that it issued, a time in Unix microseconds; 0 if there is none.
    pub seq: i64,
}

/// Looks at a database, which a server may be using: whether its settings take effect, its schema
/// is whole, and its version known. Does not read all of it.
///
/// Errors: those that a start would have.
pub fn look(path: &Path) -> Result<Look, Error> {
    let path = text(path)?;
    let mut conn = connection::connect_to_look(path)?;
    let looked = migrate::is_known(&mut conn).and_then(|()| {
        let migrations = migrate::pending(&mut conn)?;
        let seq = if migrations == 0 { store::last_seq(&mut conn)? } else { 0 };
        Ok(Look { migrations, seq })
    });
    looked.map_err(|error| error.at(path))
}

/// Copies the database at `from` into the empty file `to`, as it is at one moment, and does not
/// write to `from`. A server may use it meanwhile, and waits for nothing; its log grows until the
/// copy is complete.
///
/// The copy has no free pages, and is not yet durable.
///
/// Errors: [`ErrorKind::Corrupt`] if the database is damaged, [`ErrorKind::Full`] if there is not
/// enough space for the copy.
pub fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let (from, to) = (text(from)?, text(to)?);
    let mut conn = connection::connect_to_copy(from)?;
    // For the copy. A database that has it already would be written to.
    let shrinks: i64 = sql::<BigInt>("PRAGMA auto_vacuum").get_result(&mut conn)?;
    if shrinks == 0 {
        conn.batch_execute("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    let copy = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(to);
    copy.execute(&mut conn).map_err(|error| Error::from(error).at(from))?;
    Ok(())
}

/// Reads all of a copy, and returns what it has. The file is not changed.
///
/// Errors: [`ErrorKind::Corrupt`] if it is damaged or no database of this program,
/// [`ErrorKind::Newer`] if a newer one has written it.
pub fn check(path: &Path) -> Result<Contents, Error> {
    let mut conn = connection::connect_to_read(text(path)?)?;
    is_whole(&mut conn)
        .and_then(|()| migrate::is_known(&mut conn))
        .and_then(|()| contents(&mut conn))
        .map_err(|error| error.at(path))
}

pub(crate) fn is_whole(conn: &mut Connection) -> Result<(), Error> {
    let found: String = sql::<Text>("PRAGMA integrity_check(1)").get_result(conn)?;
    if found != "ok" {
        return Err(Error::new(ErrorKind::Corrupt, format!("the database is damaged: {found}")));
    }
    let orphan: Option<String> =
        sql::<Text>("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1").get_result(conn).optional()?;
    match orphan {
        None => Ok(()),
        Some(table) => {
            let message = format!("the database is damaged: a row of {table} has no parent");
            Err(Error::new(ErrorKind::Corrupt, message))
        }
    }
}

fn contents(conn: &mut Connection) -> Result<Contents, Error> {
    Ok(Contents {
        rooms: rooms::table.count().get_result(conn)?,
        requests: requests::table.count().get_result(conn)?,
        approves: approves::table.count().get_result(conn)?,
        denials: denials::table.count().get_result(conn)?,
        notices: notices::table.count().get_result(conn)?,
    })
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::new(ErrorKind::Config, "the path is not UTF-8").at(path))
}
