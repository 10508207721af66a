//! Where tests keep their databases: in files, or on the server of PostgreSQL that the variable
//! `VESTIBULE_TEST_POSTGRES` names. Shared by the unit tests and by those in `tests`.

use std::{
    env, process,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use diesel::connection::SimpleConnection as _;
use tempfile::TempDir;
use vestibule_schema::{Database, ServerUrl};

// The unit tests name their own crate as those in `tests` do.
use vestibule_store::Location;

/// The address of a database on the server, in which others may be created.
const VARIABLE: &str = "VESTIBULE_TEST_POSTGRES";

static SERVER: LazyLock<Option<String>> = LazyLock::new(|| env::var(VARIABLE).ok());
static CREATED: AtomicU32 = AtomicU32::new(0);

/// Whether the tests' databases are on a server.
pub(crate) fn is_on_server() -> bool {
    SERVER.is_some()
}

/// A place for one database, which goes with it.
pub(crate) struct Place {
    folder: TempDir,
    /// The database's name, if it is on the server.
    name: Option<String>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = is_on_server().then(|| format!("vestibule_test_{}_{number}", process::id()));
        if let Some(name) = &name {
            administer(&format!("CREATE DATABASE {name}"));
        }
        Self { folder, name }
    }

    /// Where a store finds the database.
    pub(crate) fn location(&self) -> Location {
        match self.url() {
            Some(url) => Location::Server { url, folder: self.folder.path().to_owned() },
            None => Location::File(self.folder.path().join("test.db")),
        }
    }

    /// The address of the database, if it is on the server.
    pub(crate) fn url(&self) -> Option<ServerUrl> {
        let server = SERVER.as_ref()?;
        let (address, query) = server.split_once('?').unwrap_or((server, ""));
        let (host, _) = address.rsplit_once('/').expect("an address with a database");
        let url = format!("{host}/{}?{query}", self.name.as_ref()?);
        Some(url.trim_end_matches('?').parse().expect("an address"))
    }

    /// The address of the server, if the databases are on one.
    pub(crate) fn server() -> Option<&'static str> {
        SERVER.as_deref()
    }

    /// The folder of the file, or of what the store keeps beside a server.
    pub(crate) fn folder(&self) -> &TempDir {
        &self.folder
    }

    /// The database's name on the server.
    ///
    /// # Panics
    /// If the database is a file.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().expect("a database on a server")
    }

    /// Ends all connections to the database, as a server does that is stopped.
    pub(crate) fn disconnect(&self) {
        administer(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name()
        ));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Runs statements in the database that the variable names.
pub(crate) fn administer(statements: &str) {
    let url = SERVER.as_ref().expect("an address").parse().expect("an address of a server");
    let database = Database::on_server(&url).expect("the feature postgres");
    database.writer().expect("a server").batch_execute(statements).expect("a statement");
}
