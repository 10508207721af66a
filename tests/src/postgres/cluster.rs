//! A server with its data folder.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Child;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::folder::{Folder, signal};
use super::postmaster::{self, wait_until};
use super::programs::{Programs, run};
use super::psql::psql;
use crate::query;
use crate::random::{Random, fresh};

/// The superuser, as whom tests and servers connect.
pub(super) const ROLE: &str = "vestibule";

/// A running PostgreSQL, ended and removed on drop, and also when the test's process is killed. If
/// the test fails, its log is printed.
#[derive(Debug)]
pub struct Cluster {
    pub(super) programs: &'static Programs,
    pub(super) folder: Folder,
    pub(super) port: u16,
    /// Nothing while it is stopped.
    postmaster: Mutex<Option<Child>>,
    /// How many databases it was asked for.
    pub(super) databases: AtomicUsize,
    /// How many standbys it was asked for.
    pub(super) standbys: AtomicUsize,
}

impl Cluster {
    /// Makes a data folder, starts a server on it and waits until it accepts connections: from
    /// this machine, without a password.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not come up.
    pub fn start() -> Self {
        let (programs, folder) = (Programs::get(), Folder::new());
        let mut initdb = programs.command_in(folder.path(), "initdb");
        initdb.arg("--pgdata").arg(folder.data()).args(["--username", ROLE, "--auth", "trust"]);
        // The server itself syncs what it writes; only a power cut could undo what this wrote.
        run(initdb.args(["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"]));
        let cluster = Self::of(programs, folder);
        cluster.announce("");
        cluster
    }

    /// Starts a server in a folder that has data.
    pub(super) fn of(programs: &'static Programs, folder: Folder) -> Self {
        let port = free_port();
        append(&folder.data().join("postgresql.conf"), &settings(folder.path(), port));
        let postmaster = Mutex::new(Some(postmaster::start(programs, &folder)));
        let [databases, standbys] = [0, 0].map(AtomicUsize::new);
        Self { programs, folder, port, postmaster, databases, standbys }
    }

    /// Says in the tests' output what was started.
    pub(super) fn announce(&self, more: &str) {
        let fsync = self.query("postgres", "SHOW fsync");
        let (version, folder) = (&self.programs.version, self.folder.path().display());
        // Not by `eprintln!`, whose lines are shown only for tests that fail.
        let _ = writeln!(std::io::stderr(), "PostgreSQL {version} in {folder}, fsync {fsync}{more}");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The folder that holds its data folder (`data`), its log (`log`) and its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of a database over TCP.
    pub fn url(&self, database: &str) -> String {
        self.url_at(self.address(), database)
    }

    /// The URL of a database at another address, such as a proxy's.
    pub fn url_at(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://{ROLE}@{address}/{database}")
    }

    /// The URL of a database over the Unix socket.
    ///
    /// # Panics
    /// Never: temporary folders have names in UTF-8.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.path().to_str().expect("UTF-8");
        let place = query::encode(&[("host", folder), ("port", &self.port.to_string())]);
        format!("postgres://{ROLE}@/{database}?{place}")
    }

    /// Runs a statement in a database over the Unix socket and returns the rows: see
    /// [`psql()`].
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn query(&self, database: &str, sql: &str) -> String {
        self.try_query(database, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Like [`Cluster::query`], for a statement that may fail.
    pub fn try_query(&self, database: &str, sql: &str) -> Result<String, String> {
        psql(&self.socket_url(database), sql)
    }

    /// Everything it has logged, over all its starts.
    pub fn log(&self) -> String {
        postmaster::read_log(&self.folder)
    }

    /// Stops it: it rolls back what is under way, and writes down the rest.
    ///
    /// # Panics
    /// If it does not run or does not stop.
    pub fn stop(&self) {
        postmaster::stop(self.running().take().expect("a running server"));
    }

    /// Kills all its processes (SIGKILL) and waits until they are gone.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill9(&self) {
        postmaster::kill(self.running().take().expect("a running server"), &self.folder);
    }

    /// Starts it again on the same port and data, and waits until it accepts connections.
    ///
    /// # Panics
    /// If it runs or does not come up.
    pub fn start_again(&self) {
        let mut running = self.running();
        assert!(running.is_none(), "it runs");
        *running = Some(postmaster::start(self.programs, &self.folder));
    }

    /// Halts all its processes (SIGSTOP): connections stay, and nothing answers.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pause(&self) {
        let running = self.running();
        let postmaster = running.as_ref().expect("a running server").id().to_string();
        // First the one that starts others, then all that it has started.
        signal("STOP", &postmaster).expect("a running server");
        self.folder.signal_all("STOP");
    }

