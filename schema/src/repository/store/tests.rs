use diesel::connection::SimpleConnection;

use super::*;
use crate::error::ErrorKind;
use crate::testing::{file, store as open_store};

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
fn a_renewed_epoch_is_the_one_that_was_drawn() {
    let mut store = open_store();
    let before = own(&mut store.conn).unwrap();
    assert_ne!(before.epoch, [7; 16]);
    renew_epoch(&mut store.conn, [7; 16]).unwrap();
    assert_eq!(own(&mut store.conn).unwrap(), Own { epoch: [7; 16], ..before });
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
    assert_eq!(last_seq(conn).unwrap(), 101);
}

#[test]
fn a_malformed_store_row_is_an_error() {
    for damage in ["SET epoch = x'00'", "SET epoch = x''", "SET seq = -1", "SET starts = -1", ""] {
        let mut store = file();
        let conn = &mut store.conn;
        let statement =
            if damage.is_empty() { "DELETE FROM store".to_owned() } else { format!("UPDATE store {damage}") };
        conn.batch_execute(&format!("PRAGMA ignore_check_constraints = 1; {statement}")).unwrap();
        assert_eq!(own(conn).unwrap_err().kind(), ErrorKind::Unreadable, "{damage}");
    }
}

#[test]
fn a_missing_row_and_counts_below_0_are_errors() {
    for damage in ["UPDATE store SET seq = -1", "UPDATE store SET starts = -1", "DELETE FROM store"] {
        let mut store = open_store();
        store.conn.batch_execute(damage).unwrap();
        assert_eq!(own(&mut store.conn).unwrap_err().kind(), ErrorKind::Unreadable, "{damage}");
    }
}

#[test]
fn seq_follows_the_clock_and_never_goes_back() {
    let noon = 1_700_000_000_000_000;
    assert_eq!(next_seq(0, noon), noon);
    assert_eq!(next_seq(noon, noon + 5), noon + 5);
    assert_eq!(next_seq(noon + 5, noon + 5), noon + 6);
    assert_eq!(next_seq(noon + 6, 0), noon + 7);

    // A clock that is centuries ahead leaves numbers that JavaScript holds, whatever it does next.
    assert_eq!(next_seq(noon, i64::MAX), LATEST_US);
    assert_eq!(next_seq(LATEST_US, i64::MAX), LATEST_US + 1);
    const { assert!(LATEST_US < (1 << 53) / 2) };

    // At the end of numbers it stays there; it does not wrap around.
    assert_eq!(next_seq(i64::MAX, noon), i64::MAX);
}
