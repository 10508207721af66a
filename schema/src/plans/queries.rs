//! Every query of the repository with its plan.

use std::collections::BTreeSet;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::{
    ApproveState, ApproveUpdate, NewAct, NewApprove, NewNotice, NewRequest, RequestFilter, RequestState,
    RequestUpdate,
};
use crate::repository::flush::{self, DeviceOf};
use crate::repository::gather::{self, ApproveKey, RequestKey, UserInRoom};
use crate::repository::streams::{Locked, Topic};
use crate::repository::{
    self, approves, audit, census, denials, devices, due, erasure, notices, requests, rooms, streams, tidy,
    waiting,
};
use crate::testing::{NOW, denial, room};

/// A room, a user, and something else with an id.
const R: &[u8] = &[1; 32];
const U: &[u8] = &[2; 32];
const I: &[u8] = &[3; 16];
/// A request of that user in that room, where there are rows.
const STORED: &[u8] = &[4; 16];

const REQUEST: NewRequest<'_> = NewRequest {
    rid: R,
    uid: U,
    request_id: I,
    box_hash: U,
    digest: U,
    created: 0,
    exp: 0,
    seq: 0,
    frame: I,
    account: None,
};
const APPROVE: NewApprove<'_> = NewApprove {
    rid: R,
    to_uid: U,
    request_id: STORED,
    approve_id: I,
    by_uid: U,
    digest: U,
    at: 0,
    exp: 0,
    seq: 0,
    frame: I,
};
const NOTICE: NewNotice<'_> = NewNotice { uid: U, rid: R, seq: 0, at: 0, frame: I };
const ALLOWED: RequestUpdate =
    RequestUpdate { id: 1, state: RequestState::Approved, seq: 1, first_ack: None, closed: None };
const DEVICE: DeviceOf<'_> = DeviceOf { request: 1, device: I };
const USER: UserInRoom<'_> = UserInRoom { rid: R, uid: U };
const KEY: RequestKey<'_> = RequestKey { rid: R, uid: U, request_id: STORED };

/// A query and the steps by which SQLite runs it.
pub(super) struct Query {
    /// The function, and its variant where the plan depends on the arguments.
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Connection),
    pub(super) plan: &'static [&'static str],
}

