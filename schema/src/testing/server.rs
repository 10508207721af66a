//! Databases on the server that the environment names, one for each test.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer};

use super::{Place, SERVER, Store};
use crate::connection::{Connection, Database, ServerUrl};
use crate::migrate;

/// A database that is deleted when this is dropped, whoever is connected to it.
pub(crate) struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// Creates an empty database.
    pub(crate) fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("vestibule_test_{}_{count}_{moment}", process::id());
        // Nobody is connected to `template0`, so it can always be copied.
        execute(&base(), &format!("CREATE DATABASE {name} TEMPLATE template0"));
        Self { name }
    }

    /// Its address.
    pub(crate) fn url(&self) -> ServerUrl {
        let (address, query) = split(&base());
        let authority = address.rsplit_once('/').unwrap().0.to_owned();
        format!("{authority}/{}{query}", self.name).parse().unwrap()
    }

    pub(crate) fn open(&self) -> Database {
        Database::on_server(&self.url()).unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        execute(&base(), &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// A database with all tables.
pub(crate) fn store() -> Store {
    let place = TestDatabase::create();
    let database = place.open();
    let mut conn = database.writer().unwrap();
    migrate::run(&mut conn).unwrap();
    Store { conn, database, place: Place::Server(place) }
}

/// The address in the environment.
pub(crate) fn base() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| panic!("{SERVER} must be postgres://user@host/database"))
}

/// An address without its parameters, and the parameters with their question mark.
pub(crate) fn split(url: &str) -> (String, String) {
    let (address, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    (address.to_owned(), query.to_owned())
}

fn execute(url: &str, statement: &str) {
    let mut conn: Connection = Database::on_server(&url.parse().unwrap()).unwrap().writer().unwrap();
    conn.batch_execute(statement).unwrap();
}

/// The number of a connection's process on the server.
pub(crate) fn process(conn: &mut Connection) -> i32 {
    diesel::select(sql::<Integer>("pg_backend_pid()")).get_result(conn).unwrap()
}

/// Ends another connection, and waits until it has ended.
pub(crate) fn kill(conn: &mut Connection, process: i32) {
    let ended = diesel::select(sql::<Bool>(&format!("pg_terminate_backend({process}, 10000)")));
    assert!(ended.get_result::<bool>(conn).unwrap());
}

/// Waits until so many connections to this database wait for a lock.
pub(crate) fn wait_for_waiting(conn: &mut Connection, count: i64) {
    let query = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_until(|| sql::<BigInt>(query).get_result::<i64>(conn).unwrap() == count);
}

/// Asks again and again for up to 20 seconds.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain");
        thread::sleep(Duration::from_millis(5));
    }
}
