use super::*;
use crate::ErrorKind;
use crate::repository::{denials as all_denials, rooms};
use crate::testing::{
    NOW, add_approve, add_request, close, denial, deny, file, finish, id, open_in_all, plan, room, set_state,
    store,
};

fn new<'a>(rid: &'a [u8], uid: &'a [u8], request_id: &'a [u8]) -> NewRequest<'a> {
    NewRequest {
        rid,
        uid,
        request_id,
        box_hash: &[4],
        digest: &[5; 32],
        created: NOW,
        exp: NOW + 1,
        seq: 6,
        frame: &[7],
        account: Some("alice"),
    }
}

fn kind(result: Result<impl Sized, Error>) -> ErrorKind {
    result.err().expect("an error").kind()
}

fn seqs(rows: &[OpenRequest]) -> Vec<i64> {
    rows.iter().map(|row| row.request.seq).collect()
}

/// The counts of open requests: of room 1, of room 2, and in all.
fn counts(conn: &mut Connection) -> [i64; 3] {
    let mut of_room = |rid| rooms::find(conn, &id(rid)).unwrap().map_or(0, |room| room.open);
    [of_room(1), of_room(2), open_in_all(conn)]
}

fn delete_room(conn: &mut Connection, rid: u8) {
    use crate::tables::rooms;
    diesel::delete(rooms::table.filter(rooms::rid.eq(&id(rid)[..]))).execute(conn).unwrap();
}

#[test]
fn a_request_is_found_as_it_was_stored() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 9, 9, 1, NOW);
    let row = insert(conn, &new(&id(1), &id(2), &[3])).unwrap();
    let stored = Request {
        id: row,
        rid: id(1).to_vec(),
        uid: id(2).to_vec(),
        request_id: vec![3],
        box_hash: vec![4],
        digest: vec![5; 32],
        state: RequestState::Pending,
        created: NOW,
        exp: NOW + 1,
        seq: 6,
        frame: Some(vec![7]),
        first_ack: None,
        closed: None,
        account: Some("alice".to_owned()),
    };
    assert_eq!(find(conn, &id(1), &id(2), &[3]).unwrap(), Some(stored));
    for (rid, uid, request_id) in [(9, 2, 3), (1, 1, 3), (1, 2, 4)] {
        assert_eq!(find(conn, &id(rid), &id(uid), &[request_id]).unwrap(), None);
    }
}

#[test]
fn ids_are_unique_and_rooms_are_there() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW);
    add_request(conn, 2, 2, 3, 4, NOW);
    add_request(conn, 1, 3, 3, 4, NOW);
    assert_eq!(kind(insert(conn, &new(&id(1), &id(2), &id(3)))), ErrorKind::Conflict);
    assert_eq!(kind(insert(conn, &new(&id(8), &id(2), &id(3)))), ErrorKind::Conflict);
    let short = NewRequest { digest: &[5; 31], ..new(&[1; 32], &[2; 32], &[4; 32]) };
    assert_eq!(kind(insert(conn, &short)), ErrorKind::Conflict);
}

#[test]
fn an_account_goes_with_the_frame() {
    let mut store = store();
    let conn = &mut store.conn;
    rooms::put(conn, &room(1, "request")).unwrap();
    let row = insert(conn, &new(&id(1), &id(2), &id(3))).unwrap();
    let account = |conn: &mut Connection| find(conn, &id(1), &id(2), &id(3)).unwrap().unwrap().account;
    assert_eq!(account(conn).as_deref(), Some("alice"));
    finish(conn, row, RequestState::Withdrawn, 7, NOW).unwrap();
    assert_eq!(account(conn), None);

    let late = diesel::update(requests::table.find(row)).set(requests::account.eq("alice")).execute(conn);
    assert!(late.is_err(), "an account without a frame");
    let empty = NewRequest { account: Some(""), ..new(&[1; 32], &[2; 32], &[4; 32]) };
    assert_eq!(kind(insert(conn, &empty)), ErrorKind::Conflict);
}