const fn query(name: &'static str, run: fn(&mut Connection), plan: &'static [&'static str]) -> Query {
    Query { name, run, plan }
}

fn topics() -> [Topic; 2] {
    [Topic::room(R), Topic::user(U)]
}

/// Locks a room and a user. On SQLite that runs no query: the plan seen is that of `begin`.
fn locked(conn: &mut Connection) -> Result<Locked, Error> {
    let mut locked = streams::begin(conn)?;
    for topic in topics() {
        streams::lock(conn, &mut locked, &BTreeSet::from([topic]))?;
    }
    Ok(locked)
}

fn locked_if_stored(conn: &mut Connection) -> Result<Locked, Error> {
    let mut locked = streams::begin(conn)?;
    streams::lock_stored(conn, &mut locked, &BTreeSet::from([Topic::room(R)]))?;
    Ok(locked)
}

#[rustfmt::skip]
pub(super) const QUERIES: &[Query] = &[
    query("approves::find", |conn| drop(approves::find(conn, R, I)), &[
        "SEARCH approves USING INDEX sqlite_autoindex_approves_1 (rid=? AND approve_id=?)",
    ]),
    query("approves::of_request", |conn| drop(approves::of_request(conn, R, U, I)), &[
        "SEARCH approves USING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("approves::insert", |conn| drop(approves::insert(conn, &APPROVE)), &[]),
    query("approves::lapsed", |conn| drop(approves::lapsed(conn, NOW, 9)), &[
        "SEARCH approves USING INDEX approves_ending (exp<?)",
    ]),
    query("approves::waiting_for everywhere", |conn| drop(approves::waiting_for(conn, U, None, 0, 9, NOW)), &[
        "SEARCH approves USING INDEX approves_waiting (to_uid=? AND seq>?)",
        "SEARCH requests USING INDEX sqlite_autoindex_requests_1 (rid=? AND uid=? AND request_id=?)",
    ]),
    query("approves::waiting_for in one room", |conn| drop(approves::waiting_for(conn, U, Some(R), 0, 9, NOW)), &[
        "SEARCH approves USING INDEX approves_waiting (to_uid=? AND seq>?)",
        "SEARCH requests USING INDEX sqlite_autoindex_requests_1 (rid=? AND uid=? AND request_id=?)",
    ]),
    query("audit::begin", |conn| drop(audit::begin(conn, &NewAct { at: 0, operator: "", act: "", target: "" })), &[]),
    query("audit::finish", |conn| drop(audit::finish(conn, 1, 200)), &[
        "SEARCH audit USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("audit::page", |conn| drop(audit::page(conn, None, 9)), &[
        "SEARCH audit USING INTEGER PRIMARY KEY (rowid<?)",
    ]),
    query("audit::forget", |conn| drop(audit::forget(conn, -1, 9, 9)), &[
        "SEARCH audit USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH over USING COVERING INDEX audit_by_age (at<?)",
        "SCAN audit",
        "SEARCH audit USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH over USING INTEGER PRIMARY KEY (rowid<?)",
    ]),
    query("census::rooms", |conn| drop(census::rooms(conn)), &[
        "SCAN rooms USING COVERING INDEX sqlite_autoindex_rooms_1",
    ]),
    query("census::open_requests", |conn| drop(census::open_requests(conn)), &[
        "SCAN rooms",
    ]),
    query("census::pending", |conn| drop(census::pending(conn, NOW)), &[
        "SCAN requests USING INDEX requests_open_of_user",
        "SEARCH requests USING INDEX requests_open_of_user",
    ]),
    query("census::approves", |conn| drop(census::approves(conn, NOW)), &[
        "SEARCH approves USING INDEX approves_ending (exp>?)",
    ]),
    query("census::bytes", |conn| drop(census::bytes(conn)), &[]),
    query("denials::find", |conn| drop(denials::find(conn, R, U)), &[
        "SEARCH denials USING INDEX sqlite_autoindex_denials_1 (rid=? AND uid=?)",
    ]),
    query("denials::put", |conn| drop(denials::put(conn, &denial((1, 2, 3), 4, 5))), &[]),
    query("denials::lift", |conn| drop(denials::lift(conn, R, U)), &[
        "SEARCH denials USING INDEX sqlite_autoindex_denials_1 (rid=? AND uid=?)",
    ]),
    query("denials::page", |conn| drop(denials::page(conn, R, 0, 9, NOW)), &[
        "SEARCH denials USING INDEX denials_in_room (rid=? AND seq>?)",
    ]),
    query("devices::register", |conn| drop(devices::register(conn, 1, I)), &[]),
    query("devices::of_request", |conn| drop(devices::of_request(conn, 1)), &[
        "SEARCH devices USING PRIMARY KEY (request=?)",
    ]),
    query("due::page", |conn| drop(due::page(conn, NOW, NOW, 9)), &[
        "SEARCH requests USING INDEX requests_ending (exp<?)",
        "SEARCH requests USING INDEX requests_first_acked (first_ack<?)",
        "SEARCH denials USING INDEX denials_ending (blocked=? AND until<?)",
        "SEARCH requests USING INDEX requests_denied (rid=? AND uid=? AND exp>?)",
    ]),
    query("erasure::waiting_of", |conn| drop(erasure::waiting_of(conn, U)), &[
        "SEARCH requests USING INDEX requests_of_user (uid=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("erasure::approves_by", |conn| drop(erasure::approves_by(conn, U)), &[
        "SEARCH approves USING INDEX approves_by_user (by_uid=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("erasure::naming", |conn| drop(erasure::naming(conn, U)), &[
        "SCAN notices",
    ]),
    query("erasure::some", |conn| drop(erasure::some(conn, U, 9)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH over USING INDEX requests_of_user (uid=?)",
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
        "SEARCH approves USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH over USING INDEX approves_by_user (by_uid=?)",
        "SEARCH denials USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH some USING COVERING INDEX denials_of_user (uid=?)",
        "SEARCH denials USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH some USING COVERING INDEX denials_by_user (by_uid=?)",
        "SEARCH notices USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH some USING COVERING INDEX notices_of_user (uid=?)",
    ]),
    query("erasure::run", |conn| drop(erasure::run(conn, U, NOW * 1000)), &[
        "SEARCH requests USING COVERING INDEX requests_of_user (uid=?)",
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
        "SEARCH approves USING COVERING INDEX approves_by_user (by_uid=?)",
        "SEARCH denials USING COVERING INDEX denials_of_user (uid=?)",
        "SEARCH denials USING INDEX denials_by_user (by_uid=?)",
        "SEARCH notices USING INDEX notices_of_user (uid=?)",
        "SEARCH notices USING INDEX notices_by_age (at>?)",
        "SEARCH rooms USING INDEX rooms_by_founder (founder=?)",
        "SEARCH rooms USING INDEX rooms_by_creator (creator=?)",
    ]),
    query("flush::insert_requests", |conn| drop(flush::insert_requests(conn, &[REQUEST])), &[
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
    ]),
    query("flush::update_requests to be open", |conn| drop(flush::update_requests(conn, &[ALLOWED])), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("flush::update_requests at the first ack", |conn| drop(flush::update_requests(conn, &[
        RequestUpdate { first_ack: Some(NOW), ..ALLOWED },
    ])), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("flush::update_requests to be denied", |conn| drop(flush::update_requests(conn, &[
        RequestUpdate { state: RequestState::Denied, ..ALLOWED },
    ])), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH denials USING COVERING INDEX sqlite_autoindex_denials_1 (rid=? AND uid=?)",
    ]),
    query("flush::update_requests to be finished", |conn| drop(flush::update_requests(conn, &[
        RequestUpdate { state: RequestState::Done, closed: Some(NOW), ..ALLOWED },
    ])), &[
        // There is no such row, so nobody looks for its devices.
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("flush::insert_approves", |conn| drop(flush::insert_approves(conn, &[APPROVE])), &[]),
    query("flush::update_approves to be live", |conn| drop(flush::update_approves(conn, &[
        ApproveUpdate { id: 1, state: ApproveState::Live, acked: true },
    ])), &[
        "SEARCH approves USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("flush::update_approves to be closed", |conn| drop(flush::update_approves(conn, &[
        ApproveUpdate { id: 1, state: ApproveState::Dropped, acked: false },
    ])), &[
        "SEARCH approves USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("flush::register_devices", |conn| drop(flush::register_devices(conn, &[DEVICE])), &[]),
    query("flush::mark_devices", |conn| drop(flush::mark_devices(conn, &[DEVICE])), &[
        "SEARCH devices USING PRIMARY KEY (request=? AND device=?)",
    ]),
    query("flush::insert_notices", |conn| drop(flush::insert_notices(conn, &[NOTICE])), &[]),
    query("gather::rooms", |conn| drop(gather::rooms(conn, &[R])), &[
        "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (rid=?)",
    ]),
    query("gather::founded_by", |conn| drop(gather::founded_by(conn, &[U], 9)), &[
        "SEARCH rooms USING INDEX rooms_by_founder (founder=?)",
    ]),
    query("gather::requests", |conn| drop(gather::requests(conn, &[KEY])), &[
        "SEARCH requests USING INDEX sqlite_autoindex_requests_1 (rid=? AND uid=? AND request_id=?)",
    ]),
    query("gather::open_requests", |conn| drop(gather::open_requests(conn, &[USER], NOW)), &[
        "SEARCH requests USING INDEX requests_open_of_user_in_room (rid=? AND uid=?)",
    ]),
    query("gather::denied_requests", |conn| drop(gather::denied_requests(conn, &[USER], NOW)), &[
        "SEARCH requests USING INDEX requests_denied (rid=? AND uid=? AND exp>?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("gather::request_counts", |conn| drop(gather::request_counts(conn, &[U], NOW, (9, 9))), &[
        "SEARCH requests USING INDEX requests_of_user (uid=?)",
        "SEARCH requests USING COVERING INDEX requests_of_user (uid=?)",
    ]),
    query("gather::approves", |conn| drop(gather::approves(conn, &[ApproveKey { rid: R, approve_id: I }])), &[
        "SEARCH approves USING INDEX sqlite_autoindex_approves_1 (rid=? AND approve_id=?)",
    ]),
    query("gather::approves_of", |conn| drop(gather::approves_of(conn, &[KEY])), &[
        "SEARCH approves USING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("gather::devices", |conn| drop(gather::devices(conn, &[1])), &[
        "SEARCH devices USING PRIMARY KEY (request=?)",
    ]),
    query("gather::denials", |conn| drop(gather::denials(conn, &[USER])), &[
        "SEARCH denials USING INDEX sqlite_autoindex_denials_1 (rid=? AND uid=?)",
    ]),
    query("notices::insert", |conn| drop(notices::insert(conn, &NOTICE)), &[]),
    query("notices::page about all rooms", |conn| drop(notices::page(conn, U, None, 0, 9)), &[
        "SEARCH notices USING INDEX notices_of_user (uid=? AND seq>?)",
    ]),
    query("notices::page about one room", |conn| drop(notices::page(conn, U, Some(R), 0, 9)), &[
        "SEARCH notices USING INDEX notices_of_user (uid=? AND seq>?)",
    ]),
    query("notices::delete_of_room", |conn| drop(notices::delete_of_room(conn, R, 1, 9)), &[
        "SEARCH notices USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH old USING INDEX notices_of_room (rid=?)",
    ]),
    query("notices::delete", |conn| drop(notices::delete(conn, &[1])), &[
        "SEARCH notices USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("requests::find", |conn| drop(requests::find(conn, R, U, I)), &[
        "SEARCH requests USING INDEX sqlite_autoindex_requests_1 (rid=? AND uid=? AND request_id=?)",
    ]),
    query("requests::insert", |conn| drop(requests::insert(conn, &REQUEST)), &[
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
    ]),
    query("requests::open_in_room", |conn| drop(requests::open_in_room(conn, R, 0, 9, NOW)), &[
        "SEARCH requests USING INDEX requests_open_in_room (rid=? AND seq>?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)",
    ]),
    query("requests::open_of_user everywhere", |conn| drop(requests::open_of_user(conn, U, None, 0, 9, NOW)), &[
        "SEARCH requests USING INDEX requests_open_of_user (uid=? AND seq>?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)",
    ]),
    query("requests::open_of_user in one room", |conn| drop(requests::open_of_user(conn, U, Some(R), 0, 9, NOW)), &[
        "SEARCH requests USING INDEX requests_open_of_user_in_room (rid=? AND uid=? AND seq>?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)",
    ]),
    query("requests::open_of_user_in_room", |conn| drop(requests::open_of_user_in_room(conn, R, U, NOW)), &[
        "SEARCH requests USING INDEX requests_open_of_user_in_room (rid=? AND uid=?)",
    ]),
    query("requests::count_open_of_user", |conn| drop(requests::count_open_of_user(conn, U, NOW, 9)), &[
        "SEARCH requests USING INDEX requests_of_user (uid=?)",
    ]),
    query("requests::count_of_user", |conn| drop(requests::count_of_user(conn, U, 9)), &[
        "SEARCH requests USING COVERING INDEX requests_of_user (uid=?)",
    ]),
    query("requests::denied_of_user", |conn| drop(requests::denied_of_user(conn, R, U, NOW)), &[
        "SEARCH requests USING INDEX requests_denied (rid=? AND uid=? AND exp>?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("requests::kept_in_room", |conn| drop(requests::kept_in_room(conn, R)), &[
        "SEARCH requests USING INDEX sqlite_autoindex_requests_1 (rid=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("requests::delete_finished_in_room", |conn| drop(requests::delete_finished_in_room(conn, R, 9)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH finished USING INDEX sqlite_autoindex_requests_1 (rid=?)",
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
    ]),
    query("requests::search for all that is open", |conn| drop(requests::search(conn, &RequestFilter::default(), 0, 9, NOW)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid>?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)",
    ]),
    query("requests::search in a room", |conn| drop(requests::search(conn, &RequestFilter { rid: Some(R.to_vec()), ..RequestFilter::default() }, 0, 9, NOW)), &[
        "SEARCH requests USING INDEX requests_open_in_room (rid=?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("requests::search of a user", |conn| drop(requests::search(conn, &RequestFilter { uid: Some(U.to_vec()), ..RequestFilter::default() }, 0, 9, NOW)), &[
        "SEARCH requests USING INDEX requests_of_user (uid=? AND rowid>?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)",
    ]),
    query("requests::search for a state", |conn| drop(requests::search(conn, &RequestFilter { state: Some(RequestState::Done), ..RequestFilter::default() }, 0, 9, NOW)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid>?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=? AND exp>?)",
    ]),
    query("rooms::find", |conn| drop(rooms::find(conn, R)), &[
        "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (rid=?)",
    ]),
    query("rooms::put", |conn| drop(rooms::put(conn, &room(1, "open"))), &[]),
    query("rooms::set_creator", |conn| drop(rooms::set_creator(conn, R, U, 1)), &[
        "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (rid=?)",
    ]),
    query("rooms::set_listed", |conn| drop(rooms::set_listed(conn, R, true, 1)), &[
        "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (rid=?)",
    ]),
    query("rooms::delete", |conn| drop(rooms::delete(conn, R)), &[
        "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (rid=?)",
        "SEARCH denials USING COVERING INDEX denials_in_room (rid=?)",
        "SEARCH requests USING COVERING INDEX sqlite_autoindex_requests_1 (rid=?)",
    ]),
    query("rooms::count_founded_by", |conn| drop(rooms::count_founded_by(conn, U, 9)), &[
        "SEARCH rooms USING INDEX rooms_by_founder (founder=?)",
    ]),
    query("rooms::page", |conn| drop(rooms::page(conn, &["open"], Some(R), 9)), &[
        "SEARCH rooms USING INDEX rooms_by_policy (policy=? AND rid>?)",
    ]),
    query("rooms::directory", |conn| drop(rooms::directory(conn, &["open"], Some(R), 9)), &[
        "SEARCH rooms USING INDEX rooms_listed (listed=? AND policy=? AND rid>?)",
    ]),
    query("store::epoch", |conn| drop(repository::store::epoch(conn)), &[
        "SCAN store",
    ]),
    query("store::own", |conn| drop(repository::store::own(conn)), &[
        "SCAN store",
    ]),
    query("store::renew_epoch", |conn| drop(repository::store::renew_epoch(conn, [7; 16])), &[
        "SCAN store",
    ]),
    query("store::last_seq", |conn| drop(repository::store::last_seq(conn)), &[
        "SCAN store",
    ]),
    query("store::set_last_seq", |conn| drop(repository::store::set_last_seq(conn, 1)), &[
        "SCAN store",
    ]),
    query("store::open", |conn| drop(repository::store::open(conn)), &[
        "SCAN store",
    ]),
    query("store::begin", |conn| drop(repository::store::begin(conn, 1, 1)), &[
        "SCAN store",
        "SCAN store",
    ]),
    query("streams::begin", |conn| drop(streams::begin(conn)), &[
        "SCAN store",
    ]),
    query("streams::lock", |conn| drop(locked(conn)), &[
        "SCAN store",
    ]),
    query("streams::lock_stored", |conn| drop(locked_if_stored(conn)), &[
        "SCAN store",
    ]),
    query("streams::store", |conn| drop(locked(conn).and_then(|mut locked| {
        locked.issue(&topics(), 1);
        streams::store(conn, &locked)
    })), &[
        "SCAN store",
        "SCAN store",
    ]),
    query("streams::last", |conn| drop(streams::last(conn, &Topic::room(R))), &[
        "SCAN store",
    ]),
    query("waiting::for_user everywhere", |conn| drop(waiting::for_user(conn, U, None, 0, NOW)), &[
        "SCAN store",
        "SCALAR SUBQUERY 1",
        "SEARCH requests USING INDEX requests_open_of_user (uid=? AND seq>?)",
        "SCALAR SUBQUERY 2",
        "SEARCH approves USING INDEX approves_waiting (to_uid=? AND seq>?)",
        "SCALAR SUBQUERY 3",
        "SEARCH notices USING INDEX notices_of_user (uid=? AND seq>?)",
    ]),
    query("waiting::for_user in one room", |conn| drop(waiting::for_user(conn, U, Some(R), 0, NOW)), &[
        "SCAN store",
        "SCALAR SUBQUERY 1",
        "SEARCH requests USING INDEX requests_open_of_user_in_room (rid=? AND uid=? AND seq>?)",
        "SCALAR SUBQUERY 2",
        "SEARCH approves USING INDEX approves_waiting (to_uid=? AND seq>?)",
        "SCALAR SUBQUERY 3",
        "SEARCH notices USING INDEX notices_of_user (uid=? AND seq>?)",
    ]),
    query("tidy::run", |conn| drop(tidy::run(conn, NOW, NOW, NOW, 9)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH over USING COVERING INDEX requests_closed (closed<?)",
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
        "SEARCH notices USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 1",
        "SEARCH over USING COVERING INDEX notices_by_age (at<?)",
        "SEARCH denials USING INTEGER PRIMARY KEY (rowid=?)",
        "LIST SUBQUERY 2",
        "SEARCH over USING INDEX denials_ending (blocked=? AND until<?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH requests USING INDEX requests_denied (rid=? AND uid=?)",
    ]),
];
