use super::*;
use crate::models::{ApproveState, RequestState};
use crate::testing::{
    NOW, add_approve, add_request, close, denial, deny, finish, id, room, set_state, store,
};

/// The ids of room 1 and user 2, and so on.
const IDS: [[u8; 32]; 10] =
    [[0; 32], [1; 32], [2; 32], [3; 32], [4; 32], [5; 32], [6; 32], [7; 32], [8; 32], [9; 32]];

fn user(rid: usize, uid: usize) -> UserInRoom<'static> {
    UserInRoom { rid: &IDS[rid], uid: &IDS[uid] }
}

fn key(rid: usize, uid: usize, request_id: usize) -> RequestKey<'static> {
    RequestKey { rid: &IDS[rid], uid: &IDS[uid], request_id: &IDS[request_id] }
}

fn sorted<T: Ord>(rows: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut rows: Vec<T> = rows.into_iter().collect();
    rows.sort_unstable();
    rows
}

/// The first bytes of the names of requests, in order.
fn names(rows: &[Request]) -> Vec<[u8; 3]> {
    sorted(rows.iter().map(|row| [row.rid[0], row.uid[0], row.request_id[0]]))
}

/// In rooms 1 and 2, users 5 and 6 each have requests 1 (pending), 2 (approved), 3 (denied, may be
/// approved), 4 (finished), 7 (expired), and 8 (denied and expired).
fn add_all(conn: &mut Connection) {
    for rid in [1, 2] {
        rooms::put(conn, &room(rid, "request")).unwrap();
        for uid in [5, 6] {
            denials::put(conn, &denial((rid, uid, 3), 1, NOW + 1)).unwrap();
            for n in [1, 2, 3, 4, 7, 8] {
                let exp = if n < 7 { NOW + 1 } else { NOW };
                let row = add_request(conn, rid, uid, n, n.into(), exp);
                devices::register(conn, row, &[n + 10; 16]).unwrap();
                devices::register(conn, row, &[uid; 16]).unwrap();
                match n {
                    2 => set_state(conn, row, RequestState::Approved, 20).unwrap(),
                    3 | 8 => deny(conn, row, 30).unwrap(),
                    4 => finish(conn, row, RequestState::Done, 40, NOW).unwrap(),
                    _ => {}
                }
            }
            for (n, seq) in [(1, 12), (2, 11)] {
                add_approve(conn, (rid, uid, 2), 10 * uid + n, seq, NOW + 1);
            }
        }
    }
}

#[test]
fn rooms_are_found_once_each() {
    let mut store = store();
    let conn = &mut store.conn;
    for rid in [1, 2, 3] {
        rooms::put(conn, &room(rid, "open")).unwrap();
    }
    let found = rooms(conn, &[&IDS[3], &IDS[9], &IDS[1], &IDS[3]]).unwrap();
    assert_eq!(sorted(found.iter().map(|room| room.rid[0])), [1, 3]);
    assert!(found.contains(&room(1, "open")));
}

#[test]
fn founded_rooms_are_counted_in_the_order_of_users() {
    let mut store = store();
    let conn = &mut store.conn;
    for (rid, founder) in [(1, 7), (2, 7), (3, 8), (4, 7)] {
        rooms::put(conn, &Room { founder: Some(id(founder).to_vec()), ..room(rid, "secret") }).unwrap();
    }
    rooms::put(conn, &room(5, "secret")).unwrap();
    let users = [&IDS[8][..], &IDS[9], &IDS[7], &IDS[8]];
    assert_eq!(founded_by(conn, &users, 100).unwrap(), [1, 0, 3, 1]);
    assert_eq!(founded_by(conn, &users, 2).unwrap(), [1, 0, 2, 1]);
    assert_eq!(founded_by(conn, &users, 0).unwrap(), [0, 0, 0, 0]);
}

#[test]
fn requests_are_found_once_each_in_any_state() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    // No name is mixed from two others.
    let keys =
        [key(2, 5, 1), key(1, 6, 4), key(9, 5, 1), key(1, 6, 9), key(1, 5, 3), key(2, 5, 1), key(1, 5, 7)];
    let found = requests(conn, &keys).unwrap();
    assert!(found.contains(&requests::find(conn, &id(1), &id(6), &id(4)).unwrap().unwrap()));
    assert_eq!(names(&found), [[1, 5, 3], [1, 5, 7], [1, 6, 4], [2, 5, 1]]);
}

#[test]
fn open_and_denied_requests_are_those_of_the_users() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    let users = [user(2, 6), user(1, 5), user(1, 9), user(9, 5), user(1, 5)];
    let open = open_requests(conn, &users, NOW).unwrap();
    assert_eq!(names(&open), [[1, 5, 1], [1, 5, 2], [2, 6, 1], [2, 6, 2]]);
    let earlier = open_requests(conn, &users[..1], NOW - 1).unwrap();
    assert_eq!(names(&earlier), [[2, 6, 1], [2, 6, 2], [2, 6, 7]]);
    assert!(open_requests(conn, &users, NOW + 1).unwrap().is_empty());

    let denied = denied_requests(conn, &users, NOW).unwrap();
    assert_eq!(names(&denied), [[1, 5, 3], [2, 6, 3]]);
    let earlier = denied_requests(conn, &users[..1], NOW - 1).unwrap();
    assert_eq!(names(&earlier), [[2, 6, 3], [2, 6, 8]]);
    assert!(denied_requests(conn, &users, NOW + 1).unwrap().is_empty());
}