#[test]
fn finished_requests_cannot_keep_a_frame() {
    use RequestState::{Approved, Denied, Done, Expired, Pending, Withdrawn};
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW);
    let mut accepts = |state: RequestState| {
        diesel::update(requests::table).set(requests::state.eq(state)).execute(conn).is_ok()
    };
    assert_eq!([Approved, Denied, Pending].map(&mut accepts), [true; 3]);
    assert_eq!([Done, Withdrawn, Expired].map(&mut accepts), [false; 3]);
}

#[test]
fn requests_are_counted_however_they_come_and_go() {
    use RequestState::{Approved, Denied, Done, Expired};
    let mut store = store();
    let conn = &mut store.conn;
    let one = add_request(conn, 1, 2, 3, 4, NOW);
    let two = add_request(conn, 1, 2, 4, 5, NOW);
    let other = add_request(conn, 2, 2, 3, 6, NOW);
    add_request(conn, 2, 3, 3, 7, NOW);
    assert_eq!(counts(conn), [2, 2, 4]);
    insert(conn, &new(&id(1), &id(2), &id(3))).unwrap_err();
    insert(conn, &new(&id(9), &id(2), &id(3))).unwrap_err();
    assert_eq!(counts(conn), [2, 2, 4], "nothing was stored");

    set_state(conn, one, Approved, 8).unwrap();
    all_denials::put(conn, &denial((1, 2, 4), 9, NOW)).unwrap();
    deny(conn, two, 9).unwrap();
    let denied = |conn: &mut Connection| rooms::find(conn, &id(1)).unwrap().unwrap().denied;
    assert_eq!((counts(conn), denied(conn)), ([1, 2, 3], 1), "it has given its place back");
    set_state(conn, two, Approved, 10).unwrap();
    assert_eq!((counts(conn), denied(conn)), ([2, 2, 4], 0));
    deny(conn, two, 10).unwrap();
    finish(conn, two, Denied, 10, NOW).unwrap();
    assert_eq!((counts(conn), denied(conn)), ([1, 2, 3], 0));
    finish(conn, two, Expired, 11, NOW).unwrap();
    finish(conn, one, Approved, 11, NOW).unwrap_err();
    assert_eq!(counts(conn), [1, 2, 3], "it had no frame any more, and the other keeps its own");
    finish(conn, one, Done, 12, NOW).unwrap();
    assert_eq!(counts(conn), [0, 2, 2]);

    diesel::delete(requests::table.find(one)).execute(conn).unwrap();
    assert_eq!(counts(conn), [0, 2, 2], "it was finished");
    diesel::delete(requests::table.find(other)).execute(conn).unwrap();
    assert_eq!(counts(conn), [0, 1, 1]);
    delete_room(conn, 2);
    assert_eq!(counts(conn), [0, 0, 0]);
}

#[test]
fn requests_of_a_user_are_counted_up_to_the_cap() {
    let mut store = store();
    let conn = &mut store.conn;
    for (rid, uid, n, exp) in
        [(1, 7, 1, NOW + 1), (1, 7, 2, NOW + 1), (1, 7, 3, NOW), (2, 7, 4, NOW + 1), (1, 8, 5, NOW + 1)]
    {
        add_request(conn, rid, uid, n, n.into(), exp);
    }
    let finished = add_request(conn, 1, 7, 6, 6, NOW + 1);
    finish(conn, finished, RequestState::Done, 7, NOW).unwrap();

    let mut open = |uid, cap| count_open_of_user(conn, &id(uid), NOW, cap).unwrap();
    assert_eq!([open(7, 9), open(7, 2), open(8, 9), open(9, 9)], [3, 2, 1, 0]);
    let mut in_all = |uid, cap| count_of_user(conn, &id(uid), cap).unwrap();
    assert_eq!([in_all(7, 9), in_all(7, 4), in_all(8, 9), in_all(9, 9)], [5, 4, 1, 0]);
}