    /// Lets all its processes go on (SIGCONT).
    pub fn resume(&self) {
        self.folder.signal_all("CONT");
    }

    /// Ends all connections to a database, as an administrator can, and returns how many.
    ///
    /// # Panics
    /// If that fails.
    pub fn terminate_backends(&self, database: &str) -> usize {
        let ended = self.query(
            "postgres",
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"),
        );
        ended.lines().filter(|line| *line == "t").count()
    }

    /// Changes a setting for good and waits until new connections have it. One that is read only at
    /// the start needs a stop and [`Cluster::start_again`].
    ///
    /// # Panics
    /// If PostgreSQL refuses it.
    pub fn set(&self, name: &str, value: &str) {
        self.query("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.reload();
    }

    /// Has connections over TCP be authenticated in another way, such as `scram-sha-256` or
    /// `reject`. The kind is `host` for all of them; `hostssl` for TLS alone: others are refused.
    ///
    /// # Panics
    /// If PostgreSQL refuses it.
    pub fn allow(&self, kind: &str, method: &str) {
        let rules = format!(
            "local all,replication all trust\n\
             host replication all 127.0.0.1/32 trust\n\
             {kind} all all 127.0.0.1/32 {method}\n"
        );
        fs::write(self.folder.data().join("pg_hba.conf"), rules).expect("a file to write");
        self.reload();
    }

    /// Gives the role as whom tests connect a password: see [`Cluster::allow`].
    ///
    /// # Panics
    /// If PostgreSQL refuses it.
    pub fn set_password(&self, password: &str) {
        self.query("postgres", &format!("ALTER ROLE {ROLE} PASSWORD '{password}'"));
    }

    fn reload(&self) {
        let loaded = || self.query("postgres", "SELECT pg_conf_load_time()");
        let before = loaded();
        self.query("postgres", "SELECT pg_reload_conf()");
        wait_until("configured", || loaded() != before);
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.postmaster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- PostgreSQL's log\n{}---", self.log());
        }
    }
}

fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = '{folder}'\n\
         max_connections = 100\n\
         shared_buffers = '16MB'\n\
         fsync = on\n\
         synchronous_commit = on\n\
         # A thousand files are synced before a crash is repaired: one call instead of as many.\n\
         recovery_init_sync_method = 'syncfs'\n\
         # In the data folder, so that nothing is left behind.\n\
         dynamic_shared_memory_type = 'mmap'\n\
         # A standby that was away finds what it missed.\n\
         wal_keep_size = '64MB'\n\
         log_line_prefix = '%m [%p] %u@%d '\n"
    )
}

pub(super) fn append(path: &Path, lines: &str) {
    let file = fs::OpenOptions::new().append(true).open(path);
    file.and_then(|mut file| file.write_all(lines.as_bytes())).expect("a file to write");
}

/// A port at which nobody listens, and which the system gives to no client: a client that tries to
/// reach a stopped server again and again could end up connected to itself.
fn free_port() -> u16 {
    let mut random = Random::new(fresh());
    loop {
        let port = u16::try_from(10_000 + random.below(22_768)).expect("below 32,768");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
