use super::*;
use crate::models::NewNotice;
use crate::repository::notices as all_notices;
use crate::repository::transaction::transaction;
use crate::testing::{NOW, add_approve, add_request, id, store};

/// What waits for user 2, as requests, approves and notices.
fn waiting(conn: &mut Connection, rid: Option<u8>, notices_after: i64, now: i64) -> [bool; 3] {
    let rid = rid.map(id);
    let rid = rid.as_ref().map(|rid| &rid[..]);
    let found = for_user(conn, &id(2), rid, notices_after, now).unwrap();
    assert_eq!(found.seq, streams::last(conn, &Topic::user(&id(2))).unwrap());
    [found.requests, found.approves, found.notices]
}

#[test]
fn each_list_is_found_in_its_room_and_everywhere() {
    let mut store = store();
    let conn = &mut store.conn;
    assert_eq!(waiting(conn, None, 0, NOW), [false; 3]);
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

/// Issues a seq in these streams, in a transaction.
fn issue(conn: &mut Connection, topics: &[Topic], now_us: i64) -> i64 {
    transaction(conn, |conn| {
        let mut locked = streams::begin(conn)?;
        streams::lock(conn, &mut locked, &topics.iter().cloned().collect())?;
        let seq = locked.issue(topics, now_us);
        streams::store(conn, &locked)?;
        Ok::<_, Error>(seq)
    })
    .unwrap()
}

#[test]
fn the_seq_is_the_last_that_the_user_can_have_seen() {
    let mut store = store();
    let is_file = store.is_file();
    let conn = &mut store.conn;
    let seq = |conn: &mut Connection, rid: Option<&[u8]>| for_user(conn, &id(2), rid, 0, NOW).unwrap().seq;
    assert_eq!(seq(conn, None), 0);
    let own = issue(conn, &[Topic::room(&id(1)), Topic::user(&id(2))], 100);
    assert_eq!((own, seq(conn, None), seq(conn, Some(&id(1)))), (100, 100, 100));
    // On a server others have streams of their own; in a file there is one for all.
    let of_others = issue(conn, &[Topic::room(&id(2)), Topic::user(&id(3))], 200);
    let expected = if is_file { of_others } else { own };
    assert_eq!((seq(conn, None), seq(conn, Some(&id(2)))), (expected, expected));
}
