use diesel::prelude::*;

use super::*;
use crate::ErrorKind;
use crate::connection::Connection;
use crate::models::{ApproveState, Request, RequestState};
use crate::repository::transaction::transaction;
use crate::repository::{denials, gather, rooms};
use crate::tables::approves as approves_table;
use crate::testing::{
    NOW, add_approve, add_request, denial, file, finish, id, open_in_all, plan, room, store,
};

fn new<'a>(rid: &'a [u8], uid: &'a [u8], request_id: &'a [u8], seq: i64) -> NewRequest<'a> {
    NewRequest {
        rid,
        uid,
        request_id,
        box_hash: request_id,
        digest: &[5; 32],
        created: NOW,
        exp: NOW + seq,
        seq,
        frame: request_id,
        account: (seq % 2 == 0).then_some("alice"),
    }
}

fn new_approve<'a>(rid: &'a [u8], approve_id: &'a [u8], seq: i64) -> NewApprove<'a> {
    NewApprove {
        rid,
        to_uid: &[2; 32],
        request_id: &[3; 32],
        approve_id,
        by_uid: &[7; 32],
        digest: &[6; 32],
        at: NOW + seq,
        exp: NOW + 2 * seq,
        seq,
        frame: approve_id,
    }
}

/// A change to a request that keeps its frame.
fn to(row: i64, state: RequestState, seq: i64) -> RequestUpdate {
    RequestUpdate { id: row, state, seq, first_ack: None, closed: None }
}

fn finished(row: i64, state: RequestState, seq: i64) -> RequestUpdate {
    RequestUpdate { closed: Some(NOW), ..to(row, state, seq) }
}

/// Request `n` of user 2 in room 1.
fn stored(conn: &mut Connection, n: u8) -> Request {
    requests::find(conn, &id(1), &id(2), &id(n)).unwrap().unwrap()
}

/// How many requests of a room are open, and how many are denied and have their frame.
fn counts(conn: &mut Connection, rid: u8) -> (i64, i64) {
    let room = rooms::find(conn, &id(rid)).unwrap().unwrap();
    (room.open, room.denied)
}

/// Asserts that this fails as a conflict, and that nothing of its transaction is stored.
fn assert_conflict(
    conn: &mut Connection,
    what: &str,
    run: impl FnOnce(&mut Connection) -> Result<(), Error>,
) {
    fn all(conn: &mut Connection) -> Vec<String> {
        let requests: Vec<Request> = crate::tables::requests::table
            .order(crate::tables::requests::id)
            .select(Request::as_select())
            .load(conn)
            .unwrap();
        let approves: Vec<crate::models::Approve> = approves_table::table
            .order(approves_table::id)
            .select(crate::models::Approve::as_select())
            .load(conn)
            .unwrap();
        let rids: Vec<Vec<u8>> = (1..=3).map(|rid| id(rid).to_vec()).collect();
        let counted =
            rids.iter().map(|rid| rooms::find(conn, rid).unwrap().map(|room| (room.open, room.denied)));
        let counted: Vec<_> = counted.collect();
        vec![format!("{requests:?}"), format!("{approves:?}"), format!("{counted:?}")]
    }
    let before = all(conn);
    let error = transaction(conn, run).expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{what}: {error}");
    assert_eq!(all(conn), before, "{what}");
}

#[test]
fn requests_get_ids_in_their_order() {
    let mut store = store();
    let conn = &mut store.conn;
    for rid in [1, 2] {
        rooms::put(conn, &room(rid, "request")).unwrap();
    }
    // Not in the order of any column.
    let names: Vec<[[u8; 32]; 3]> =
        [(2, 2, 3), (1, 9, 8), (1, 2, 3), (2, 1, 7), (1, 2, 1)].map(|(r, u, i)| [id(r), id(u), id(i)]).into();
    let rows: Vec<NewRequest<'_>> =
        (11..).zip(&names).map(|(seq, [rid, uid, name])| new(rid, uid, name, seq)).collect();
    let ids = insert_requests(conn, &rows).unwrap();
    assert_eq!(ids.len(), rows.len());
    for (row, new) in ids.into_iter().zip(&rows) {
        let found = requests::find(conn, new.rid, new.uid, new.request_id).unwrap().unwrap();
        let stored = Request {
            id: row,
            rid: new.rid.to_vec(),
            uid: new.uid.to_vec(),
            request_id: new.request_id.to_vec(),
            box_hash: new.box_hash.to_vec(),
            digest: new.digest.to_vec(),
            state: RequestState::Pending,
            created: new.created,
            exp: new.exp,
            seq: new.seq,
            frame: Some(new.frame.to_vec()),
            first_ack: None,
            closed: None,
            account: new.account.map(str::to_owned),
        };
        assert_eq!(found, stored);
    }
    assert_eq!((counts(conn, 1), counts(conn, 2), open_in_all(conn)), ((3, 0), (2, 0), 5));
}

