use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::process::Stdio;

use super::*;
use crate::connection::Database;
use crate::migrate;
use crate::models::{RequestState, Room};
use crate::repository::{rooms, store as repository_store};
use crate::tables::requests;
use crate::testing::{NOW, add_request, child, child_path, file, finish, id, room};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn pragma(conn: &mut Connection, name: &str) -> String {
    sql::<Text>(&format!("PRAGMA {name}")).get_result(conn).unwrap()
}

fn assert_line_about(error: &Error, kind: ErrorKind, path: &Path, text: &str) {
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    assert!(message.contains(text), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

/// Else SQLite compiles a statement anew for other values than it was last run with.
#[test]
fn plans_do_not_depend_on_bound_values() {
    let mut store = file();
    let options: Vec<String> = sql::<Text>("PRAGMA compile_options").load(&mut store.conn).unwrap();
    assert!(options.iter().any(|option| option == "ENABLE_QPSG"), "{options:?}");
}

#[test]
fn makes_folders_and_files_that_only_the_owner_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    let path = inner.join("test.db");
    let database = Database::open(&path).unwrap();
    let mut conn = database.writer().unwrap();
    migrate::run(&mut conn).unwrap();

    assert_eq!(mode(&folder.path().join("a")), 0o700);
    assert_eq!(mode(&inner), 0o700);
    for suffix in ["", ".lock", "-wal", "-shm"] {
        assert_eq!(mode(&beside(&path, suffix)), 0o600, "{suffix}");
    }
    assert_eq!(database.file().unwrap(), fs::canonicalize(&path).unwrap());
}

#[test]
fn takes_permissions_of_others_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    for suffix in ["", "-wal", "-shm"] {
        let file = beside(&path, suffix);
        File::create(&file).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    }
    let database = Database::open(&path).unwrap();
    let mut conn = database.writer().unwrap();
    migrate::run(&mut conn).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside(&path, suffix)), 0o600, "{suffix}");
    }
}

#[test]
fn sets_pragmas_on_writers_and_readers() {
    let mut store = file();
    let pool = store.database.readers(1).unwrap();
    let mut reader = pool.get().unwrap();
    for conn in [&mut store.conn, &mut *reader] {
        assert_eq!(pragma(conn, "busy_timeout"), "5000");
        assert_eq!(pragma(conn, "journal_mode"), "wal");
        assert_eq!(pragma(conn, "synchronous"), "2");
        assert_eq!(pragma(conn, "foreign_keys"), "1");
        assert_eq!(pragma(conn, "secure_delete"), "1");
        assert_eq!(pragma(conn, "temp_store"), "2");
        assert_eq!(pragma(conn, "trusted_schema"), "0");
        assert_eq!(pragma(conn, "journal_size_limit"), "16777216");
        assert_eq!(pragma(conn, "wal_autocheckpoint"), "1000");
    }
    assert_eq!(pragma(&mut store.conn, "query_only"), "0");
    assert_eq!(pragma(&mut reader, "query_only"), "1");
}

