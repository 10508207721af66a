//! Every class of SQLite's errors on its way through a transaction: the first error comes out,
//! nothing of a lost batch is stored, and the connection goes on.
//!
//! INTERRUPT cannot be provoked: nothing in this program interrupts a statement. Its message is in
//! the table.

use std::fs;
use std::path::Path;
use std::process::Command;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Text;

use crate::connection::{Connection, Database};
use crate::error::{Error, ErrorKind};
use crate::migrate;
use crate::models::Room;
use crate::repository::rooms;
use crate::repository::transaction::{snapshot, transaction};
use crate::testing::{Store, child, child_path, file, id, room, with_faults};

/// Of errno(3).
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const ESTALE: i32 = 116;
const EDQUOT: i32 = 122;

/// Larger than the cache of [`spilling`], so that it is written to the log before the commit.
fn large(rid: u8) -> Room {
    Room { frame: vec![0; 400_000], ..room(rid, "open") }
}

/// Makes a connection write at once what does not fit a small cache.
fn spilling(conn: &mut Connection) {
    conn.batch_execute("PRAGMA cache_size = 10").unwrap();
}

/// A batch of a small write, which succeeds, and `command`. Returns the class of the command's own
/// error and the result of the batch.
fn batch<T>(
    conn: &mut Connection,
    command: impl FnOnce(&mut Connection) -> Result<T, Error>,
) -> (Option<ErrorKind>, Result<(), Error>) {
    let mut heard = None;
    let stored = transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        match command(conn) {
            Ok(_) => Ok(()),
            Err(error) => {
                heard = Some(error.kind());
                Err(error)
            }
        }
    });
    (heard, stored)
}

/// Nothing of the batch is there, the database is sound, and the next batch is stored.
fn assert_lost_and_well(conn: &mut Connection) {
    assert_eq!(rooms::find(conn, &id(1)).unwrap(), None);
    let (heard, stored) = batch(conn, |conn| rooms::put(conn, &room(9, "open")));
    stored.unwrap();
    assert_eq!(heard, None);
    assert!(rooms::find(conn, &id(9)).unwrap().is_some());
    let check: String = sql::<Text>("PRAGMA integrity_check").get_result(conn).unwrap();
    assert_eq!(check, "ok");
    // So that this can be asked again.
    rooms::delete(conn, &id(1)).unwrap();
}

/// The batch fails as the command did, and nothing of it is stored.
fn assert_fails<T>(
    conn: &mut Connection,
    kind: ErrorKind,
    command: impl FnOnce(&mut Connection) -> Result<T, Error>,
) {
    let (heard, stored) = batch(conn, command);
    assert_eq!((heard, stored.unwrap_err().kind()), (Some(kind), kind));
    assert_lost_and_well(conn);
}

fn execute(conn: &mut Connection, query: &str) -> Result<(), Error> {
    Ok(diesel::sql_query(query).execute(conn).map(drop)?)
}

fn passed(mut child: Command) {
    let output = child.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{output:?}");
}

#[test]
fn full_by_the_limit() {
    let mut store = file();
    store.conn.batch_execute("PRAGMA max_page_count = 60").unwrap();
    assert_fails(&mut store.conn, ErrorKind::Full, |conn| rooms::put(conn, &large(2)));
}

#[test]
fn constraints_types_and_sizes_are_refused() {
    let mut store = file();
    let conn = &mut store.conn;
    assert_fails(conn, ErrorKind::Conflict, |conn| rooms::put(conn, &room(2, "no such policy")));
    let columns = "INSERT INTO rooms (rid, policy, version, seq, created, frame)";
    for (values, kind) in [
        ("VALUES ('text', 'open', 1, 1, 1, x'00')", ErrorKind::Conflict),
        ("VALUES (x'02', 'open', 1, 1, 1, NULL)", ErrorKind::Conflict),
        ("VALUES (x'02', 'open', 1, 1, 1, zeroblob(2000000000))", ErrorKind::Conflict),
        ("VALUES (x'02', 'open', 1, 1, 1, no_such_function())", ErrorKind::Unavailable),
    ] {
        assert_fails(conn, kind, |conn| execute(conn, &format!("{columns} {values}")));
    }
    assert_fails(conn, ErrorKind::Conflict, |conn| execute(conn, "INSERT INTO rooms (rowid) VALUES ('x')"));
    let orphan = "INSERT INTO devices (request, device) VALUES (7, zeroblob(16))";
    assert_fails(conn, ErrorKind::Conflict, |conn| {
        execute(conn, orphan).and_then(|()| execute(conn, columns))
    });
}

