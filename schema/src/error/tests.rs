use diesel::connection::SimpleConnection;

use super::*;
use crate::connection::Database;
use crate::migrate;
use crate::models::Room;
use crate::repository::transaction::transaction;
use crate::repository::{requests, rooms};
use crate::testing::{add_request, child, child_path, file, id, room};

fn large_room(rid: u8) -> Room {
    Room { frame: vec![0; 200_000], ..room(rid, "open") }
}

#[test]
fn full() {
    let mut store = file();
    store.conn.batch_execute("PRAGMA max_page_count = 40").unwrap();
    let error = rooms::put(&mut store.conn, &large_room(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    // The same connection goes on once there is room.
    store.conn.batch_execute("PRAGMA max_page_count = 1000").unwrap();
    rooms::put(&mut store.conn, &large_room(1)).unwrap();
}

#[test]
fn fatal() {
    let folder = tempfile::tempdir().unwrap();
    // Writing past the limit fails as a broken disk does, once the signal for it is ignored.
    let output = child(
        "error::tests::child_with_a_failing_disk",
        &folder.path().join("test.db"),
        "trap '' XFSZ; ulimit -f 1000;",
    )
    .output()
    .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{output:?}");
}

#[test]
#[ignore = "run by fatal"]
fn child_with_a_failing_disk() {
    let Some(path) = child_path() else { return };
    let database = Database::open(path).unwrap();
    let mut conn = database.writer().unwrap();
    migrate::run(&mut conn).unwrap();
    let error = transaction(&mut conn, |conn| (1..9).try_for_each(|rid| rooms::put(conn, &large_room(rid))))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fatal, "{error}");
    assert_eq!(rooms::find(&mut conn, &id(1)).unwrap(), None);
}

#[test]
fn busy() {
    let mut store = file();
    let mut other = store.database.writer().unwrap();
    other.batch_execute("PRAGMA busy_timeout = 0").unwrap();
    transaction(&mut store.conn, |_| {
        // The lock is taken before anything is read or written.
        let error = transaction(&mut other, |_| Ok::<_, Error>(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        Ok::<_, Error>(())
    })
    .unwrap();
    transaction(&mut other, |_| Ok::<_, Error>(())).unwrap();
}

#[test]
fn unreadable() {
    let mut store = file();
    add_request(&mut store.conn, 1, 2, 3, 4, i64::MAX);
    // A state that no version of this program has stored.
    store.conn.batch_execute("PRAGMA ignore_check_constraints = ON; UPDATE requests SET state = 77").unwrap();
    let error = requests::find(&mut store.conn, &id(1), &id(2), &id(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable, "{error}");
    assert!(error.to_string().contains("77 is no RequestState"), "{error}");
}

#[test]
fn conflict_and_anything_else() {
    let mut store = file();
    let error = rooms::put(&mut store.conn, &room(1, "closed")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");

    let error = Error::from(store.conn.batch_execute("SELECT * FROM nothing").unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
