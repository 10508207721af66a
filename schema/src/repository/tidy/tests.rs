use super::*;
use crate::models::{Denial, NewNotice, RequestState};
use crate::repository::requests::find;
use crate::repository::{denials as all_denials, devices, notices as all_notices, rooms};
use crate::testing::{
    NOW, add_approve, add_request, denial, deny, file, finish, id, open_in_all, plan, room, store,
};

/// A time before which nothing was finished or stored.
const NEVER: i64 = 0;

fn add_finished(conn: &mut Connection, request_id: u8, closed: i64) {
    let row = add_request(conn, 1, 2, request_id, 1, NOW);
    finish(conn, row, RequestState::Withdrawn, 2, closed).unwrap();
}

fn left(conn: &mut Connection) -> Vec<u8> {
    let ids: Vec<Vec<u8>> =
        requests::table.order(requests::request_id).select(requests::request_id).load(conn).unwrap();
    ids.iter().map(|id| id[0]).collect()
}

#[test]
fn finished_requests_go_after_a_while() {
    let mut store = store();
    let conn = &mut store.conn;
    add_finished(conn, 11, 400);
    add_finished(conn, 12, 401);
    add_request(conn, 1, 2, 13, 1, NOW - 9);
    let open = (rooms::find(conn, &id(1)).unwrap().unwrap().open, open_in_all(conn));
    assert_eq!(open, (1, 1));

    assert_eq!(run(conn, NOW, 399, NEVER, 50).unwrap(), 0, "not even those whose exp is over");
    assert_eq!(run(conn, NOW, 400, NEVER, 50).unwrap(), 1);
    assert_eq!(left(conn), [12, 13]);
    assert_eq!(run(conn, NOW, NOW, NEVER, 50).unwrap(), 1);
    assert_eq!(left(conn), [13], "it has its frame");
    assert_eq!((rooms::find(conn, &id(1)).unwrap().unwrap().open, open_in_all(conn)), open);
}

#[test]
fn tidying_deletes_a_request_with_its_rows() {
    use crate::tables::{approves, devices as all_devices};
    let mut store = store();
    let conn = &mut store.conn;
    for request_id in [3, 4] {
        let row = add_request(conn, 1, 2, request_id, 1, NOW + 9);
        add_approve(conn, (1, 2, request_id), request_id, 2, NOW);
        finish(conn, row, RequestState::Done, 3, i64::from(request_id)).unwrap();
        devices::register(conn, row, &[1; 16]).unwrap();
    }
    assert_eq!(run(conn, NOW, 3, NEVER, 50).unwrap(), 1);
    assert!(find(conn, &id(1), &id(2), &id(4)).unwrap().is_some());
    assert_eq!(approves::table.count().get_result::<i64>(conn).unwrap(), 1);
    assert_eq!(all_devices::table.count().get_result::<i64>(conn).unwrap(), 1);
}

#[test]
fn notices_go_by_their_age() {
    let mut store = store();
    let conn = &mut store.conn;
    for (seq, at) in [(1, 100), (2, 101), (3, 99)] {
        let notice = NewNotice { uid: &id(2), rid: &id(1), seq, at, frame: &[1] };
        all_notices::insert(conn, &notice).unwrap();
    }
    assert_eq!(run(conn, NOW, NEVER, 98, 50).unwrap(), 0);
    assert_eq!(run(conn, NOW, NEVER, 100, 50).unwrap(), 2);
    let left = all_notices::page(conn, &id(2), None, 0, 50).unwrap();
    assert_eq!(left.iter().map(|notice| notice.seq).collect::<Vec<_>>(), [2]);
}

#[test]
fn expired_denials_go_once_no_request_needs_them() {
    let mut store = store();
    let conn = &mut store.conn;
    rooms::put(conn, &room(1, "open")).unwrap();
    for (uid, until) in [(2, NOW), (3, NOW + 1), (4, NOW + 1), (5, NOW + 1)] {
        all_denials::put(conn, &denial((1, uid, 9), 1, until)).unwrap();
    }
    all_denials::put(conn, &Denial { blocked: true, ..denial((1, 6, 9), 1, NOW - 1) }).unwrap();
    // The sweep has not come to this one yet, and would not find it without the denial.
    let row = add_request(conn, 1, 5, 9, 1, NOW + 9);
    deny(conn, row, 2).unwrap();
    for uid in [4, 5] {
        all_denials::lift(conn, &id(1), &id(uid)).unwrap();
    }

    let is_there = |conn: &mut Connection| {
        [2, 3, 4, 5, 6].map(|uid| all_denials::find(conn, &id(1), &id(uid)).unwrap().is_some())
    };
    assert_eq!(run(conn, NOW, NEVER, NEVER, 50).unwrap(), 2);
    assert_eq!(is_there(conn), [false, true, false, true, true]);
    finish(conn, row, RequestState::Denied, 3, NOW).unwrap();
    assert_eq!(run(conn, NOW, NEVER, NEVER, 50).unwrap(), 1);
    assert_eq!(is_there(conn), [false, true, false, false, true]);
}

#[test]
fn at_most_the_limit_of_each_goes_at_once() {
    let mut store = store();
    let conn = &mut store.conn;
    for n in 1..4 {
        add_finished(conn, n, 100);
        all_denials::put(conn, &denial((1, n, 9), 1, NOW)).unwrap();
        let notice = NewNotice { uid: &id(2), rid: &id(1), seq: n.into(), at: 100, frame: &[1] };
        all_notices::insert(conn, &notice).unwrap();
    }
    for expected in [0, 6, 3, 0] {
        let limit = if expected == 0 { 0 } else { 2 };
        assert_eq!(run(conn, NOW, 100, 100, limit).unwrap(), expected);
    }
    assert!(left(conn).is_empty());
}

#[test]
fn queries_use_their_indexes() {
    let mut store = file();
    let plan = plan(&mut store.conn, |conn| {
        run(conn, NOW, NOW, NOW, 50).unwrap();
    });
    for index in [
        "requests_closed (closed<?)",
        "notices_by_age (at<?)",
        "denials_ending (blocked=? AND until<?)",
        "requests_denied (rid=? AND uid=?)",
    ] {
        assert!(plan.contains(index), "{index} in {plan}");
    }
}