#[test]
fn one_bad_request_keeps_all_of_a_batch_out() {
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW);
    let (one, two, others) = (id(1), id(2), id(9));
    let good = new(&one, &two, &others, 10);
    let short = NewRequest { digest: &[5; 31], ..new(&one, &two, &one, 11) };
    let empty = NewRequest { account: Some(""), ..new(&one, &two, &one, 11) };
    for (what, bad) in [
        ("a taken id", new(&one, &two, &[3; 32], 11)),
        ("an id twice in a batch", good),
        ("no such room", new(&others, &two, &one, 11)),
        ("a short digest", short),
        ("an empty account", empty),
    ] {
        assert_conflict(conn, what, |conn| insert_requests(conn, &[good, bad]).map(drop));
    }
}

#[test]
fn requests_change_each_in_its_own_way() {
    use RequestState::{Approved, Denied, Done, Expired, Pending, Withdrawn};
    let mut store = store();
    let conn = &mut store.conn;
    let rows: Vec<i64> = (1..=7).map(|n| add_request(conn, 1, 2, n, n.into(), NOW + 9)).collect();
    let other = add_request(conn, 2, 2, 1, 8, NOW + 9);
    let untouched = stored(conn, 7);
    denials::put(conn, &denial((1, 2, 3), 9, NOW)).unwrap();
    let (one, two) = (id(1), id(2));
    let with_account = insert_requests(conn, &[new(&one, &two, &[30; 32], 12)]).unwrap()[0];
    update_requests(
        conn,
        &[
            to(rows[0], Pending, 21),
            to(rows[1], Approved, 22),
            to(rows[2], Denied, 23),
            RequestUpdate { closed: Some(NOW + 4), first_ack: Some(NOW + 2), ..to(rows[3], Done, 24) },
            finished(rows[4], Denied, 25),
            finished(rows[5], Expired, 26),
            finished(with_account, Withdrawn, 27),
            RequestUpdate { first_ack: Some(NOW + 3), ..to(other, Approved, 28) },
        ],
    )
    .unwrap();
    for (n, state, seq, closed) in [
        (1, Pending, 21, None),
        (2, Approved, 22, None),
        (3, Denied, 23, None),
        (4, Done, 24, Some(NOW + 4)),
        (5, Denied, 25, Some(NOW)),
        (6, Expired, 26, Some(NOW)),
        (30, Withdrawn, 27, Some(NOW)),
    ] {
        let row = stored(conn, n);
        let frame = closed.is_none().then(|| vec![n]);
        assert_eq!((row.state, row.seq, row.closed, row.frame), (state, seq, closed, frame), "{n}");
        assert_eq!((row.account, row.first_ack), (None, (n == 4).then_some(NOW + 2)), "{n}");
    }
    assert_eq!(stored(conn, 30).digest, [5; 32], "a finished one is remembered");
    assert_eq!(stored(conn, 7), untouched);
    let found = requests::find(conn, &id(2), &id(2), &id(1)).unwrap().unwrap();
    assert_eq!((found.state, found.first_ack), (Approved, Some(NOW + 3)));
    assert_eq!((counts(conn, 1), counts(conn, 2), open_in_all(conn)), ((3, 1), (1, 0), 4));
}

