//! Every query of the repository and how SQLite goes about it: the same on a new database and on large ones with statistics.
//!
//! A query that is not listed fails a test here. So does one that reads a whole table or sorts what grows without bound, but
//! for those few that are named with their reasons; and one whose plan changes, which is to be looked at before it is written
//! down.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;

use crate::connection::Connection;
use crate::models::{ApproveState, NewAct, NewApprove, NewNotice, NewRequest, RequestFilter, RequestState};
use crate::repository::{
    self, approves, audit, census, denials, devices, due, erasure, notices, requests, rooms, tidy,
};
use crate::testing::{NOW, denial, room, steps, store};

/// A room, a user, and something else with an id.
const R: &[u8] = &[1; 32];
const U: &[u8] = &[2; 32];
const I: &[u8] = &[3; 16];

/// What may read all of a table or index, or sort what it has found. Each says why that hurts nobody.
const LONG: [(&str, &str); 13] = [
    ("approves::of_request", "sorts the approves of one request"),
    ("audit::forget", "reads the last line"),
    ("census::rooms", "counts for metrics, now and then, beside the writer"),
    ("census::pending", "counts for metrics, now and then, beside the writer"),
    ("erasure::approves_by", "reads a list for an operator, beside the writer"),
    ("erasure::naming", "reads for an operator, beside the writer"),
    ("erasure::run", "goes back over what was stored since `naming` was read, and no further"),
    ("erasure::waiting_of", "reads a list for an operator, beside the writer"),
    ("requests::denied_of_user", "sorts the denied requests of one user in one room, which a quota bounds"),
    ("requests::kept_in_room", "reads a list for an operator, beside the writer"),
    ("requests::search for all that is open", "reads a page for an operator, beside the writer"),
    ("requests::search in a room", "reads a page for an operator, beside the writer"),
    ("requests::search for a state", "reads a page for an operator, beside the writer"),
];

/// Where statistics make SQLite go another way, which is as good.
const OTHERWISE: [(&str, &str, &str, &str); 5] = [
    ("census::pending", "deep", "SCAN requests", "most of them are open"),
    ("census::pending", "deep", "SEARCH requests", "it is the minimum of all of them"),
    (
        "requests::open_of_user in one room",
        "deep",
        "SEARCH requests USING INDEX requests_open_of_user (uid=? AND seq>?)",
        "there, users ask in one room",
    ),
    (
        "requests::count_open_of_user",
        "wide",
        "SEARCH requests USING INDEX requests_open_of_user (uid=?)",
        "it is one user's, open or finished",
    ),
    (
        "requests::search in a room",
        "deep",
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid>?)",
        "most of them are in that room",
    ),
];

struct Query {
    /// The function, and which way it goes.
    name: &'static str,
    run: fn(&mut Connection),
    plan: &'static [&'static str],
}

