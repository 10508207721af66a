use diesel::connection::SimpleConnection;

use super::*;
use crate::models::Room;
use crate::repository::rooms;
use crate::testing::{id, room, store as open_store};

fn exists(conn: &mut Connection, rid: u8) -> bool {
    rooms::find(conn, &id(rid)).unwrap().is_some()
}

#[test]
fn an_epoch_is_one_databases_own_and_stays() {
    let mut one = open_store();
    let mut two = open_store();
    let drawn = own(&mut one.conn).unwrap().epoch;
    assert_ne!(drawn, own(&mut two.conn).unwrap().epoch);
    let mut again = one.database.writer().unwrap();
    assert_eq!(drawn, own(&mut again).unwrap().epoch);
}

#[test]
fn a_renewed_epoch_is_another() {
    let mut store = open_store();
    let before = own(&mut store.conn).unwrap().epoch;
    let drawn = renew_epoch(&mut store.conn).unwrap();
    assert_ne!(drawn, before);
    assert_eq!(own(&mut store.conn).unwrap().epoch, drawn);
    assert_ne!(renew_epoch(&mut store.conn).unwrap(), drawn);
}

#[test]
fn starts_are_noted_and_have_their_place_among_the_numbers() {
    let mut store = open_store();
    let conn = &mut store.conn;
    let epoch = own(conn).unwrap().epoch;
    assert_eq!(own(conn).unwrap(), Own { epoch, seq: 0, starts: 0 });
    assert_eq!(begin(conn, 7, 100).unwrap(), 100);
    assert_eq!(own(conn).unwrap(), Own { epoch, seq: 100, starts: 7 });
    assert_eq!(begin(conn, 8, 50).unwrap(), 101, "a clock that was set back");
    assert_eq!(advance_seq(conn, 50).unwrap(), 102);
}

#[test]
fn a_malformed_store_row_is_an_error() {
    for damage in ["SET epoch = x'00'", "SET epoch = x''", "SET seq = -1", "SET starts = -1", ""] {
        let mut store = open_store();
        let conn = &mut store.conn;
        let statement =
            if damage.is_empty() { "DELETE FROM store".to_owned() } else { format!("UPDATE store {damage}") };
        conn.batch_execute(&format!("PRAGMA ignore_check_constraints = 1; {statement}")).unwrap();
        assert_eq!(own(conn).unwrap_err().kind(), ErrorKind::Unreadable, "{damage}");
    }
}

#[test]
fn seq_follows_the_clock_and_never_goes_back() {
    let mut store = open_store();
    let conn = &mut store.conn;
    assert_eq!(last_seq(conn).unwrap(), 0);
    assert_eq!(advance_seq(conn, 1_700_000_000_000_000).unwrap(), 1_700_000_000_000_000);
    assert_eq!(advance_seq(conn, 1_700_000_000_000_005).unwrap(), 1_700_000_000_000_005);
    assert_eq!(advance_seq(conn, 1_700_000_000_000_005).unwrap(), 1_700_000_000_000_006);
    assert_eq!(advance_seq(conn, 0).unwrap(), 1_700_000_000_000_007);
    assert_eq!(last_seq(conn).unwrap(), 1_700_000_000_000_007);

    // A clock that is centuries ahead leaves numbers that JavaScript holds, whatever it does next.
    assert_eq!(advance_seq(conn, i64::MAX).unwrap(), LATEST_US);
    assert_eq!(advance_seq(conn, i64::MAX).unwrap(), LATEST_US + 1);
    const { assert!(LATEST_US < (1 << 53) / 2) };

    // At the end of numbers it fails; it does not wrap around.
    conn.batch_execute(&format!("UPDATE store SET seq = {}", i64::MAX)).unwrap();
    advance_seq(conn, 0).unwrap_err();
    assert_eq!(last_seq(conn).unwrap(), i64::MAX);
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let mut store = open_store();
    let conn = &mut store.conn;
    let result = transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        // What `f` says is what the caller hears, whatever type it has.
        Err::<(), _>(Refusal("no".to_owned()))
    });
    assert_eq!(result, Err(Refusal("no".to_owned())));
    assert!(!exists(conn, 1));

    let seq = transaction(conn, |conn| {
        rooms::put(conn, &room(1, "open"))?;
        Ok::<_, Refusal>(advance_seq(conn, 9)?)
    });
    assert_eq!(seq, Ok(9));
    let mut other = store.database.writer().unwrap();
    assert!(exists(&mut other, 1));
}

