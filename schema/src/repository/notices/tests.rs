use super::*;
use crate::testing::{NOW, file, id, plan, store};

fn add(conn: &mut Connection, uid: u8, rid: u8, seq: i64) {
    let frame = [u8::try_from(seq).unwrap()];
    insert(conn, &NewNotice { uid: &id(uid), rid: &id(rid), seq, at: NOW, frame: &frame }).unwrap();
}

#[test]
fn a_notice_is_found_as_it_was_stored() {
    let mut store = store();
    // Of a room that is not stored, or not any more.
    add(&mut store.conn, 2, 1, 7);
    let stored = Notice { rid: id(1).to_vec(), seq: 7, at: NOW, frame: vec![7] };
    assert_eq!(page(&mut store.conn, &id(2), None, 0, 50).unwrap(), [stored]);
}

#[test]
fn notices_come_page_by_page() {
    let mut store = store();
    let conn = &mut store.conn;
    for (uid, rid, seq) in [(2, 1, 30), (2, 1, 10), (2, 4, 20), (9, 1, 15), (2, 1, 40)] {
        add(conn, uid, rid, seq);
    }
    let mut list = |rid: Option<&[u8]>, after, limit| -> Vec<i64> {
        let rows = page(conn, &id(2), rid, after, limit).unwrap();
        rows.iter().map(|row| row.seq).collect()
    };
    assert_eq!(list(None, 0, 50), [10, 20, 30, 40]);
    assert_eq!(list(None, 0, 2), [10, 20]);
    assert_eq!(list(None, 20, 1), [30]);
    assert!(list(None, 40, 50).is_empty());
    assert_eq!(list(Some(&id(1)), 10, 50), [30, 40]);
    assert_eq!(list(Some(&id(4)), 0, 50), [20]);
    assert!(list(Some(&id(9)), 0, 50).is_empty());
}

#[test]
fn queries_use_their_indexes() {
    let mut store = file();
    let conn = &mut store.conn;
    for rid in [None, Some(&id(1)[..])] {
        let plan = plan(conn, |conn| drop(page(conn, &id(2), rid, 0, 50).unwrap()));
        assert!(plan.contains("notices_of_user (uid=? AND seq>?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
