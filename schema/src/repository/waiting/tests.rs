use super::*;
use crate::models::NewNotice;
use crate::repository::{notices as all_notices, store as whole};
use crate::testing::{NOW, add_approve, add_request, id, store};

/// What waits for user 2, as requests, approves and notices.
fn waiting(conn: &mut Connection, rid: Option<u8>, notices_after: i64, now: i64) -> [bool; 3] {
    let rid = rid.map(id);
    let rid = rid.as_ref().map(|rid| &rid[..]);
    let found = for_user(conn, &id(2), rid, notices_after, now).unwrap();
    assert_eq!(found.seq, whole::last_seq(conn).unwrap());
    [found.requests, found.approves, found.notices]
}

#[test]
fn each_list_is_found_in_its_room_and_everywhere() {
    let mut store = store();
    let conn = &mut store.conn;
    assert_eq!(waiting(conn, None, 0, NOW), [false; 3]);
    whole::advance_seq(conn, 100).unwrap();
    add_request(conn, 1, 2, 3, 10, NOW + 2);
    assert_eq!(waiting(conn, None, 0, NOW), [true, false, false]);
    add_approve(conn, (1, 2, 3), 4, 20, NOW + 1);
    assert_eq!(waiting(conn, None, 0, NOW), [true, true, false]);
    let notice = NewNotice { uid: &id(2), rid: &id(1), seq: 30, at: NOW, frame: &[5] };
    all_notices::insert(conn, &notice).unwrap();
    assert_eq!(waiting(conn, None, 0, NOW), [true; 3]);
    assert_eq!(waiting(conn, Some(1), 29, NOW), [true; 3]);
    assert_eq!(waiting(conn, Some(9), 0, NOW), [false; 3], "another room");
    assert_eq!(waiting(conn, None, 30, NOW), [true, true, false], "the notice was seen");
    assert_eq!(waiting(conn, None, 0, NOW + 1), [true, false, true], "the approve has expired");
    assert_eq!(waiting(conn, None, 0, NOW + 2), [false, false, true], "so has the request");
}

#[test]
fn others_do_not_count() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 7, 3, 10, NOW + 2);
    add_approve(conn, (1, 7, 3), 4, 20, NOW + 1);
    let notice = NewNotice { uid: &id(7), rid: &id(1), seq: 30, at: NOW, frame: &[5] };
    all_notices::insert(conn, &notice).unwrap();
    assert_eq!(waiting(conn, None, 0, NOW), [false; 3]);
    assert_eq!(waiting(conn, Some(1), 0, NOW), [false; 3]);
}