#[test]
fn a_pragma_that_did_not_take_is_an_error() {
    // A database in memory has no log to write ahead.
    let mut conn = <Connection as diesel::Connection>::establish(":memory:").unwrap();
    let error = set(&mut conn, ("journal_mode", "WAL", "wal")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "SQLite has journal_mode = memory where wal was asked for");

    let error = set(&mut conn, ("no_such_pragma", "1", "1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn a_capped_database_is_full_at_its_cap() {
    let mut store = file();
    let large = |rid| Room { frame: vec![0; 100_000], ..room(rid, "open") };
    cap(&mut store.conn, 400_000).unwrap();
    let error = (1..9).map(|rid| rooms::put(&mut store.conn, &large(rid))).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    store.conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let size = fs::metadata(store.path()).unwrap().len();
    assert!((200_000..=400_000).contains(&size), "{size}");

    // What is free in it can be used again.
    rooms::put(&mut store.conn, &room(1, "open")).unwrap();
    rooms::put(&mut store.conn, &large(9)).unwrap();

    cap(&mut store.conn, u64::MAX).unwrap();
    rooms::put(&mut store.conn, &large(10)).unwrap();
    // Smaller than it is: nothing is lost, and it does not grow.
    cap(&mut store.conn, 0).unwrap();
    assert!(rooms::find(&mut store.conn, &id(10)).unwrap().is_some());
    rooms::put(&mut store.conn, &Room { version: 2, ..room(1, "open") }).unwrap();
    let error =
        rooms::put(&mut store.conn, &Room { frame: vec![0; 300_000], ..room(11, "open") }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
}

#[test]
fn readers_see_commits_and_cannot_write() {
    let mut store = file();
    // Zero connections would wait for ever.
    let pool = store.database.readers(0).unwrap();
    rooms::put(&mut store.conn, &room(1, "open")).unwrap();

    let mut reader = pool.get().unwrap();
    assert_eq!(rooms::find(&mut reader, &id(1)).unwrap(), Some(room(1, "open")));
    let error = rooms::put(&mut reader, &room(2, "open")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(rooms::find(&mut store.conn, &id(2)).unwrap(), None);
}

#[test]
fn two_servers_on_one_file_refuse() {
    let store = file();
    let path = store.path().to_owned();
    let error = Database::open(&path).unwrap_err();
    assert_line_about(&error, ErrorKind::InUse, &path, "in use by another vestibule");

    let alias = store.folder().join("alias.db");
    symlink(&path, &alias).unwrap();
    assert_line_about(&Database::open(&alias).unwrap_err(), ErrorKind::InUse, &path, "in use");

    drop(store.conn);
    drop(store.database);
    Database::open(&alias).unwrap();
}

#[test]
fn a_killed_server_leaves_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mut process = child("connection::file::tests::child_that_holds_the_lock", &path, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("locked")));
    assert_eq!(Database::open(&path).unwrap_err().kind(), ErrorKind::InUse);

    process.kill().unwrap();
    process.wait().unwrap();
    let mut conn = Database::open(&path).unwrap().writer().unwrap();
    assert_eq!(repository_store::last_seq(&mut conn).unwrap(), 0);
}

#[test]
#[ignore = "run by a_killed_server_leaves_no_lock"]
fn child_that_holds_the_lock() {
    let Some(path) = child_path() else { return };
    let database = Database::open(path).unwrap();
    migrate::run(&mut database.writer().unwrap()).unwrap();
    println!("locked");
    // Ends when the other process does, if that forgets to kill this one.
    io::stdin().lines().for_each(drop);
}

#[test]
fn a_text_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("test.db");
    let text = "my diary\n".repeat(1000);
    fs::write(&path, &text).unwrap();
    let database = Database::open(&path).unwrap();
    let Err(error) = database.writer() else { panic!("opened a diary") };
    assert_line_about(&error, ErrorKind::Corrupt, &path, "file is not a database");
    assert_line_about(&database.readers(1).unwrap_err(), ErrorKind::Corrupt, &path, "not a database");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_damaged_schema_is_refused() {
    let store = file();
    let path = store.path().to_owned();
    drop(store.conn);
    drop(store.database);
    // Everything of the first page behind the file header, where the schema is.
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4096].fill(0xAA);
    fs::write(&path, bytes).unwrap();

    let Err(error) = Database::open(&path).unwrap().writer() else { panic!("opened a ruin") };
    assert_line_about(&error, ErrorKind::Corrupt, &path, "malformed");
}

#[test]
fn folders_and_files_that_cannot_be_made_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    File::create(&file).unwrap();
    let error = Database::open(file.join("test.db")).unwrap_err();
    assert_line_about(&error, ErrorKind::Config, &file, "");

    let error = Database::open(folder.path()).unwrap_err();
    assert_line_about(&error, ErrorKind::Config, &fs::canonicalize(&folder).unwrap(), "directory");
    assert_eq!(Database::open("/").unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(Database::open("").unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_path_is_not_read_as_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:a?mode=memory#%20.db");
    {
        let database = Database::open(&path).unwrap();
        migrate::run(&mut database.writer().unwrap()).unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() > 4096);
    assert_eq!(migrate::run(&mut Database::open(&path).unwrap().writer().unwrap()).unwrap(), 0);
}

#[test]
fn forgotten_frames_are_erased_from_the_file() {
    let mut store = file();
    let path = store.path().to_owned();
    let row = add_request(&mut store.conn, 1, 2, 3, 4, i64::MAX);
    let mark = b"a frame that nobody needs any more";
    let holds_mark = |conn: &mut Connection| {
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        fs::read(&path).unwrap().windows(mark.len()).any(|bytes| bytes == mark)
    };
    // Long enough for pages of its own: those are what SQLite would only unlink.
    let request = requests::table.find(row);
    diesel::update(request).set(requests::frame.eq(mark.repeat(500))).execute(&mut store.conn).unwrap();
    assert!(holds_mark(&mut store.conn));
    finish(&mut store.conn, row, RequestState::Done, 5, NOW).unwrap();
    assert!(!holds_mark(&mut store.conn));
}
