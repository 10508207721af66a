use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::result::DatabaseErrorKind;

use super::*;
use crate::models::Room;
use crate::repository::rooms;
use crate::testing::{file, id, room, store};

fn exists(conn: &mut Connection, rid: u8) -> bool {
    rooms::find(conn, &id(rid)).unwrap().is_some()
}

#[derive(Debug, PartialEq)]
struct Refusal(String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let mut store = store();
    let conn = &mut store.conn;
    let result = transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        // What `f` says is what the caller hears, whatever type it has.
        Err::<(), _>(Refusal("no".to_owned()))
    });
    assert_eq!(result, Err(Refusal("no".to_owned())));
    assert!(!exists(conn, 1));

    let done = transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        Ok::<_, Refusal>(9)
    });
    assert_eq!(done, Ok(9));
    let mut other = store.database.writer().unwrap();
    assert!(exists(&mut other, 1));
}

#[test]
fn a_refused_statement_loses_its_batch() {
    let mut store = store();
    let conn = &mut store.conn;
    let error = transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        rooms::put(conn, &room(2, "no such policy"))?;
        rooms::put(conn, &room(3, "open"))
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!([1, 2, 3].map(|rid| exists(conn, rid)), [false; 3]);
    transaction(conn, |conn| rooms::put(conn, &room(4, "open"))).unwrap();
    assert!(exists(conn, 4));
}

#[test]
fn a_snapshot_does_not_change() {
    let mut store = store();
    let mut other = store.database.writer().unwrap();
    snapshot(&mut store.conn, |conn| {
        assert!(!exists(conn, 1));
        transaction(&mut other, |other| rooms::put(other, &room(1, "open")))?;
        assert!(exists(&mut other, 1));
        assert!(!exists(conn, 1), "it was stored after the snapshot");
        Ok::<_, Error>(())
    })
    .unwrap();
    assert!(exists(&mut store.conn, 1));
}

#[test]
fn a_full_disk_ends_the_batch_and_is_not_hidden() {
    let mut store = file();
    let conn = &mut store.conn;
    conn.batch_execute("PRAGMA max_page_count = 40").unwrap();
    let large = Room { frame: vec![0; 200_000], ..room(2, "open") };

    // SQLite gives up the whole transaction here, and the caller hears why.
    let error = transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        rooms::put(conn, &large)
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");

    // A batch that went on must not pass for stored.
    transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        rooms::put(conn, &large).unwrap_err();
        Ok::<_, Error>(())
    })
    .unwrap_err();
    assert_eq!([1, 2].map(|rid| exists(conn, rid)), [false; 2]);

    transaction(conn, |conn| rooms::put(conn, &room(4, "open"))).unwrap();
    assert!(exists(conn, 4));
}

#[test]
fn a_rollback_that_failed_is_not_taken_for_a_refusal() {
    let failed =
        |text: &str| DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned()));
    let mut store = file();
    let conn = &mut store.conn;
    assert!(is_undone(conn, &failed("cannot rollback - no transaction is active")));
    assert!(is_undone(conn, &DieselError::NotInTransaction));
    assert!(!is_undone(conn, &failed("disk I/O error")));
    assert!(!is_undone(conn, &DieselError::BrokenTransactionManager));
    assert_eq!(classified(conn, DieselError::BrokenTransactionManager).kind(), ErrorKind::Fatal);

    // As if SQLite had rolled back by itself.
    let refused = transaction(conn, |conn| {
        diesel::sql_query("ROLLBACK").execute(conn).map_err(Error::from)?;
        Err::<(), _>(Refusal("no".to_owned()))
    });
    assert_eq!(refused, Err(Refusal("no".to_owned())));
    transaction(conn, |conn| rooms::put(conn, &room(1, "open"))).unwrap();
}

#[cfg(feature = "postgres")]
mod server;
