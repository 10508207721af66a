//! Where the store is.

use std::{env, path::PathBuf};

use tempfile::TempDir;
use vestibule_approve::limits::Quotas;
use vestibule_schema::{Connection, Database, migrate};
use vestibule_store::{Location, ServerUrl, Store, StoreConfig, Writer};

pub(crate) const VARIABLE: &str = "VESTIBULE_TEST_POSTGRES";

/// An empty database.
pub(crate) struct Place {
    folder: TempDir,
    url: Option<ServerUrl>,
    pub(crate) database: Database,
    pub(crate) connection: Connection,
}

impl Place {
    /// What this is measured on.
    pub(crate) fn kind() -> &'static str {
        if env::var_os(VARIABLE).is_some() { "PostgreSQL" } else { "SQLite" }
    }

    pub(crate) fn new() -> Self {
        let folder =
            tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target folder is writable");
        let url = env::var(VARIABLE).ok().map(|url| new_database(&url));
        let database = match &url {
            Some(url) => Database::on_server(url),
            None => Database::open(folder.path().join("bench.db")),
        };
        let database = database.expect("a fresh database opens");
        let mut connection = database.writer().expect("a fresh database opens");
        migrate::run(&mut connection).expect("a fresh database is migrated");
        Self { folder, url, database, connection }
    }

    /// The store in it.
    pub(crate) fn open(self) -> (TempDir, Store, Writer) {
        let Self { folder, url, database, connection } = self;
        drop((connection, database));
        let path: PathBuf = folder.path().join("bench.db");
        let location = match url {
            Some(url) => Location::Server { url, folder: folder.path().to_owned() },
            None => Location::from(&path),
        };
        let config = StoreConfig { quotas: quotas(), queue: 65_536, ..StoreConfig::default() };
        let (store, writer) = Store::open(location, &config).expect("a fresh database opens");
        (folder, store, writer)
    }
}

/// So large that none is reached.
pub(crate) fn quotas() -> Quotas {
    let most = 1 << 30;
    Quotas { open_per_room: most, open_in_all: most, requests_per_user: 1 << 20, ..Quotas::default() }
}

fn new_database(url: &str) -> ServerUrl {
    let name = format!("bench_{}", fastrand::u64(..));
    ask(url, &format!("CREATE DATABASE {name}"));
    let (server, _) = url.rsplit_once('/').expect("an address names a database");
    format!("{server}/{name}").parse().expect("an address")
}

/// Asks a server.
pub(crate) fn ask(url: &str, sql: &str) -> String {
    let asked = std::process::Command::new("psql").args(["--no-psqlrc", "-qAt", url, "-c", sql]).output();
    let asked = asked.expect("psql is there");
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8_lossy(&asked.stdout).trim().to_owned()
}
