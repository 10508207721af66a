//! Migrates a database to the tables of this program.

use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Runs the missing migrations, each in its own transaction. Returns how many there were.
///
/// Refuses a database with an unknown migration ([`ErrorKind::Newer`]) and leaves it as it is: an
/// older program would not keep the rules of newer tables.
pub fn run(conn: &mut Connection) -> Result<usize, Error> {
    is_known(conn)?;
    let run = conn.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    Ok(run.len())
}

/// Refuses a database with an unknown migration, as [`run`] does. A read-only connection will do,
/// if the database has been migrated at least once.
pub fn is_known(conn: &mut Connection) -> Result<(), Error> {
    let known: Vec<Box<dyn Migration<Sqlite>>> = MIGRATIONS.migrations().map_err(failed)?;
    let applied = conn.applied_migrations().map_err(failed)?;
    let unknown = |version| !known.iter().any(|migration| migration.name().version() == version);
    if let Some(version) = applied.into_iter().find(|version| unknown(version.as_owned())) {
        let message = format!(
            "the database has migration {version}, which this version does not know; it was written by a newer one"
        );
        return Err(Error::new(ErrorKind::Newer, message));
    }
    Ok(())
}

/// How many migrations are missing.
pub(crate) fn pending(conn: &mut Connection) -> Result<usize, Error> {
    Ok(conn.pending_migrations(MIGRATIONS).map_err(failed)?.len())
}

/// Whether the database has all tables of this program. Reads a few rows; a read-only connection
/// will do.
pub fn is_complete(conn: &mut Connection) -> Result<bool, Error> {
    let known: Vec<Box<dyn Migration<Sqlite>>> = MIGRATIONS.migrations().map_err(failed)?;
    let applied: i64 = sql::<BigInt>("SELECT count(*) FROM __diesel_schema_migrations").get_result(conn)?;
    Ok(usize::try_from(applied).is_ok_and(|applied| applied == known.len()))
}

#[allow(clippy::needless_pass_by_value)] // what map_err hands over
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::from_text(format!("migrating: {error}"), ErrorKind::Unavailable)
}

#[cfg(test)]
mod tests;