#[test]
fn a_readonly_connection_and_an_old_snapshot_write_nothing() {
    let mut store = file();
    let conn = &mut store.conn;
    assert_fails(conn, ErrorKind::Config, |conn| {
        conn.batch_execute("PRAGMA query_only = ON").unwrap();
        let refused = rooms::put(conn, &room(2, "open"));
        conn.batch_execute("PRAGMA query_only = OFF").unwrap();
        refused
    });

    // BUSY_SNAPSHOT: a transaction that read before another's commit cannot write any more. The
    // writer takes its lock first.
    let mut other = store.database.writer().unwrap();
    let failed = snapshot(&mut store.conn, |conn| {
        rooms::find(conn, &id(1))?;
        rooms::put(&mut other, &room(3, "open"))?;
        rooms::put(conn, &room(4, "open"))
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(rooms::find(&mut store.conn, &id(4)).unwrap(), None);
    rooms::put(&mut store.conn, &room(5, "open")).unwrap();
}

#[test]
fn a_locked_table_is_busy() {
    // Only connections with a shared cache lock each other's tables; this program has none.
    let folder = tempfile::tempdir().unwrap();
    let shared = format!("file:{}?cache=shared", folder.path().join("shared.db").display());
    let open = || <Connection as diesel::Connection>::establish(&shared).unwrap();
    let (mut conn, mut other) = (open(), open());
    migrate::run(&mut conn).unwrap();
    transaction(&mut conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        let failed = snapshot(&mut other, |other| rooms::find(other, &id(1)).map(drop));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Busy);
        Ok::<_, Error>(())
    })
    .unwrap();
    assert!(rooms::find(&mut other, &id(1)).unwrap().is_some());
}

#[test]
fn a_damaged_page_fails_the_batch_that_meets_it() {
    let mut damaged = file();
    rooms::put(&mut damaged.conn, &large(2)).unwrap();
    damaged.conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let root = "SELECT CAST(rootpage AS TEXT) FROM sqlite_schema WHERE name = 'notices'";
    let page: String = sql::<Text>(root).get_result(&mut damaged.conn).unwrap();
    let path = damaged.path().to_owned();
    let Store { conn, database, place } = damaged;
    drop(conn);
    let mut bytes = fs::read(&path).unwrap();
    let at = (page.parse::<usize>().unwrap() - 1) * 4096;
    bytes[at..at + 4096].fill(0xAA);
    fs::write(&path, bytes).unwrap();

    let mut conn = database.writer().unwrap();
    let (heard, stored) = batch(&mut conn, |conn| execute(conn, "DELETE FROM notices WHERE id = 1"));
    assert_eq!((heard, stored.unwrap_err().kind()), (Some(ErrorKind::Corrupt), ErrorKind::Corrupt));
    assert_eq!(rooms::find(&mut conn, &id(1)).unwrap(), None);
    // A batch that does not need that page is stored.
    batch(&mut conn, |conn| rooms::put(conn, &room(9, "open"))).1.unwrap();
    assert!(rooms::find(&mut conn, &id(9)).unwrap().is_some());
    drop(place);
}

#[test]
fn interrupted_and_out_of_memory_are_in_the_table() {
    for text in ["interrupted", "out of memory"] {
        let error = DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned()));
        assert_eq!(Error::from(error).kind(), ErrorKind::Unavailable);
    }
}

#[test]
fn out_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    passed(child("failures::child_that_is_short_of_memory", &folder.path().join("test.db"), ""));
}