#[derive(Debug, PartialEq)]
struct Refusal(String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

#[test]
fn a_failing_command_rolls_back_alone() {
    let mut store = open_store();
    let conn = &mut store.conn;
    transaction(conn, |conn| {
        savepoint(conn, |conn| rooms::put(conn, &room(1, "open"))).unwrap();
        let failed: Result<(), Failed<Error>> = savepoint(conn, |conn| {
            rooms::put(conn, &room(2, "open"))?;
            rooms::put(conn, &room(3, "no such policy"))
        });
        let Err(Failed::Alone(error)) = failed else { panic!("{failed:?}") };
        assert_eq!(error.kind(), ErrorKind::Conflict);
        savepoint(conn, |conn| rooms::put(conn, &room(4, "open"))).map_err(Failed::into_inner)
    })
    .unwrap();
    assert_eq!([1, 2, 3, 4].map(|rid| exists(conn, rid)), [true, false, false, true]);
}

#[test]
fn a_savepoint_outside_a_transaction_is_refused() {
    let mut store = open_store();
    let failed = savepoint(&mut store.conn, |conn| rooms::put(conn, &room(1, "open")));
    let Err(Failed::Batch(error)) = failed else { panic!("{failed:?}") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!exists(&mut store.conn, 1));
}

#[test]
fn a_full_disk_ends_the_batch_and_is_not_hidden() {
    let mut store = open_store();
    let conn = &mut store.conn;
    conn.batch_execute("PRAGMA max_page_count = 40").unwrap();
    let large = Room { frame: vec![0; 200_000], ..room(2, "open") };

    // Outside of a savepoint.
    let error = transaction(conn, |conn| rooms::put(conn, &large)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");

    // SQLite gives up the whole transaction here, and whoever hears of it hears why: the command,
    // and the batch.
    let error = transaction(conn, |conn| {
        savepoint(conn, |conn| rooms::put(conn, &room(1, "open"))).map_err(Failed::into_inner)?;
        savepoint(conn, |conn| rooms::put(conn, &large)).map_err(|failed| {
            assert!(matches!(failed, Failed::Batch(_)), "{failed:?}");
            failed.into_inner()
        })
    })
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");

    // A command that came later must not be stored by itself, nor its batch pass for stored.
    transaction(conn, |conn| {
        savepoint(conn, |conn| rooms::put(conn, &large)).unwrap_err();
        let error = savepoint(conn, |conn| rooms::put(conn, &room(3, "open"))).unwrap_err().into_inner();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        Ok::<_, Error>(())
    })
    .unwrap_err();
    assert_eq!([1, 2, 3].map(|rid| exists(conn, rid)), [false; 3]);

    let stored =
        transaction(conn, |conn| Ok::<_, Error>(savepoint(conn, |conn| rooms::put(conn, &room(4, "open")))));
    stored.unwrap().unwrap();
    assert!(exists(conn, 4));
}

#[test]
fn a_rollback_that_failed_is_not_taken_for_a_refusal() {
    let failed = |text: &str| {
        DieselError::DatabaseError(diesel::result::DatabaseErrorKind::Unknown, Box::new(text.to_owned()))
    };
    let refusal = || Some(Refusal("no".to_owned()));
    assert_eq!(settle(refusal(), DieselError::RollbackTransaction), Refusal("no".to_owned()));
    let gone = failed("cannot rollback - no transaction is active");
    assert_eq!(settle(refusal(), gone), Refusal("no".to_owned()));
    assert_eq!(settle(refusal(), DieselError::NotInTransaction), Refusal("no".to_owned()));
    assert_eq!(settle(refusal(), failed("disk I/O error")), Refusal("disk I/O error".to_owned()));
    assert_eq!(settle::<Error>(None, DieselError::BrokenTransactionManager).kind(), ErrorKind::Fatal);
}
