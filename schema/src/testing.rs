//! Shared by the tests: a migrated database in a temporary folder or on a server, rows, query
//! plans, and child processes.

#[cfg(feature = "postgres")]
pub(crate) mod server;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use diesel::Connection as _;
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use diesel::sql_types::Text;
use tempfile::TempDir;

use crate::connection::{Connection, Database};
use crate::error::Error;
use crate::migrate;
use crate::models::{
    ApproveState, ApproveUpdate, Denial, NewApprove, NewRequest, RequestState, RequestUpdate, Room,
};
use crate::repository::{approves, flush, requests, rooms, store as whole};
use crate::tables;

/// Set for a test that runs in a child process; its value is a path.
const CHILD: &str = "VESTIBULE_SCHEMA_TEST_CHILD";

/// A time that 32 bits cannot hold, as real ones are.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// Names the server on which [`store`] makes its databases, as `postgres://user@host/database`;
/// without it they are files.
pub(crate) const SERVER: &str = "VESTIBULE_TEST_POSTGRES";

/// A database with all tables, which is deleted at the end.
pub(crate) struct Store {
    // They are dropped in this order: a database cannot be deleted while it is open.
    pub(crate) conn: Connection,
    pub(crate) database: Database,
    pub(crate) place: Place,
}

/// Where a database is.
pub(crate) enum Place {
    Folder(TempDir),
    #[cfg(feature = "postgres")]
    Server(server::TestDatabase),
}

impl Store {
    pub(crate) fn path(&self) -> &Path {
        self.database.file().expect("a file")
    }

    pub(crate) fn folder(&self) -> &Path {
        match &self.place {
            Place::Folder(folder) => folder.path(),
            #[cfg(feature = "postgres")]
            Place::Server(_) => panic!("a server has no folder"),
        }
    }

    /// Whether this is a file of SQLite.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }
}

/// A database for tests that hold on either: on the server that the environment names, or a file.
pub(crate) fn store() -> Store {
    if std::env::var_os(SERVER).is_none() {
        return file();
    }
    #[cfg(feature = "postgres")]
    return server::store();
    #[cfg(not(feature = "postgres"))]
    panic!("{SERVER} is set, but the tests were built without the Cargo feature `postgres`");
}

/// A database for tests of SQLite.
pub(crate) fn file() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path().join("test.db")).unwrap();
    let mut conn = database.writer().unwrap();
    migrate::run(&mut conn).unwrap();
    Store { conn, database, place: Place::Folder(folder) }
}

/// The number of open requests: what the rooms count, which is what a file counts as a whole.
pub(crate) fn open_in_all(conn: &mut Connection) -> i64 {
    let counts: Vec<i64> = tables::rooms::table.select(tables::rooms::open).load(conn).unwrap();
    let sum = counts.iter().sum();
    let whole = whole::open(conn).unwrap();
    assert_eq!(whole.unwrap_or(sum), sum);
    sum
}

pub(crate) fn id(n: u8) -> [u8; 32] {
    [n; 32]
}

pub(crate) fn room(rid: u8, policy: &str) -> Room {
    Room {
        rid: id(rid).to_vec(),
        policy: policy.to_owned(),
        version: 1,
        seq: NOW * 1000,
        created: NOW,
        frame: vec![rid, 1],
        creator: None,
        digest: None,
        open: 0,
        founder: None,
        listed: true,
        denied: 0,
    }
}

/// Stores request `request_id` of user `uid` in room `rid` (made if missing), with box
/// `request_id`.
pub(crate) fn add_request(
    conn: &mut Connection,
    rid: u8,
    uid: u8,
    request_id: u8,
    seq: i64,
    exp: i64,
) -> i64 {
    rooms::put(conn, &room(rid, "request")).unwrap();
    let request = NewRequest {
        rid: &id(rid),
        uid: &id(uid),
        request_id: &id(request_id),
        box_hash: &id(request_id),
        digest: &id(request_id),
        created: NOW,
        exp,
        seq,
        frame: &[request_id],
        account: None,
    };
    requests::insert(conn, &request).unwrap()
}

