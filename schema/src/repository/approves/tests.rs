use super::*;
use crate::ErrorKind;
use crate::models::{ApproveState, RequestState};
use crate::testing::{NOW, add_approve, add_request, close, file, finish, id, plan, set_state, store};

fn new<'a>(rid: &'a [u8], to_uid: &'a [u8], request_id: &'a [u8], approve_id: &'a [u8]) -> NewApprove<'a> {
    NewApprove {
        rid,
        to_uid,
        request_id,
        approve_id,
        by_uid: &[5],
        digest: &[6; 32],
        at: NOW,
        exp: NOW + 1,
        seq: 7,
        frame: &[8],
    }
}

fn waiting(conn: &mut Connection, rid: Option<&[u8]>, after: i64, limit: u32, now: i64) -> Vec<i64> {
    let rows = waiting_for(conn, &id(2), rid, after, limit, now).unwrap();
    rows.iter().map(|row| row.approve.seq).collect()
}

#[test]
fn an_approve_is_found_as_it_was_stored() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW + 1);
    let row = insert(conn, &new(&id(1), &id(2), &id(3), &[4])).unwrap();
    let stored = Approve {
        id: row,
        rid: id(1).to_vec(),
        to_uid: id(2).to_vec(),
        request_id: id(3).to_vec(),
        approve_id: vec![4],
        by_uid: vec![5],
        digest: vec![6; 32],
        state: ApproveState::Live,
        acked: false,
        at: NOW,
        exp: NOW + 1,
        seq: 7,
    };
    assert_eq!(find(conn, &id(1), &[4]).unwrap().as_ref(), Some(&stored));
    assert_eq!(find(conn, &id(2), &[4]).unwrap(), None);
    assert_eq!(find(conn, &id(1), &[5]).unwrap(), None);
    let waiting = waiting_for(conn, &id(2), None, 0, 50, NOW).unwrap();
    assert_eq!(waiting, [WaitingApprove { approve: stored, frame: vec![8] }]);
}

#[test]
fn ids_are_unique_and_requests_are_there() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW);
    add_request(conn, 1, 2, 4, 5, NOW);
    add_request(conn, 2, 2, 3, 4, NOW);
    add_approve(conn, (1, 2, 3), 9, 6, NOW);
    add_approve(conn, (2, 2, 3), 9, 6, NOW);
    for (rid, to, request_id, approve_id) in [(1, 2, 4, 9), (1, 3, 3, 8), (1, 2, 5, 8), (3, 2, 3, 8)] {
        let error = insert(conn, &new(&id(rid), &id(to), &id(request_id), &id(approve_id))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
    let short = NewApprove { digest: &[6; 33], ..new(&[1; 32], &[2; 32], &[3; 32], &[8; 32]) };
    assert_eq!(insert(conn, &short).unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn live_approves_lapse_at_their_exp() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW + 9);
    for (approve_id, exp) in [(10, NOW), (11, NOW + 1), (12, NOW - 1), (13, NOW - 2)] {
        add_approve(conn, (1, 2, 3), approve_id, approve_id.into(), exp);
    }
    let closed = find(conn, &id(1), &id(13)).unwrap().unwrap();
    close(conn, closed.id, ApproveState::Nacked);
    let row = |approve_id| LapsedApprove {
        rid: id(1).to_vec(),
        to_uid: id(2).to_vec(),
        approve_id: id(approve_id).to_vec(),
    };
    assert_eq!(lapsed(conn, NOW, 50).unwrap(), [row(12), row(10)]);
    assert_eq!(lapsed(conn, NOW, 1).unwrap(), [row(12)]);
    assert_eq!(lapsed(conn, NOW + 1, 50).unwrap().len(), 3);
    assert!(lapsed(conn, NOW - 2, 50).unwrap().is_empty());
}

#[test]
fn waiting_approves_come_page_by_page() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 1, NOW + 9);
    add_request(conn, 4, 2, 3, 2, NOW + 9);
    add_request(conn, 1, 9, 3, 3, NOW + 9);
    for seq in [50, 10, 30] {
        add_approve(conn, (1, 2, 3), u8::try_from(seq).unwrap(), seq, NOW + 1);
    }
    add_approve(conn, (4, 2, 3), 20, 20, NOW + 1);
    add_approve(conn, (4, 2, 3), 25, 25, NOW);
    add_approve(conn, (1, 9, 3), 26, 26, NOW + 1);

    assert_eq!(waiting(conn, None, 0, 50, NOW), [10, 20, 30, 50]);
    assert_eq!(waiting(conn, None, 0, 2, NOW), [10, 20]);
    assert_eq!(waiting(conn, None, 20, 2, NOW), [30, 50]);
    assert!(waiting(conn, None, 50, 2, NOW).is_empty());
    assert!(waiting(conn, None, 0, 0, NOW).is_empty());
    assert_eq!(waiting(conn, Some(&id(1)), 0, 50, NOW), [10, 30, 50]);
    assert_eq!(waiting(conn, Some(&id(4)), 0, 50, NOW), [20]);
    assert_eq!(waiting(conn, Some(&id(4)), 0, 50, NOW - 1), [20, 25]);
    assert!(waiting(conn, None, 0, 50, NOW + 1).is_empty(), "over at their exp");
}