#[test]
fn a_room_shows_its_open_requests_page_by_page() {
    let mut store = store();
    let conn = &mut store.conn;
    // Stored out of order, with another room, an expired and a finished one in between.
    for seq in [50, 10, 30, 20, 40] {
        add_request(conn, 1, 2, u8::try_from(seq).unwrap(), seq, NOW + 1);
    }
    add_request(conn, 2, 2, 1, 15, NOW + 1);
    add_request(conn, 1, 2, 2, 25, NOW);
    let finished = add_request(conn, 1, 2, 3, 35, NOW + 1);
    finish(conn, finished, RequestState::Withdrawn, 36, NOW).unwrap();

    let mut page = |after, limit| seqs(&open_in_room(conn, &id(1), after, limit, NOW).unwrap());
    assert_eq!(page(0, 50), [10, 20, 30, 40, 50]);
    assert_eq!(page(0, 2), [10, 20]);
    assert_eq!(page(20, 2), [30, 40]);
    assert_eq!(page(40, 2), [50]);
    assert!(page(50, 2).is_empty());
    assert!(page(0, 0).is_empty());
}

#[test]
fn a_user_sees_own_open_requests_of_one_room_or_all() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 2, 7, 1, 30, NOW + 1);
    add_request(conn, 1, 7, 2, 20, NOW + 1);
    add_request(conn, 1, 7, 3, 10, NOW + 1);
    add_request(conn, 1, 7, 4, 15, NOW);
    add_request(conn, 1, 8, 5, 16, NOW + 1);
    let finished = add_request(conn, 1, 7, 6, 17, NOW + 1);
    finish(conn, finished, RequestState::Done, 18, NOW).unwrap();

    let rid = id(1);
    let mut list =
        |rid: Option<&[u8]>, after, limit| seqs(&open_of_user(conn, &id(7), rid, after, limit, NOW).unwrap());
    assert_eq!(list(None, 0, 50), [10, 20, 30]);
    assert_eq!(list(None, 0, 2), [10, 20]);
    assert_eq!(list(None, 20, 2), [30]);
    assert!(list(None, 30, 2).is_empty());
    assert_eq!(list(Some(&rid), 0, 50), [10, 20]);
    assert_eq!(list(Some(&rid), 0, 1), [10]);
    assert_eq!(list(Some(&rid), 10, 50), [20]);
    assert!(list(Some(&[9]), 0, 50).is_empty());
}

#[test]
fn a_user_has_open_requests_in_each_room() {
    let mut store = store();
    let conn = &mut store.conn;
    for (rid, uid, n, exp) in
        [(1, 7, 1, NOW + 1), (1, 7, 2, NOW + 1), (1, 7, 3, NOW), (2, 7, 4, NOW + 1), (1, 8, 5, NOW + 1)]
    {
        add_request(conn, rid, uid, n, n.into(), exp);
    }
    let finished = add_request(conn, 1, 7, 6, 6, NOW + 1);
    finish(conn, finished, RequestState::Done, 7, NOW).unwrap();
    let denied = add_request(conn, 1, 7, 7, 7, NOW + 1);
    all_denials::put(conn, &denial((1, 7, 7), 8, NOW)).unwrap();
    deny(conn, denied, 8).unwrap();

    let mut open = |rid, uid| {
        let rows = open_of_user_in_room(conn, &id(rid), &id(uid), NOW).unwrap();
        let mut seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        seqs.sort_unstable();
        seqs
    };
    assert_eq!(open(1, 7), [1, 2]);
    assert_eq!(open(2, 7), [4]);
    assert_eq!(open(1, 8), [5]);
    assert!(open(2, 8).is_empty());
}

#[test]
fn live_unexpired_approves_are_counted() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 10, NOW + 9);
    add_request(conn, 1, 2, 4, 20, NOW + 9);
    add_request(conn, 1, 5, 3, 30, NOW + 9);
    add_approve(conn, (1, 2, 3), 1, 11, NOW + 1);
    add_approve(conn, (1, 2, 3), 2, 12, NOW + 1);
    add_approve(conn, (1, 2, 3), 3, 13, NOW);
    add_approve(conn, (1, 5, 3), 4, 14, NOW + 1);
    let closed = add_approve(conn, (1, 2, 4), 5, 15, NOW + 1);
    close(conn, closed, ApproveState::Dropped);

    let rows = open_in_room(conn, &id(1), 0, 50, NOW).unwrap();
    let counts: Vec<_> = rows.iter().map(|row| (row.request.seq, row.approvals)).collect();
    assert_eq!(counts, [(10, 2), (20, 0), (30, 1)]);
    assert_eq!(open_of_user(conn, &id(2), None, 0, 50, NOW).unwrap(), rows[..2]);
}