#[test]
fn a_request_goes_through_all_states_until_it_is_finished() {
    use RequestState::{Approved, Denied, Done, Expired, Pending, Withdrawn};
    let mut store = store();
    let conn = &mut store.conn;
    denials_of_user(conn);
    for (n, last) in (1..).zip([Done, Denied, Withdrawn, Expired]) {
        let row = add_request(conn, 1, 2, n, 4, NOW);
        for (seq, state) in (5..).zip([Approved, Pending, Denied, Approved, Denied, Pending]) {
            update_requests(conn, &[to(row, state, seq)]).unwrap();
            let found = stored(conn, n);
            assert_eq!((found.state, found.seq, found.frame), (state, seq, Some(vec![n])));
            assert_eq!(counts(conn, 1), if state == Denied { (0, 1) } else { (1, 0) });
        }
        if last != Denied {
            let kept = to(row, last, 20);
            assert_conflict(conn, "it would keep its frame", |conn| update_requests(conn, &[kept]));
        }
        let open = finished(row, Pending, 20);
        assert_conflict(conn, "it would have no frame", |conn| update_requests(conn, &[open]));
        update_requests(conn, &[finished(row, last, 20)]).unwrap();
        assert_eq!(counts(conn, 1), (0, 0));
        for again in [Pending, Approved, Denied, last] {
            let update = to(row, again, 21);
            assert_conflict(conn, "it has ended for good", |conn| update_requests(conn, &[update]));
        }
    }
}

/// Room 1 with a denial of user 2.
fn denials_of_user(conn: &mut Connection) {
    rooms::put(conn, &room(1, "request")).unwrap();
    denials::put(conn, &denial((1, 2, 3), 5, NOW)).unwrap();
}

#[test]
fn only_its_own_denial_holds_a_request_back() {
    let mut store = store();
    let conn = &mut store.conn;
    let row = add_request(conn, 1, 2, 3, 4, NOW + 1);
    let open = add_request(conn, 1, 2, 4, 5, NOW + 1);
    rooms::put(conn, &room(2, "request")).unwrap();
    denials::put(conn, &denial((1, 3, 3), 5, NOW)).unwrap();
    denials::put(conn, &denial((2, 2, 3), 5, NOW)).unwrap();
    let updates = [to(open, RequestState::Approved, 6), to(row, RequestState::Denied, 7)];
    assert_conflict(conn, "nobody denied it", |conn| update_requests(conn, &updates));
    denials::put(conn, &denial((1, 2, 3), 5, NOW)).unwrap();
    update_requests(conn, &updates).unwrap();
    assert_eq!(counts(conn, 1), (1, 1));
    // For good it can be denied without.
    finish(conn, row, RequestState::Denied, 8, NOW).unwrap();
}

#[test]
fn the_first_ack_stays_the_first() {
    use RequestState::{Approved, Denied, Done, Pending};
    let mut store = store();
    let conn = &mut store.conn;
    denials_of_user(conn);
    for (n, state, closed) in [
        (3, Pending, None),
        (4, Approved, None),
        (5, Denied, None),
        (6, Done, Some(NOW)),
        (7, Denied, Some(NOW)),
    ] {
        let acked = add_request(conn, 1, 2, n, 4, NOW);
        let not_yet = add_request(conn, 1, 2, n + 100, 4, NOW);
        let first = RequestUpdate { first_ack: Some(NOW + 1), ..to(acked, Pending, 5) };
        update_requests(conn, &[first]).unwrap();
        let later = |id| RequestUpdate { id, state, seq: 6, first_ack: Some(NOW + 2), closed };
        update_requests(conn, &[later(acked), later(not_yet)]).unwrap();
        let without = RequestUpdate { first_ack: None, ..later(acked) };
        if closed.is_none() {
            update_requests(conn, &[without]).unwrap();
        }
        let found = [stored(conn, n), stored(conn, n + 100)];
        assert_eq!(found.map(|row| row.first_ack), [Some(NOW + 1), Some(NOW + 2)], "{state:?}");
    }
}

