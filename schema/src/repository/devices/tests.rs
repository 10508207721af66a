use super::*;
use crate::ErrorKind;
use crate::models::RequestState;
use crate::repository::requests;
use crate::testing::{NOW, add_request, file, finish, id, plan, store};

fn device(n: u8, acked: bool) -> Device {
    Device { device: vec![n; 16], acked }
}

#[test]
fn each_device_is_registered_once() {
    let mut store = store();
    let conn = &mut store.conn;
    let one = add_request(conn, 1, 2, 3, 4, NOW);
    let other = add_request(conn, 1, 2, 4, 5, NOW);
    for n in [9, 7, 9] {
        register(conn, one, &[n; 16]).unwrap();
    }
    register(conn, other, &[9; 16]).unwrap();
    assert_eq!(of_request(conn, one).unwrap(), [device(7, false), device(9, false)]);
    assert_eq!(of_request(conn, other).unwrap(), [device(9, false)]);
}

#[test]
fn a_device_belongs_to_a_request_and_has_16_bytes() {
    let mut store = store();
    let conn = &mut store.conn;
    let row = add_request(conn, 1, 2, 3, 4, NOW);
    for (request, device) in [(row + 1, &[1; 16][..]), (row, &[1; 15]), (row, &[1; 17])] {
        assert_eq!(register(conn, request, device).unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[test]
fn a_finished_request_has_no_devices() {
    let mut store = store();
    let conn = &mut store.conn;
    let finished = add_request(conn, 1, 2, 3, 4, NOW);
    let deleted = add_request(conn, 1, 2, 4, 5, NOW);
    let left = add_request(conn, 1, 2, 5, 6, NOW);
    for row in [finished, deleted, left] {
        register(conn, row, &[1; 16]).unwrap();
    }
    finish(conn, finished, RequestState::Done, 7, NOW).unwrap();
    assert!(requests::find(conn, &id(1), &id(2), &id(3)).unwrap().is_some());
    let table = crate::tables::requests::table;
    diesel::delete(table.find(deleted)).execute(conn).unwrap();
    assert!(of_request(conn, finished).unwrap().is_empty());
    assert!(of_request(conn, deleted).unwrap().is_empty());
    assert_eq!(of_request(conn, left).unwrap(), [device(1, false)]);
}

#[test]
fn queries_use_their_indexes() {
    let mut store = file();
    let conn = &mut store.conn;
    let all = plan(conn, |conn| drop(of_request(conn, 1).unwrap()));
    assert!(all.contains("SEARCH devices USING PRIMARY KEY (request=?)"), "{all}");
    assert!(!all.contains("TEMP B-TREE"), "{all}");
}