#[test]
fn approves_of_closed_requests_do_not_wait() {
    let mut store = store();
    let conn = &mut store.conn;
    let row = add_request(conn, 1, 2, 3, 1, NOW + 1);
    add_request(conn, 1, 2, 4, 2, NOW);
    add_approve(conn, (1, 2, 3), 10, 10, NOW + 9);
    add_approve(conn, (1, 2, 4), 20, 20, NOW + 9);
    assert_eq!(waiting(conn, None, 0, 50, NOW - 1), [10, 20]);
    assert_eq!(waiting(conn, None, 0, 50, NOW), [10], "the other request is over at its exp");
    set_state(conn, row, RequestState::Approved, 11).unwrap();
    assert_eq!(waiting(conn, None, 0, 50, NOW), [10]);
    finish(conn, row, RequestState::Withdrawn, 12, NOW).unwrap();
    assert!(waiting(conn, None, 0, 50, NOW).is_empty());
}

#[test]
fn a_request_takes_its_approves_along() {
    use crate::tables::rooms;
    let mut store = store();
    let conn = &mut store.conn;
    let row = add_request(conn, 1, 2, 3, 1, NOW);
    add_request(conn, 1, 2, 4, 2, NOW);
    add_request(conn, 2, 2, 3, 3, NOW);
    add_approve(conn, (1, 2, 3), 10, 10, NOW);
    add_approve(conn, (1, 2, 4), 11, 11, NOW);
    add_approve(conn, (2, 2, 3), 12, 12, NOW);
    let left = |conn: &mut Connection| approves::table.count().get_result::<i64>(conn).unwrap();
    diesel::delete(requests::table.find(row)).execute(conn).unwrap();
    assert_eq!(left(conn), 2);
    diesel::delete(rooms::table.find(&id(1)[..])).execute(conn).unwrap();
    assert_eq!(left(conn), 1);
    assert!(find(conn, &id(2), &id(12)).unwrap().is_some());
}

#[test]
fn queries_use_their_indexes() {
    let mut store = file();
    let conn = &mut store.conn;
    let (rid, uid, request_id) = (id(1), id(2), id(3));

    let found = plan(conn, |conn| drop(find(conn, &rid, &id(4)).unwrap()));
    assert!(found.contains("(rid=? AND approve_id=?)"), "{found}");
    let all = plan(conn, |conn| drop(of_request(conn, &rid, &uid, &request_id).unwrap()));
    assert!(all.contains("approves_of_request (rid=? AND to_uid=? AND request_id=?)"), "{all}");
    let over = plan(conn, |conn| drop(lapsed(conn, NOW, 50).unwrap()));
    assert!(over.contains("approves_ending (exp<?)"), "{over}");
    assert!(!over.contains("TEMP B-TREE"), "{over}");

    for rid in [None, Some(&rid[..])] {
        let waiting = plan(conn, |conn| drop(waiting_for(conn, &uid, rid, 0, 50, NOW).unwrap()));
        assert!(waiting.contains("approves_waiting (to_uid=? AND seq>?)"), "{waiting}");
        assert!(waiting.contains("SEARCH requests USING INDEX sqlite_autoindex_requests_1"), "{waiting}");
        assert!(!waiting.contains("TEMP B-TREE"), "{waiting}");
    }
}
