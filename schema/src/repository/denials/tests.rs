use super::*;
use crate::ErrorKind;
use crate::models::RequestState;
use crate::repository::{requests as all_requests, rooms};
use crate::testing::{NOW, add_request, denial, deny, file, finish, id, plan, room, set_state, store};

fn seqs(conn: &mut Connection, after_seq: i64, limit: u32, now: i64) -> Vec<i64> {
    let rows = page(conn, &id(1), after_seq, limit, now).unwrap();
    rows.iter().map(|denial| denial.seq).collect()
}

#[test]
fn a_denial_is_found_as_it_was_put() {
    let mut store = store();
    let conn = &mut store.conn;
    let first = denial((1, 2, 3), 7, NOW);
    assert_eq!(put(conn, &first).unwrap_err().kind(), ErrorKind::Conflict, "there is no room");
    rooms::put(conn, &room(1, "open")).unwrap();
    put(conn, &first).unwrap();
    assert_eq!(find(conn, &id(1), &id(2)).unwrap(), Some(first));
    assert_eq!(find(conn, &id(2), &id(2)).unwrap(), None);
    assert_eq!(find(conn, &id(1), &id(1)).unwrap(), None);

    let second = Denial {
        by_uid: vec![9],
        code: "another".to_owned(),
        at: NOW + 1,
        blocked: true,
        ..denial((1, 2, 4), 8, NOW + 2)
    };
    put(conn, &second).unwrap();
    assert_eq!(find(conn, &id(1), &id(2)).unwrap(), Some(second));
}

#[test]
fn a_denial_is_lifted_once() {
    let mut store = store();
    let conn = &mut store.conn;
    rooms::put(conn, &room(1, "open")).unwrap();
    put(conn, &denial((1, 2, 3), 7, NOW + 1)).unwrap();
    put(conn, &Denial { blocked: true, ..denial((1, 4, 3), 8, 0) }).unwrap();
    put(conn, &denial((1, 5, 3), 9, NOW + 1)).unwrap();
    for uid in [2, 4] {
        assert!(lift(conn, &id(1), &id(uid)).unwrap());
        let lifted = find(conn, &id(1), &id(uid)).unwrap().unwrap();
        assert_eq!((lifted.blocked, lifted.until), (false, 0));
        assert!(!lift(conn, &id(1), &id(uid)).unwrap(), "again");
    }
    assert!(!lift(conn, &id(1), &id(6)).unwrap(), "nobody");
    assert!(!lift(conn, &id(2), &id(5)).unwrap(), "another room");
    assert_eq!(seqs(conn, 0, 50, NOW), [9]);

    // Who is denied again is denied again.
    put(conn, &denial((1, 2, 3), 10, NOW + 1)).unwrap();
    assert_eq!(seqs(conn, 0, 50, NOW), [9, 10]);
}

#[test]
fn active_denials_come_page_by_page() {
    let mut store = store();
    let conn = &mut store.conn;
    for rid in [1, 2] {
        rooms::put(conn, &room(rid, "open")).unwrap();
    }
    for (uid, seq, until) in [(1, 30, NOW + 1), (2, 10, NOW + 1), (3, 15, NOW)] {
        put(conn, &denial((1, uid, 9), seq, until)).unwrap();
    }
    put(conn, &Denial { blocked: true, ..denial((1, 4, 9), 20, NOW - 9) }).unwrap();
    put(conn, &denial((2, 1, 9), 25, NOW + 1)).unwrap();

    assert_eq!(seqs(conn, 0, 50, NOW), [10, 20, 30]);
    assert_eq!(seqs(conn, 0, 2, NOW), [10, 20]);
    assert_eq!(seqs(conn, 20, 2, NOW), [30]);
    assert!(seqs(conn, 30, 2, NOW).is_empty());
    assert_eq!(seqs(conn, 0, 50, NOW - 1), [10, 15, 20, 30]);
    assert_eq!(seqs(conn, 0, 50, NOW + 1), [20], "the block");
}

#[test]
fn a_denial_lists_requests_that_can_be_approved() {
    let mut store = store();
    let conn = &mut store.conn;
    let row = add_request(conn, 1, 2, 3, 4, NOW + 5);
    let other = add_request(conn, 1, 2, 4, 5, NOW + 9);
    put(conn, &denial((1, 2, 3), 7, NOW + 9)).unwrap();
    let held_back = |conn: &mut Connection, now| {
        let rows = all_requests::denied_of_user(conn, &id(1), &id(2), now).unwrap();
        rows.iter().map(|request| request.id).collect::<Vec<_>>()
    };
    assert_eq!(held_back(conn, NOW), [0; 0], "not denied yet");

    deny(conn, row, 8).unwrap();
    deny(conn, other, 7).unwrap();
    assert_eq!(held_back(conn, NOW), [other, row], "in the order of their numbers");
    assert_eq!(held_back(conn, NOW + 5), [other], "over at its exp");

    set_state(conn, other, RequestState::Approved, 8).unwrap();
    assert_eq!(held_back(conn, NOW), [row], "overruled");
    finish(conn, row, RequestState::Denied, 10, NOW).unwrap();
    assert_eq!(held_back(conn, NOW), [0; 0], "finished");
}

#[test]
fn a_room_takes_its_denials_along() {
    let mut store = store();
    let conn = &mut store.conn;
    rooms::put(conn, &room(1, "open")).unwrap();
    put(conn, &denial((1, 2, 3), 7, NOW)).unwrap();
    diesel::delete(crate::tables::rooms::table).execute(conn).unwrap();
    assert_eq!(find(conn, &id(1), &id(2)).unwrap(), None);
}

#[test]
fn queries_use_their_indexes() {
    let mut store = file();
    let conn = &mut store.conn;
    let found = plan(conn, |conn| drop(find(conn, &id(1), &id(2)).unwrap()));
    assert!(found.contains("sqlite_autoindex_denials_1 (rid=? AND uid=?)"), "{found}");
    let lifted = plan(conn, |conn| {
        lift(conn, &id(1), &id(2)).unwrap();
    });
    assert!(lifted.contains("sqlite_autoindex_denials_1 (rid=? AND uid=?)"), "{lifted}");
    let shown = plan(conn, |conn| drop(page(conn, &id(1), 0, 50, NOW).unwrap()));
    assert!(shown.contains("denials_in_room (rid=? AND seq>?)"), "{shown}");
    assert!(!shown.contains("TEMP B-TREE"), "{shown}");
    let denied = plan(conn, |conn| drop(all_requests::denied_of_user(conn, &id(1), &id(2), NOW).unwrap()));
    assert!(denied.contains("requests_denied (rid=? AND uid=? AND exp>?)"), "{denied}");
}
