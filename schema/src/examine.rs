//! A look at a server of PostgreSQL. Nothing is changed.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::migrate;

/// The settings and the state of a server, in one query.
const FACTS: &str = "SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::int AS number,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('full_page_writes') AS full_page_writes,
    pg_is_in_recovery() AS is_standby,
    (SELECT version || ', ' || cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS tls,
    coalesce(inet_client_addr() = inet_server_addr(), true) AS is_same_machine,
    pg_database_size(current_database()) AS bytes,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int AS max_connections,
    (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
    to_regclass('__diesel_schema_migrations') IS NOT NULL AS is_migrated";

/// What a server says of itself.
#[derive(Clone, Debug, QueryableByName)]
pub struct Facts {
    /// Its version.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// Its version as a number, as in 150018.
    #[diesel(sql_type = Integer)]
    pub number: i32,
    /// Whether it writes to the disk before it answers: `on` or `off`.
    #[diesel(sql_type = Text)]
    pub fsync: String,
    /// Whether it answers a commit before it is written, and whether it waits for standbys.
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    /// Whether it survives that a page is only written in part: `on` or `off`.
    #[diesel(sql_type = Text)]
    pub full_page_writes: String,
    /// Whether it only follows another, and takes no writes.
    #[diesel(sql_type = Bool)]
    pub is_standby: bool,
    /// The TLS of this connection.
    #[diesel(sql_type = Nullable<Text>)]
    pub tls: Option<String>,
    /// Whether the connection leaves this machine.
    #[diesel(sql_type = Bool)]
    pub is_same_machine: bool,
    /// The size of the database.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// How many connections ordinary users may have.
    #[diesel(sql_type = Integer)]
    pub max_connections: i32,
    /// How many connections there are.
    #[diesel(sql_type = Integer)]
    pub connections: i32,
    /// Whether it has any of this program's tables.
    #[diesel(sql_type = Bool)]
    is_migrated: bool,
}

/// Asks a server for its settings and state.
pub fn facts(conn: &mut Connection) -> Result<Facts, Error> {
    Ok(diesel::sql_query(FACTS).get_result(server(conn)?)?)
}

/// How many migrations the next start will run; `None` if it creates the tables.
///
/// Errors: [`ErrorKind::Newer`] if a newer version has migrated the database.
pub fn migrations(conn: &mut Connection, facts: &Facts) -> Result<Option<usize>, Error> {
    if !facts.is_migrated {
        return Ok(None);
    }
    migrate::is_known(conn)?;
    migrate::pending(conn).map(Some)
}

/// The server's time, in Unix microseconds.
pub fn time(conn: &mut Connection) -> Result<i64, Error> {
    let now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    Ok(diesel::select(sql::<BigInt>(now)).get_result(server(conn)?)?)
}

/// Has the server write something to its log, and answer when that is durable. No table changes.
pub fn commit(conn: &mut Connection) -> Result<(), Error> {
    let message = "SELECT pg_logical_emit_message(true, 'vestibule', 'doctor')";
    Ok(server(conn)?.batch_execute(message)?)
}

fn server(conn: &mut Connection) -> Result<&mut PgConnection, Error> {
    match conn {
        Connection::Postgres(conn) => Ok(conn),
        Connection::Sqlite(_) => Err(Error::new(ErrorKind::Config, "the database is a file")),
    }
}
