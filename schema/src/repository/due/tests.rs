use super::*;
use crate::models::{Denial, RequestState};
use crate::repository::denials as all_denials;
use crate::testing::{
    NOW, add_request, denial, deny, file, finish, id, plan, set_first_ack, set_state, store,
};

/// A time before which no device has acked.
const NEVER: i64 = 0;

fn due(conn: &mut Connection, now: i64, devices_before: i64, limit: u32) -> Vec<u8> {
    let rows = page(conn, now, devices_before, limit).unwrap();
    rows.iter().map(|row| row.request_id[0]).collect()
}

fn add_denied(conn: &mut Connection, uid: u8, request_id: u8, until: i64) -> i64 {
    let row = add_request(conn, 1, uid, request_id, 1, NOW + 100);
    all_denials::put(conn, &denial((1, uid, request_id), 2, until)).unwrap();
    deny(conn, row, 2).unwrap();
    row
}

#[test]
fn open_and_denied_requests_are_due_at_their_exp() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 10, 1, NOW + 1);
    let approved = add_request(conn, 1, 3, 11, 2, NOW);
    let denied = add_request(conn, 1, 4, 12, 3, NOW - 1);
    let finished = add_request(conn, 1, 5, 13, 4, NOW - 2);
    set_state(conn, approved, RequestState::Approved, 5).unwrap();
    all_denials::put(conn, &denial((1, 4, 12), 6, NOW + 9)).unwrap();
    deny(conn, denied, 6).unwrap();
    finish(conn, finished, RequestState::Withdrawn, 7, NOW).unwrap();

    let row = |uid, request_id| Due {
        rid: id(1).to_vec(),
        uid: id(uid).to_vec(),
        request_id: id(request_id).to_vec(),
    };
    assert_eq!(page(conn, NOW, NEVER, 50).unwrap(), [row(4, 12), row(3, 11)]);
    assert_eq!(due(conn, NOW + 1, NEVER, 50), [12, 11, 10]);
    assert_eq!(due(conn, NOW + 1, NEVER, 2), [12, 11]);
    assert!(due(conn, NOW - 2, NEVER, 50).is_empty());
}

#[test]
fn requests_wait_for_their_devices_as_long_as_asked() {
    let mut store = store();
    let conn = &mut store.conn;
    for (request_id, first_ack) in [(10, 500), (11, 400), (12, 300), (13, 200)] {
        let row = add_request(conn, 1, 2, request_id, 1, NOW + 1);
        set_first_ack(conn, row, first_ack);
        match request_id {
            12 => finish(conn, row, RequestState::Done, 2, NOW).unwrap(),
            13 => {
                all_denials::put(conn, &denial((1, 2, 13), 2, NOW + 9)).unwrap();
                deny(conn, row, 2).unwrap();
            }
            _ => {}
        }
    }
    add_request(conn, 1, 2, 14, 3, NOW + 1);
    assert!(due(conn, NOW, 399, 50).is_empty());
    assert_eq!(due(conn, NOW, 400, 50), [11]);
    assert_eq!(due(conn, NOW, 500, 50), [11, 10]);
    assert_eq!(due(conn, NOW, 500, 1), [11]);
}

#[test]
fn denied_requests_are_due_after_the_denial() {
    let mut store = store();
    let conn = &mut store.conn;
    add_denied(conn, 2, 10, NOW + 1);
    add_denied(conn, 3, 11, NOW);
    add_denied(conn, 4, 12, NOW - 1);
    let overruled = add_denied(conn, 5, 13, NOW - 2);
    let finished = add_denied(conn, 6, 14, NOW - 3);
    add_denied(conn, 7, 15, NOW - 4);
    all_denials::put(conn, &Denial { blocked: true, ..denial((1, 7, 15), 3, NOW - 4) }).unwrap();
    set_state(conn, overruled, RequestState::Approved, 4).unwrap();
    finish(conn, finished, RequestState::Denied, 5, NOW).unwrap();

    assert_eq!(due(conn, NOW, NEVER, 50), [12, 11]);
    assert_eq!(due(conn, NOW, NEVER, 1), [12]);

    // Lifted for the user, so for all that the user asked.
    all_denials::lift(conn, &id(1), &id(7)).unwrap();
    all_denials::lift(conn, &id(1), &id(2)).unwrap();
    let mut all = due(conn, NOW, NEVER, 50);
    assert_eq!(all[2..], [12, 11]);
    all[..2].sort_unstable();
    assert_eq!(all[..2], [10, 15]);
    // Denied anew.
    all_denials::put(conn, &denial((1, 7, 15), 6, NOW + 1)).unwrap();
    assert_eq!(due(conn, NOW, NEVER, 50), [10, 12, 11]);
}

#[test]
fn the_limit_counts_all_kinds_and_none_is_due_twice() {
    let mut store = store();
    let conn = &mut store.conn;
    let expired = add_request(conn, 1, 2, 10, 1, NOW);
    set_first_ack(conn, expired, 100);
    let acked = add_request(conn, 1, 2, 11, 2, NOW + 100);
    set_first_ack(conn, acked, 100);
    add_denied(conn, 3, 12, NOW);
    assert_eq!(due(conn, NOW, 100, 50), [10, 11, 12]);
    assert_eq!(due(conn, NOW + 100, 100, 50).len(), 3);
    for limit in 0..3 {
        assert_eq!(due(conn, NOW, 100, limit), [10, 11, 12][..limit as usize]);
    }
}

#[test]
fn queries_use_their_indexes() {
    let mut store = file();
    let plan = plan(&mut store.conn, |conn| drop(page(conn, NOW, NOW, 50).unwrap()));
    for index in [
        "requests_ending (exp<?)",
        "requests_first_acked (first_ack<?)",
        "denials_ending (blocked=? AND until<?)",
        "requests_denied (rid=? AND uid=? AND exp>?)",
    ] {
        assert!(plan.contains(index), "{index} in {plan}");
    }
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