/// Stores approve `approve_id` for request `request_id`.
pub(crate) fn add_approve(
    conn: &mut Connection,
    (rid, to, request_id): (u8, u8, u8),
    approve_id: u8,
    seq: i64,
    exp: i64,
) -> i64 {
    let approve = NewApprove {
        rid: &id(rid),
        to_uid: &id(to),
        request_id: &id(request_id),
        approve_id: &id(approve_id),
        by_uid: &id(200),
        digest: &id(approve_id),
        at: NOW,
        exp,
        seq,
        frame: &[approve_id],
    };
    approves::insert(conn, &approve).unwrap()
}

/// Gives a request another state, in which it keeps its frame.
pub(crate) fn set_state(conn: &mut Connection, row: i64, state: RequestState, seq: i64) -> Result<(), Error> {
    let update = RequestUpdate { id: row, state, seq, first_ack: None, closed: None };
    flush::update_requests(conn, &[update])
}

/// Denies a request, which may still be approved. Its denial must be stored.
pub(crate) fn deny(conn: &mut Connection, row: i64, seq: i64) -> Result<(), Error> {
    set_state(conn, row, RequestState::Denied, seq)
}

/// Finishes a request.
pub(crate) fn finish(
    conn: &mut Connection,
    row: i64,
    state: RequestState,
    seq: i64,
    closed: i64,
) -> Result<(), Error> {
    let update = RequestUpdate { id: row, state, seq, first_ack: None, closed: Some(closed) };
    flush::update_requests(conn, &[update])
}

/// Notes when the first device acked a request, which is pending with seq 1.
pub(crate) fn set_first_ack(conn: &mut Connection, row: i64, at: i64) {
    let update =
        RequestUpdate { id: row, state: RequestState::Pending, seq: 1, first_ack: Some(at), closed: None };
    flush::update_requests(conn, &[update]).unwrap();
}

/// Closes an approve.
pub(crate) fn close(conn: &mut Connection, row: i64, state: ApproveState) {
    flush::update_approves(conn, &[ApproveUpdate { id: row, state, acked: false }]).unwrap();
}

/// A denial of request `request_id`, not blocked.
pub(crate) fn denial((rid, uid, request_id): (u8, u8, u8), seq: i64, until: i64) -> Denial {
    Denial {
        rid: id(rid).to_vec(),
        uid: id(uid).to_vec(),
        request_id: id(request_id).to_vec(),
        by_uid: id(200).to_vec(),
        code: "no".to_owned(),
        at: NOW,
        until,
        blocked: false,
        seq,
    }
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// SQLite's plan for every query that `run` makes, a line for each step. Asserts that no step reads
/// a whole table or index.
pub(crate) fn plan(conn: &mut Connection, run: impl FnOnce(&mut Connection)) -> String {
    let steps = steps(conn, run);
    assert!(steps.iter().all(|step| !step.starts_with("SCAN ")), "{steps:#?}");
    steps.iter().fold(String::new(), |plan, step| plan + step + "\n")
}

/// The steps of SQLite's plans for every query that `run` makes.
pub(crate) fn steps(conn: &mut Connection, run: impl FnOnce(&mut Connection)) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let queries = Arc::clone(&seen);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            queries.lock().unwrap().push(query.to_string());
        }
    });
    run(conn);
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});

    let queries: Vec<String> = seen.lock().unwrap().drain(..).collect();
    assert!(!queries.is_empty(), "no query was seen");
    let explain = |query: String| -> Vec<Step> {
        diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(conn).unwrap()
    };
    queries.into_iter().flat_map(explain).map(|step| step.detail).collect()
}

/// A shell command that runs the ignored test `name` in a child process, after `setup`. The test
/// gets `path`.
pub(crate) fn child(name: &str, path: &Path, setup: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!(r#"{setup} exec "$0" --ignored --exact --nocapture "$1""#))
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, path);
    command
}

/// The shell's part of a [`child`] whose disk fails as `folder`'s file `faults` says; see
/// `testing/faults.c`.
pub(crate) fn with_faults(folder: &Path) -> String {
    let library = folder.join("faults.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/faults.c");
    // There is a compiler: SQLite was compiled with it.
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&library).status();
    assert!(compiled.unwrap().success());
    format!(
        "export LD_PRELOAD='{}' VESTIBULE_FAULTS='{}';",
        library.display(),
        folder.join("faults").display()
    )
}

/// The path given to [`child`]; `None` if somebody ran the ignored test by hand.
pub(crate) fn child_path() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}