#[test]
fn an_unknown_row_keeps_all_of_a_batch_out() {
    use RequestState::{Approved, Done, Pending};
    let mut store = store();
    let conn = &mut store.conn;
    let row = add_request(conn, 1, 2, 3, 4, NOW);
    let approve = add_approve(conn, (1, 2, 3), 10, 5, NOW);
    let good = to(row, Approved, 6);
    for (what, bad) in [
        ("an unknown one", to(999, Approved, 7)),
        ("an unknown one to finish", finished(999, Done, 7)),
        ("one twice", to(row, Pending, 7)),
    ] {
        assert_conflict(conn, what, |conn| update_requests(conn, &[good, bad]));
    }
    let good = ApproveUpdate { id: approve, state: ApproveState::Live, acked: true };
    for bad in [ApproveUpdate { id: 999, ..good }, ApproveUpdate { acked: false, ..good }] {
        assert_conflict(conn, "an approve", |conn| update_approves(conn, &[good, bad]));
    }
}

#[test]
fn approves_get_ids_in_their_order() {
    let mut store = store();
    let conn = &mut store.conn;
    for rid in [1, 2] {
        add_request(conn, rid, 2, 3, 4, NOW);
    }
    let names: Vec<[[u8; 32]; 2]> =
        [(2, 7), (1, 8), (1, 7), (2, 1), (1, 1)].map(|(r, i)| [id(r), id(i)]).into();
    let rows: Vec<NewApprove<'_>> =
        (11..).zip(&names).map(|(seq, [rid, name])| new_approve(rid, name, seq)).collect();
    let ids = insert_approves(conn, &rows).unwrap();
    assert_eq!(ids.len(), rows.len());
    for (row, new) in ids.into_iter().zip(&rows) {
        let found = approves::find(conn, new.rid, new.approve_id).unwrap().unwrap();
        assert_eq!((found.id, found.seq, found.at, found.exp), (row, new.seq, new.at, new.exp));
        assert_eq!((&found.to_uid[..], &found.request_id[..]), (new.to_uid, new.request_id));
        assert_eq!((&found.by_uid[..], &found.digest[..]), (new.by_uid, new.digest));
        assert_eq!((found.state, found.acked), (ApproveState::Live, false));
    }
    let waiting = approves::waiting_for(conn, &id(2), None, 0, 9, NOW - 1).unwrap();
    let frames: Vec<u8> = waiting.iter().map(|waiting| waiting.frame[0]).collect();
    assert_eq!(frames, [7, 8, 7, 1, 1]);

    let (one, nine) = (id(1), id(9));
    let good = new_approve(&one, &nine, 20);
    for (what, bad) in [
        ("a taken id", new_approve(&one, &[8; 32], 21)),
        ("an id twice in a batch", good),
        ("no such request", NewApprove { request_id: &[4; 32], ..new_approve(&one, &[6; 32], 21) }),
        ("a short digest", NewApprove { digest: &[6; 31], ..new_approve(&one, &[6; 32], 21) }),
    ] {
        assert_conflict(conn, what, |conn| insert_approves(conn, &[good, bad]).map(drop));
    }
}

#[test]
fn a_closed_approve_loses_its_frame() {
    use ApproveState::{Dropped, Live, Nacked, Saved};
    let mut store = store();
    let conn = &mut store.conn;
    add_request(conn, 1, 2, 3, 4, NOW);
    let rows: Vec<i64> = (10..16).map(|n| add_approve(conn, (1, 2, 3), n, n.into(), NOW)).collect();
    let update = |n: usize, state, acked| ApproveUpdate { id: rows[n], state, acked };
    update_approves(
        conn,
        &[
            update(0, Saved, true),
            update(1, Nacked, false),
            update(2, Dropped, false),
            update(3, Live, true),
            update(4, Dropped, true),
        ],
    )
    .unwrap();
    let found: Vec<(u8, ApproveState, bool)> = approves::of_request(conn, &id(1), &id(2), &id(3))
        .unwrap()
        .iter()
        .map(|row| (row.approve_id[0], row.state, row.acked))
        .collect();
    let expected = [
        (10, Saved, true),
        (11, Nacked, false),
        (12, Dropped, false),
        (13, Live, true),
        (14, Dropped, true),
        (15, Live, false),
    ];
    assert_eq!(found, expected);
    let frames: Vec<Vec<u8>> = approves_table::table
        .filter(approves_table::frame.is_not_null())
        .order(approves_table::seq)
        .select(approves_table::frame.assume_not_null())
        .load(conn)
        .unwrap();
    assert_eq!(frames, [[13], [15]], "other devices wait for one, nobody has seen the other");
    for n in 0..3 {
        let again = [update(5, Live, true), update(n, Live, true)];
        assert_conflict(conn, "it is closed", |conn| update_approves(conn, &again));
    }
}