#[test]
#[ignore = "run by out_of_memory"]
fn child_that_is_short_of_memory() {
    let Some(path) = child_path() else { return };
    let database = Database::open(path).unwrap();
    let mut conn = database.writer().unwrap();
    migrate::run(&mut conn).unwrap();
    conn.batch_execute("PRAGMA hard_heap_limit = 3000000").unwrap();
    let huge = Room { frame: vec![0; 8_000_000], ..room(2, "open") };
    assert_fails(&mut conn, ErrorKind::Unavailable, |conn| {
        let error = rooms::put(conn, &huge).unwrap_err();
        assert_eq!(error.to_string(), "out of memory");
        Err::<(), _>(error)
    });
}

#[test]
fn system_errors_have_their_classes() {
    let folder = tempfile::tempdir().unwrap();
    let setup = with_faults(folder.path());
    passed(child("failures::child_with_faults", folder.path(), &setup));
}

#[test]
#[ignore = "run by system_errors_have_their_classes"]
fn child_with_faults() {
    let Some(folder) = child_path() else { return };
    fail_in_batches(&folder);
    fail_while_opening(&folder);
}

/// Faults while a command writes, and while the batch is committed.
fn fail_in_batches(folder: &Path) {
    for (call, errno, kind) in [
        ("write", ENOSPC, ErrorKind::Full),
        ("write", EDQUOT, ErrorKind::Fatal),
        ("write", EFBIG, ErrorKind::Fatal),
        ("write", EROFS, ErrorKind::Fatal),
        ("write", EIO, ErrorKind::Fatal),
        ("read", EIO, ErrorKind::Corrupt),
        ("read", ESTALE, ErrorKind::Fatal),
        ("sync", EIO, ErrorKind::Fatal),
        ("sync", ENOSPC, ErrorKind::Fatal),
        ("sync", EDQUOT, ErrorKind::Fatal),
    ] {
        for spills in [true, false] {
            // A log is read where its pages have left the cache, and synced with the commit.
            if (call == "read" && !spills) || (call == "sync" && spills) {
                continue;
            }
            let case = format!("{call} {errno} {spills}");
            let database = Database::open(folder.join(format!("{call}{errno}{spills}.db"))).unwrap();
            let mut conn = database.writer().unwrap();
            migrate::run(&mut conn).unwrap();
            if spills {
                spilling(&mut conn);
            }
            let control = folder.join("faults");
            let (heard, stored) = batch(&mut conn, |conn| {
                if call == "read" {
                    rooms::put(conn, &large(2))?;
                }
                fail(&control, &format!("{call} .db-wal {errno}"));
                rooms::put(conn, &large(3))?;
                rooms::find(conn, &id(2)).map(drop)
            });
            fs::remove_file(&control).unwrap();
            assert_eq!(stored.unwrap_err().kind(), kind, "{case}");
            assert_eq!(heard, spills.then_some(kind), "{case}");
            assert_lost_and_well(&mut conn);
        }
    }
}

/// Faults while a database is opened.
fn fail_while_opening(folder: &Path) {
    let database = Database::open(folder.join("opened.db")).unwrap();
    migrate::run(&mut database.writer().unwrap()).unwrap();
    for (fault, kind) in [
        (format!("open .db-wal {EMFILE}"), ErrorKind::Config),
        (format!("open opened.db {EMFILE}"), ErrorKind::Config),
        (format!("read opened.db {EIO}"), ErrorKind::Fatal),
        (format!("read opened.db {ESTALE}"), ErrorKind::Fatal),
        (format!("write .db-shm {ENOSPC}"), ErrorKind::Fatal),
        (format!("map .db-shm {ENOMEM}"), ErrorKind::Fatal),
    ] {
        let control = folder.join("faults");
        fail(&control, &fault);
        let error = database.writer().map(drop).unwrap_err();
        fs::remove_file(&control).unwrap();
        assert_eq!(error.kind(), kind, "{fault}: {error}");
    }
    assert_lost_and_well(&mut database.writer().unwrap());
}

/// Makes calls fail from now on, as `testing/faults.c` describes.
fn fail(control: &Path, fault: &str) {
    let new = control.with_extension("new");
    fs::write(&new, fault).unwrap();
    fs::rename(new, control).unwrap();
}
