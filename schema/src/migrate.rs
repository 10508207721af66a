//! Migrates a database to the tables of this program.

use diesel::backend::Backend;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
#[cfg(feature = "postgres")]
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connection::Connection;
#[cfg(feature = "postgres")]
use crate::connection::exclusively;
use crate::error::{Error, ErrorKind};

const OF_SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

#[cfg(feature = "postgres")]
const OF_POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Runs the missing migrations, each in its own transaction. Returns how many there were. On a
/// server, one program at a time does.
///
/// Refuses a database with an unknown migration ([`ErrorKind::Newer`]) and leaves it as it is: an
/// older program would not keep the rules of newer tables.
pub fn run(conn: &mut Connection) -> Result<usize, Error> {
    match conn {
        Connection::Sqlite(conn) => run_of(conn, OF_SQLITE),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => exclusively(conn, |conn| run_of(conn, OF_POSTGRES)),
    }
}

/// Refuses a database with an unknown migration, as [`run`] does. A read-only connection will do,
/// if the database has been migrated at least once.
pub fn is_known(conn: &mut Connection) -> Result<(), Error> {
    match conn {
        Connection::Sqlite(conn) => all_known::<diesel::sqlite::Sqlite>(&applied(conn)?, &OF_SQLITE),
        // `applied` would create the table of migrations, for which a reader has no right.
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => {
            let versions = sql::<Text>("SELECT version FROM __diesel_schema_migrations");
            all_known::<diesel::pg::Pg>(&versions.load(conn)?, &OF_POSTGRES)
        }
    }
}

/// The versions of the migrations that were run.
fn applied<DB: Backend>(conn: &mut impl MigrationHarness<DB>) -> Result<Vec<String>, Error> {
    let applied = conn.applied_migrations().map_err(failed)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// How many migrations are missing.
pub(crate) fn pending(conn: &mut Connection) -> Result<usize, Error> {
    let pending = match conn {
        Connection::Sqlite(conn) => conn.pending_migrations(OF_SQLITE).map(|found| found.len()),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => conn.pending_migrations(OF_POSTGRES).map(|found| found.len()),
    };
    pending.map_err(failed)
}

/// Whether the database has all tables of this program. Reads a few rows; a read-only connection
/// will do.
pub fn is_complete(conn: &mut Connection) -> Result<bool, Error> {
    let known = match conn {
        Connection::Sqlite(_) => count::<diesel::sqlite::Sqlite>(&OF_SQLITE)?,
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => count::<diesel::pg::Pg>(&OF_POSTGRES)?,
    };
    let applied: i64 = sql::<BigInt>("SELECT count(*) FROM __diesel_schema_migrations").get_result(conn)?;
    Ok(usize::try_from(applied).is_ok_and(|applied| applied == known))
}

fn count<DB: Backend>(migrations: &EmbeddedMigrations) -> Result<usize, Error> {
    let known: Vec<Box<dyn Migration<DB>>> = migrations.migrations().map_err(failed)?;
    Ok(known.len())
}

fn run_of<DB: Backend>(
    conn: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<usize, Error> {
    all_known::<DB>(&applied(conn)?, &migrations)?;
    Ok(conn.run_pending_migrations(migrations).map_err(failed)?.len())
}

fn all_known<DB: Backend>(applied: &[String], migrations: &EmbeddedMigrations) -> Result<(), Error> {
    let known: Vec<Box<dyn Migration<DB>>> = migrations.migrations().map_err(failed)?;
    let unknown = |version: &&String| {
        !known.iter().any(|migration| migration.name().version().to_string() == **version)
    };
    if let Some(version) = applied.iter().find(unknown) {
        let message = format!(
            "the database has migration {version}, which this version does not know; it was written by a newer one"
        );
        return Err(Error::new(ErrorKind::Newer, message));
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value)] // what map_err hands over
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::from_text(format!("migrating: {error}"), ErrorKind::Unavailable)
}

#[cfg(test)]
mod tests;