#[test]
fn a_room_takes_its_requests_along() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW);
    add_request(conn, 2, 2, 3, 4, NOW);
    delete_room(conn, 1);
    assert_eq!(find(conn, &id(1), &id(2), &id(3)).unwrap(), None);
    assert!(find(conn, &id(2), &id(2), &id(3)).unwrap().is_some());
}

#[test]
fn queries_use_their_indexes() {
    const COUNT: &str = "SEARCH approves USING COVERING INDEX approves_of_request \
                         (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)";
    let mut store = file();
    let conn = &mut store.conn;
    let (rid, uid) = (id(1), id(2));

    let found = plan(conn, |conn| drop(find(conn, &rid, &uid, &id(3)).unwrap()));
    assert!(found.contains("(rid=? AND uid=? AND request_id=?)"), "{found}");

    let room = plan(conn, |conn| drop(open_in_room(conn, &rid, 0, 50, NOW).unwrap()));
    assert!(room.contains("requests_open_in_room (rid=? AND seq>?)"), "{room}");
    let user = plan(conn, |conn| drop(open_of_user(conn, &uid, None, 0, 50, NOW).unwrap()));
    assert!(user.contains("requests_open_of_user (uid=? AND seq>?)"), "{user}");
    let both = plan(conn, |conn| drop(open_of_user(conn, &uid, Some(&rid), 0, 50, NOW).unwrap()));
    assert!(both.contains("requests_open_of_user_in_room (rid=? AND uid=? AND seq>?)"), "{both}");
    for plan in [room, user, both] {
        assert!(plan.contains(COUNT), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    let in_room = plan(conn, |conn| drop(open_of_user_in_room(conn, &rid, &uid, NOW).unwrap()));
    assert!(in_room.contains("requests_open_of_user_in_room (rid=? AND uid=?)"), "{in_room}");
    let in_all = plan(conn, |conn| {
        count_of_user(conn, &uid, 9).unwrap();
    });
    assert!(in_all.contains("COVERING INDEX requests_of_user (uid=?)"), "{in_all}");
}

#[test]
fn a_search_pages_through_all_matches() {
    let mut store = store();
    let conn = &mut store.conn;
    for (n, (rid, uid)) in (0..).zip([(1, 1), (1, 2), (2, 1), (2, 2)]) {
        add_request(conn, rid, uid, uid, i64::from(n), NOW + 1000);
    }
    let over = add_request(conn, 1, 3, 3, 9, NOW);
    let found = |conn: &mut Connection, filter: RequestFilter, after| -> Vec<(u8, u8)> {
        let rows = search(conn, &filter, after, 3, NOW).unwrap();
        rows.iter().map(|row| (row.request.rid[0], row.request.uid[0])).collect()
    };
    let all = RequestFilter::default;
    assert_eq!(found(conn, all(), 0), [(1, 1), (1, 2), (2, 1)]);
    let third = search(conn, &all(), 0, 3, NOW).unwrap()[2].request.id;
    assert_eq!(found(conn, all(), third), [(2, 2)], "and none whose time is over");
    assert_eq!(found(conn, RequestFilter { rid: Some(id(2).to_vec()), ..all() }, 0), [(2, 1), (2, 2)]);
    assert_eq!(found(conn, RequestFilter { uid: Some(id(1).to_vec()), ..all() }, 0), [(1, 1), (2, 1)]);
    assert_eq!(found(conn, RequestFilter { created_before: Some(NOW), ..all() }, 0), []);
    finish(conn, over, RequestState::Expired, 10, NOW).unwrap();
    assert_eq!(found(conn, RequestFilter { state: Some(RequestState::Expired), ..all() }, 0), [(1, 3)]);
    assert_eq!(found(conn, RequestFilter { state: Some(RequestState::Approved), ..all() }, 0), []);
}