#[test]
fn devices_are_registered_and_marked_once() {
    let mut store = store();
    let conn = &mut store.conn;
    let one = add_request(conn, 1, 2, 3, 4, NOW);
    let other = add_request(conn, 1, 2, 4, 5, NOW);
    let of = |request, n: u8| -> DeviceOf<'static> {
        DeviceOf { request, device: [&[7; 16], &[8; 16], &[9; 16]][usize::from(n - 7)] }
    };
    let found = |conn: &mut Connection| -> Vec<(bool, u8, bool)> {
        let mut rows: Vec<_> = gather::devices(conn, &[one, other])
            .unwrap()
            .into_iter()
            .map(|(request, device)| (request == other, device.device[0], device.acked))
            .collect();
        rows.sort_unstable();
        rows
    };
    register_devices(conn, &[of(one, 9), of(one, 7), of(other, 9), of(one, 9)]).unwrap();
    assert_eq!(found(conn), [(false, 7, false), (false, 9, false), (true, 9, false)]);
    // The last one is not registered.
    mark_devices(conn, &[of(one, 9), of(one, 9), of(other, 8)]).unwrap();
    register_devices(conn, &[of(one, 9), of(other, 7)]).unwrap();
    let all = [(false, 7, false), (false, 9, true), (true, 7, false), (true, 9, false)];
    assert_eq!(found(conn), all);

    for bad in [of(999, 7), DeviceOf { request: other, device: &[8; 15] }] {
        assert_conflict(conn, "a device", |conn| register_devices(conn, &[of(other, 8), bad]));
    }
    assert_eq!(found(conn), all);
    let updates = [finished(other, RequestState::Done, 6), to(one, RequestState::Approved, 7)];
    update_requests(conn, &updates).unwrap();
    assert_eq!(found(conn), all[..2], "those of a finished request go");
}

#[test]
fn notices_are_stored_as_they_are() {
    let mut store = store();
    let conn = &mut store.conn;
    let row = |uid, seq, frame| NewNotice { uid, rid: &[1; 32], seq, at: NOW - seq, frame };
    insert_notices(conn, &[row(&[2; 32], 9, &[1]), row(&[3; 32], 8, &[2]), row(&[2; 32], 7, &[])]).unwrap();
    let page = notices::page(conn, &id(2), None, 0, 9).unwrap();
    let seen: Vec<_> = page.iter().map(|notice| (notice.seq, notice.at, &notice.frame[..])).collect();
    assert_eq!(seen, [(7, NOW - 7, &[][..]), (9, NOW - 9, &[1][..])]);
    assert_eq!(notices::page(conn, &id(3), Some(&id(1)), 0, 9).unwrap().len(), 1);
}

#[test]
fn nothing_changes_nothing() {
    let mut store = store();
    let conn = &mut store.conn;
    let row = add_request(conn, 1, 2, 3, 4, NOW);
    assert!(insert_requests(conn, &[]).unwrap().is_empty());
    assert!(insert_approves(conn, &[]).unwrap().is_empty());
    update_requests(conn, &[]).unwrap();
    update_approves(conn, &[]).unwrap();
    register_devices(conn, &[]).unwrap();
    mark_devices(conn, &[]).unwrap();
    insert_notices(conn, &[]).unwrap();
    assert_eq!((stored(conn, 3).id, counts(conn, 1)), (row, (1, 0)));
}

#[test]
fn updates_use_their_indexes() {
    let mut store = file();
    let update = to(1, RequestState::Denied, 1);
    let plan = plan(&mut store.conn, |conn| drop(update_requests(conn, &[update])));
    assert!(plan.contains("SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)"), "{plan}");
    assert!(plan.contains("sqlite_autoindex_denials_1 (rid=? AND uid=?)"), "{plan}");
}