const fn query(name: &'static str, run: fn(&mut Connection), plan: &'static [&'static str]) -> Query {
    Query { name, run, plan }
}

#[rustfmt::skip]
const QUERIES: &[Query] = &[
    query("approves::find", |conn| drop(approves::find(conn, R, I)), &[
        "SEARCH approves USING INDEX sqlite_autoindex_approves_1 (rid=? AND approve_id=?)",
    ]),
    query("approves::of_request", |conn| drop(approves::of_request(conn, R, U, I)), &[
        "SEARCH approves USING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]),
    query("approves::insert", |conn| drop(approves::insert(conn, &NewApprove {
        rid: R, to_uid: U, request_id: I, approve_id: I, by_uid: U, digest: U, at: 0, exp: 0, seq: 0, frame: I,
    })), &[]),
    query("approves::close", |conn| drop(approves::close(conn, 1, ApproveState::Dropped)), &[
        "SEARCH approves USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("approves::mark_acked", |conn| drop(approves::mark_acked(conn, 1)), &[
        "SEARCH approves USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("approves::drop_others", |conn| drop(approves::drop_others(conn, R, U, I, I)), &[
        "SEARCH approves USING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=?)",
    ]),
    query("approves::close_all", |conn| drop(approves::close_all(conn, R, U, I)), &[
        "SEARCH approves USING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=? AND state=?)",
    ]),
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
    query("devices::mark_acked", |conn| drop(devices::mark_acked(conn, 1, I)), &[
        "SEARCH devices USING PRIMARY KEY (request=? AND device=?)",
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
    query("erasure::run", |conn| drop(erasure::run(conn, U, 1)), &[
        "SEARCH requests USING COVERING INDEX requests_of_user (uid=?)",
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
        "SEARCH approves USING COVERING INDEX approves_by_user (by_uid=?)",
        "SEARCH denials USING COVERING INDEX denials_of_user (uid=?)",
        "SEARCH denials USING INDEX denials_by_user (by_uid=?)",
        "SEARCH notices USING INDEX notices_of_user (uid=?)",
        "SCAN notices",
        "SEARCH notices USING INTEGER PRIMARY KEY (rowid>?)",
        "SEARCH rooms USING INDEX rooms_by_founder (founder=?)",
        "SEARCH rooms USING INDEX rooms_by_creator (creator=?)",
    ]),
    query("notices::insert", |conn| drop(notices::insert(conn, &NewNotice { uid: U, rid: R, seq: 0, at: 0, frame: I })), &[]),
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
    query("requests::find_open_by_box", |conn| drop(requests::find_open_by_box(conn, R, U, U, NOW)), &[
        "SEARCH requests USING INDEX requests_open_of_user_in_room (rid=? AND uid=?)",
    ]),
    query("requests::insert", |conn| drop(requests::insert(conn, &NewRequest {
        rid: R, uid: U, request_id: I, box_hash: U, digest: U, created: 0, exp: 0, seq: 0, frame: I,
    })), &[
        "SEARCH devices USING PRIMARY KEY (request=?)",
        "SEARCH approves USING COVERING INDEX approves_of_request (rid=? AND to_uid=? AND request_id=?)",
    ]),
    query("requests::set_state", |conn| drop(requests::set_state(conn, 1, RequestState::Approved, 1)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("requests::deny", |conn| drop(requests::deny(conn, 1, 1)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH denials USING INDEX sqlite_autoindex_denials_1 (rid=? AND uid=?)",
    ]),
    query("requests::set_first_ack", |conn| drop(requests::set_first_ack(conn, 1, NOW)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
    ]),
    query("requests::forget", |conn| drop(requests::forget(conn, 1, RequestState::Done, 1, NOW)), &[
        "SEARCH requests USING INTEGER PRIMARY KEY (rowid=?)",
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
    query("requests::count_open_of_user_in_room", |conn| drop(requests::count_open_of_user_in_room(conn, R, U, NOW, 9)), &[
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
    query("store::own", |conn| drop(repository::store::own(conn)), &[
        "SCAN store",
    ]),
    query("store::renew_epoch", |conn| drop(repository::store::renew_epoch(conn)), &[
        "SCAN store",
    ]),
    query("store::last_seq", |conn| drop(repository::store::last_seq(conn)), &[
        "SCAN store",
    ]),
    query("store::advance_seq", |conn| drop(repository::store::advance_seq(conn, 1)), &[
        "SCAN store",
    ]),
    query("store::open", |conn| drop(repository::store::open(conn)), &[
        "SCAN store",
    ]),
    query("store::begin", |conn| drop(repository::store::begin(conn, 1, 1)), &[
        "SCAN store",
        "SCAN store",
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

/// Rows of `sqlite_stat1` as ANALYZE writes them: of each index how many rows it has, and how many have the same first
/// column, the same first two, and so on.
type Statistics = [(&'static str, &'static str, &'static str); 33];

/// Many rooms with a few requests each.
const WIDE: Statistics = [
    ("rooms", "sqlite_autoindex_rooms_1", "200000 1"),
    ("rooms", "rooms_by_policy", "200000 67000 1"),
    ("rooms", "rooms_by_creator", "200000 4"),
    ("rooms", "rooms_by_founder", "200000 4"),
    ("rooms", "rooms_listed", "200000 100000 34000 1"),
    ("requests", "sqlite_autoindex_requests_1", "2000000 10 2 1"),
    ("requests", "requests_open_in_room", "1000000 5 1 1"),
    ("requests", "requests_open_of_user", "1000000 4 1 1 1"),
    ("requests", "requests_open_of_user_in_room", "1000000 5 2 1 1 1"),
    ("requests", "requests_denied", "50000 2 1 1"),
    ("requests", "requests_of_user", "2000000 8"),
    ("requests", "requests_ending", "1050000 1"),
    ("requests", "requests_first_acked", "10000 1"),
    ("requests", "requests_closed", "950000 2"),
    ("approves", "sqlite_autoindex_approves_1", "1500000 8 1"),
    ("approves", "approves_of_request", "1500000 8 2 1 1 1"),
    ("approves", "approves_waiting", "400000 2 1 1 1"),
    ("approves", "approves_ending", "400000 1"),
    ("approves", "approves_by_user", "1500000 20"),
    ("denials", "sqlite_autoindex_denials_1", "60000 3 1"),
    ("denials", "denials_in_room", "60000 3 1 1 1"),
    ("denials", "denials_ending", "60000 30000 2"),
    ("denials", "denials_by_user", "60000 6"),
    ("denials", "denials_of_user", "60000 2"),
    ("devices", "devices", "2500000 2 1"),
    ("notices", "notices_of_user", "3000000 9 1 1"),
    ("notices", "notices_of_room", "3000000 15"),
    ("notices", "notices_by_age", "3000000 2"),
    ("audit", "audit_by_age", "100000 1"),
    ("audit", "", "100000"),
    ("store", "", "1"),
    ("notices", "", "3000000"),
    ("requests", "", "2000000"),
];

/// One room in which half a million ask, each once.
const DEEP: Statistics = [
    ("rooms", "sqlite_autoindex_rooms_1", "3 1"),
    ("rooms", "rooms_by_policy", "3 1 1"),
    ("rooms", "rooms_by_creator", "3 3"),
    ("rooms", "rooms_by_founder", "3 3"),
    ("rooms", "rooms_listed", "3 3 1 1"),
    ("requests", "sqlite_autoindex_requests_1", "600000 200000 1 1"),
    ("requests", "requests_open_in_room", "500000 500000 1 1"),
    ("requests", "requests_open_of_user", "500000 1 1 1 1"),
    ("requests", "requests_open_of_user_in_room", "500000 500000 1 1 1 1"),
    ("requests", "requests_denied", "50000 50000 1 1"),
    ("requests", "requests_of_user", "600000 1"),
    ("requests", "requests_ending", "550000 550000"),
    ("requests", "requests_first_acked", "10000 5000"),
    ("requests", "requests_closed", "50000 5000"),
    ("approves", "sqlite_autoindex_approves_1", "500000 500000 1"),
    ("approves", "approves_of_request", "500000 500000 1 1 1 1"),
    ("approves", "approves_waiting", "500000 1 1 1 1"),
    ("approves", "approves_ending", "500000 500000"),
    ("approves", "approves_by_user", "500000 5000"),
    ("denials", "sqlite_autoindex_denials_1", "50000 50000 1"),
    ("denials", "denials_in_room", "50000 50000 1 1 1"),
    ("denials", "denials_ending", "50000 50000 50000"),
    ("denials", "denials_by_user", "50000 50000"),
    ("denials", "denials_of_user", "50000 1"),
    ("devices", "devices", "600000 1 1"),
    ("notices", "notices_of_user", "900000 2 1 1"),
    ("notices", "notices_of_room", "900000 300000"),
    ("notices", "notices_by_age", "900000 9"),
    ("audit", "audit_by_age", "100 1"),
    ("audit", "", "100"),
    ("store", "", "1"),
    ("notices", "", "900000"),
    ("requests", "", "600000"),
];

/// A database with these statistics, and nothing in it that they are of.
fn with(statistics: &[(&str, &str, &str)]) -> crate::testing::Store {
    let mut store = store();
    if statistics.is_empty() {
        return store;
    }
    store.conn.batch_execute("ANALYZE sqlite_schema").unwrap();
    for (table, index, numbers) in statistics {
        let index = if index.is_empty() { "NULL".to_owned() } else { format!("'{index}'") };
        let row =
            format!("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', {index}, '{numbers}')");
        store.conn.batch_execute(&row).unwrap();
    }
    store.conn.batch_execute("ANALYZE sqlite_schema").unwrap();
    store
}

#[test]
fn every_query_goes_the_same_way_on_every_database() {
    for (kind, statistics) in [("new", &[][..]), ("wide", &WIDE), ("deep", &DEEP)] {
        let mut store = with(statistics);
        for &Query { name, run, plan } in QUERIES {
            let mut steps = steps(&mut store.conn, run);
            let otherwise = |step: &String| {
                OTHERWISE.iter().any(|(of, on, other, _)| (*of, *on, *other) == (name, kind, step))
            };
            if steps.iter().any(otherwise) {
                steps.retain(|step| !otherwise(step) && !plan.contains(&step.as_str()));
                assert!(steps.is_empty(), "{name} on a {kind} database: {steps:#?}");
            } else {
                assert_eq!(steps, plan, "{name} on a {kind} database");
            }
        }
    }
}

#[test]
fn nothing_reads_or_sorts_what_grows_unless_it_is_said_why() {
    // `store` has one row. A range of rows by their numbers is a part of the table only where something ends it.
    let is_long = |step: &&str| {
        (step.starts_with("SCAN ") && *step != "SCAN store")
            || ["TEMP B-TREE", "AUTOMATIC", "KEY (rowid>?)"].iter().any(|part| step.contains(part))
    };
    let long = QUERIES.iter().filter(|query| query.plan.iter().any(is_long));
    let found: BTreeSet<&str> = long.map(|query| query.name).collect();
    let said: BTreeSet<&str> = LONG.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, said);
}

#[test]
fn every_function_of_the_repository_is_here() {
    // These run what they are handed.
    const OTHERS: [&str; 3] = ["store::transaction", "store::savepoint", "store::snapshot"];
    let listed: BTreeSet<String> =
        QUERIES.iter().map(|query| query.name.split(' ').next().unwrap().to_owned()).collect();
    let mut found = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/repository");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = fs::read_to_string(&path).unwrap();
        for function in source.split("\npub fn ").skip(1) {
            let head = &function[..function.find('{').unwrap()];
            let name = &head[..head.find(['(', '<']).unwrap()];
            if head.contains("&mut Connection") {
                found.insert(format!("{module}::{name}"));
            }
        }
    }
    assert!(OTHERS.iter().all(|name| found.remove(*name)), "{found:?}");
    assert_eq!(listed, found);
}

#[test]
fn what_goes_along_with_a_row_is_found_by_an_index() {
    let mut store = store();
    let conn = &mut store.conn;
    let keys = "SELECT format('%s %s %s', child.name, key.id, key.\"from\")
                FROM pragma_table_list AS child, pragma_foreign_key_list(child.name) AS key ORDER BY key.seq";
    let rows: Vec<String> = sql::<Text>(keys).load(conn).unwrap();
    let mut columns: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &rows {
        let [child, key, column] = row.split(' ').collect::<Vec<_>>()[..] else { panic!("{row}") };
        columns.entry((child, key)).or_default().push(column);
    }
    assert_eq!(columns.len(), 4, "{columns:?}");
    for ((child, _), columns) in columns {
        let equal: Vec<String> = columns.iter().map(|column| format!("{column} = x'00'")).collect();
        let steps = steps(conn, |conn| {
            let query = format!("SELECT rowid FROM {child} WHERE {}", equal.join(" AND "));
            let query = query.replace("rowid", columns[0]);
            drop(diesel::sql_query(query).execute(conn));
        });
        assert!(steps.iter().all(|step| step.starts_with("SEARCH ")), "{child}: {steps:?}");
    }
}