#[test]
fn requests_are_counted_up_to_caps_in_the_order_of_users() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    add_request(conn, 3, 6, 1, 1, NOW + 1);
    let users = [&IDS[6][..], &IDS[9], &IDS[5], &IDS[6]];
    let mut counts = |now, caps| -> Vec<(usize, usize)> {
        let counts = request_counts(conn, &users, now, caps).unwrap();
        counts.iter().map(|count| (count.open, count.all)).collect()
    };
    assert_eq!(counts(NOW, (100, 100)), [(5, 13), (0, 0), (4, 12), (5, 13)]);
    assert_eq!(counts(NOW - 1, (100, 100)), [(7, 13), (0, 0), (6, 12), (7, 13)]);
    assert_eq!(counts(NOW, (4, 12)), [(4, 12), (0, 0), (4, 12), (4, 12)]);
    assert_eq!(counts(NOW, (2, 100)), [(2, 13), (0, 0), (2, 12), (2, 13)]);
    assert_eq!(counts(NOW, (0, 0)), [(0, 0); 4]);
}

#[test]
fn approves_are_found_once_each_in_any_state() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    let nacked = approves::find(conn, &id(1), &id(51)).unwrap().unwrap();
    close(conn, nacked.id, ApproveState::Nacked);
    let approve = |rid: usize, approve_id| ApproveKey { rid: &IDS[rid], approve_id };
    let (first, second, third) = (id(51), id(52), id(61));
    let keys = [approve(2, &third), approve(1, &first), approve(9, &second), approve(1, &first)];
    let found = approves(conn, &keys).unwrap();
    assert!(found.contains(&Approve { state: ApproveState::Nacked, ..nacked }));
    assert_eq!(sorted(found.iter().map(|row| [row.rid[0], row.approve_id[0]])), [[1, 51], [2, 61]]);
}

#[test]
fn approves_of_a_request_come_in_the_order_of_seqs() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    let row = approves::find(conn, &id(2), &id(62)).unwrap().unwrap();
    close(conn, row.id, ApproveState::Dropped);
    let found = approves_of(conn, &[key(2, 6, 2), key(1, 5, 1), key(1, 5, 2), key(2, 6, 2)]).unwrap();
    assert_eq!(found.len(), 4);
    for (rid, uid) in [(1, 5), (2, 6)] {
        let theirs = found.iter().filter(|row| row.to_uid[0] == uid && row.rid[0] == rid);
        let ids: Vec<u8> = theirs.map(|row| row.approve_id[0]).collect();
        assert_eq!(ids, [10 * uid + 2, 10 * uid + 1]);
    }
}

#[test]
fn devices_of_a_request_come_in_the_order_of_ids() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    let row = |conn: &mut Connection, n| requests::find(conn, &id(1), &id(5), &id(n)).unwrap().unwrap().id;
    let (one, two, finished) = (row(conn, 1), row(conn, 2), row(conn, 4));
    let found = devices(conn, &[two, finished, one, 999_999, two]).unwrap();
    let of = |request: i64| -> Vec<u8> {
        found.iter().filter(|(row, _)| *row == request).map(|(_, device)| device.device[0]).collect()
    };
    assert_eq!((found.len(), of(one), of(two)), (4, vec![5, 11], vec![5, 12]));
}

#[test]
fn denials_are_found_once_each() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    denials::lift(conn, &id(1), &id(6)).unwrap();
    let found = denials(conn, &[user(1, 6), user(2, 5), user(2, 9), user(9, 5), user(1, 6)]).unwrap();
    assert!(found.contains(&denial((2, 5, 3), 1, NOW + 1)));
    assert!(found.contains(&Denial { by_uid: id(200).to_vec(), ..denial((1, 6, 3), 1, 0) }));
    assert_eq!(found.len(), 2);
}

#[test]
fn without_keys_nothing_is_found() {
    let mut store = store();
    let conn = &mut store.conn;
    add_all(conn);
    assert!(rooms(conn, &[]).unwrap().is_empty() && founded_by(conn, &[], 9).unwrap().is_empty());
    assert!(requests(conn, &[]).unwrap().is_empty() && approves(conn, &[]).unwrap().is_empty());
    assert!(open_requests(conn, &[], NOW).unwrap().is_empty());
    assert!(denied_requests(conn, &[], NOW).unwrap().is_empty());
    assert!(request_counts(conn, &[], NOW, (9, 9)).unwrap().is_empty());
    assert!(approves_of(conn, &[]).unwrap().is_empty() && devices(conn, &[]).unwrap().is_empty());
    assert!(denials(conn, &[]).unwrap().is_empty());
}
