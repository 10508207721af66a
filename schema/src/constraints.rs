//! What the database itself refuses and counts, the same in a file and on a server.

use std::collections::BTreeSet;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::models::NewNotice;
use crate::repository::{audit, denials, devices, notices, rooms};
use crate::testing::{NOW, Store, add_approve, add_request, denial, id, room, store};

/// Runs a statement in which bytes are written as SQLite does: `x'00'`.
fn execute(store: &mut Store, statement: &str) -> Result<(), Error> {
    let statement = if store.is_file() { statement.to_owned() } else { statement.replace("x'", "'\\x") };
    Ok(store.conn.batch_execute(&statement)?)
}

fn texts(conn: &mut Connection, query: &str) -> Vec<String> {
    sql::<Text>(query).load(conn).unwrap()
}

/// A row in each table: the room 1, with request 3 of user 2, its approve 4, and a denial.
fn filled() -> Store {
    let mut store = store();
    let conn = &mut store.conn;
    let request = add_request(conn, 1, 2, 3, 10, NOW);
    devices::register(conn, request, &[1; 16]).unwrap();
    add_approve(conn, (1, 2, 3), 4, 11, NOW);
    denials::put(conn, &denial((1, 9, 5), 12, NOW)).unwrap();
    notices::insert(conn, &NewNotice { uid: &id(2), rid: &id(1), seq: 13, at: NOW, frame: &[1] }).unwrap();
    let act = crate::models::NewAct { at: NOW, operator: "alice", act: "DELETE", target: "rooms/1" };
    audit::begin(conn, &act).unwrap();
    store
}

/// Each breaks one rule, in the order of the tables.
const REFUSED: [&str; 38] = [
    "UPDATE store SET id = 2",
    "UPDATE store SET epoch = x'00'",
    "UPDATE store SET epoch = NULL",
    "UPDATE store SET open = -1",
    "INSERT INTO store (id, epoch, seq) SELECT id, epoch, 0 FROM store",
    "UPDATE rooms SET policy = 'closed'",
    "UPDATE rooms SET creator = x'00'",
    "UPDATE rooms SET founder = x'00'",
    "UPDATE rooms SET digest = x''",
    "UPDATE rooms SET open = -1",
    "UPDATE rooms SET denied = -1",
    "UPDATE rooms SET frame = NULL",
    "INSERT INTO rooms (rid, policy, version, seq, created, frame)
     SELECT rid, policy, version, seq, created, frame FROM rooms",
    "INSERT INTO requests (rid, uid, request_id, box_hash, digest, created, exp, seq, frame)
     SELECT x'00', uid, request_id, box_hash, digest, created, exp, seq, frame FROM requests",
    "UPDATE requests SET digest = x'00'",
    "UPDATE requests SET state = 6, frame = NULL, closed = 1",
    "UPDATE requests SET frame = NULL",
    "UPDATE requests SET frame = NULL, closed = 1",
    "UPDATE requests SET state = 2",
    "UPDATE requests SET closed = 1",
    "UPDATE requests SET account = ''",
    "UPDATE requests SET account = 'a', frame = NULL, closed = 1, state = 2",
    "INSERT INTO requests (id, rid, uid, request_id, box_hash, digest, created, exp, seq, frame)
     SELECT id, rid, x'00', request_id, box_hash, digest, created, exp, seq, frame FROM requests",
    "INSERT INTO requests (rid, uid, request_id, box_hash, digest, created, exp, seq, frame)
     SELECT rid, uid, request_id, box_hash, digest, created, exp, seq, frame FROM requests",
    "UPDATE approves SET to_uid = x'00'",
    "UPDATE approves SET digest = x'00'",
    "UPDATE approves SET frame = NULL",
    "UPDATE approves SET state = 1",
    "UPDATE approves SET state = 4, frame = NULL",
    "INSERT INTO approves (rid, to_uid, request_id, approve_id, by_uid, digest, at, exp, seq, frame)
     SELECT rid, to_uid, request_id, approve_id, by_uid, digest, at, exp, seq, frame FROM approves",
    "INSERT INTO approves (id, rid, to_uid, request_id, approve_id, by_uid, digest, at, exp, seq, frame)
     SELECT id, rid, to_uid, request_id, x'00', by_uid, digest, at, exp, seq, frame FROM approves",
    "UPDATE devices SET device = x'00'",
    "UPDATE devices SET request = 77",
    "INSERT INTO devices (request, device) SELECT request, device FROM devices",
    "UPDATE denials SET rid = x'00'",
    "INSERT INTO denials (rid, uid, request_id, by_uid, code, at, until, blocked, seq)
     SELECT rid, uid, request_id, by_uid, code, at, until, blocked, seq FROM denials",
    "INSERT INTO denials (id, rid, uid, request_id, by_uid, code, at, until, blocked, seq)
     SELECT id, rid, x'00', request_id, by_uid, code, at, until, blocked, seq FROM denials",
    "INSERT INTO notices (id, uid, rid, seq, at, frame) SELECT id, uid, rid, seq, at, frame FROM notices",
];

/// What only a server has.
const REFUSED_BY_SERVERS: [&str; 5] = [
    "UPDATE store SET open = 1",
    "INSERT INTO streams (topic, last_seq) VALUES (x'00', 0)",
    "INSERT INTO streams (topic, last_seq) SELECT 'r' || rid, 0 FROM rooms, (VALUES (1), (2)) AS twice",
    "INSERT INTO audit (id, at, operator, act, target) SELECT id, at, operator, act, target FROM audit",
    "INSERT INTO __diesel_schema_migrations SELECT * FROM __diesel_schema_migrations",
];

#[test]
fn each_constraint_refuses_a_row() {
    let mut store = filled();
    let servers: &[&str] = if store.is_file() { &[] } else { &REFUSED_BY_SERVERS };
    let mut broken = BTreeSet::new();
    for statement in REFUSED.iter().chain(servers) {
        let error = execute(&mut store, statement).expect_err(statement);
        assert_eq!(error.kind(), ErrorKind::Conflict, "{statement}: {error}");
        if let Some((_, name)) = error.to_string().split_once(" constraint \"") {
            broken.insert(name[..name.find('"').unwrap()].to_owned());
        }
    }
    if !store.is_file() {
        let all = "SELECT conname::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                   AND contype <> 't'";
        assert_eq!(broken, texts(&mut store.conn, all).into_iter().collect());
    }
}

#[test]
fn other_types_are_refused() {
    let mut store = filled();
    for statement in [
        "UPDATE rooms SET listed = 2",
        "UPDATE approves SET acked = 2",
        "UPDATE devices SET acked = 2",
        "UPDATE denials SET blocked = 2",
        "UPDATE rooms SET version = 'one'",
    ] {
        execute(&mut store, statement).expect_err(statement);
    }
    // A server reads a text as bytes.
    if store.is_file() {
        execute(&mut store, "UPDATE rooms SET rid = 'text'").unwrap_err();
    }
}

#[test]
fn a_line_of_the_audit_log_does_not_change() {
    let mut store = filled();
    let changes = [
        "id = 7",
        "at = 1",
        "operator = 'bob'",
        "act = ''",
        "target = ''",
        "act = '', result = 200",
        "result = NULL",
    ];
    for change in changes {
        let error = execute(&mut store, &format!("UPDATE audit SET {change}")).unwrap_err();
        assert!(error.to_string().contains("a line of the audit log does not change"), "{change}: {error}");
    }
    execute(&mut store, "UPDATE audit SET result = 200").unwrap();
    for change in ["result = 500", "result = NULL", "result = 200"] {
        execute(&mut store, &format!("UPDATE audit SET {change}")).expect_err(change);
    }
    execute(&mut store, "DELETE FROM audit").unwrap();
}

/// Every state that a request may have, as the columns that follow from it.
const STATES: [&str; 7] = [
    "state = 0, frame = x'01', closed = NULL",
    "state = 1, frame = x'01', closed = NULL",
    "state = 3, frame = x'01', closed = NULL",
    "state = 2, frame = NULL, closed = 1",
    "state = 3, frame = NULL, closed = 1",
    "state = 4, frame = NULL, closed = 1",
    "state = 5, frame = NULL, closed = 1",
];

/// The counts of the rooms, which must be those of their requests.
fn counts(store: &mut Store) -> Vec<(i64, i64)> {
    let counted = "SELECT CAST(open AS TEXT) || ' ' || CAST(denied AS TEXT) FROM rooms ORDER BY rid";
    let actual = "SELECT CAST((SELECT count(*) FROM requests
                               WHERE requests.rid = rooms.rid AND state IN (0, 1)) AS TEXT)
                      || ' ' || CAST((SELECT count(*) FROM requests
                          WHERE requests.rid = rooms.rid AND state = 3 AND frame IS NOT NULL) AS TEXT)
                  FROM rooms ORDER BY rid";
    let counted = texts(&mut store.conn, counted);
    assert_eq!(counted, texts(&mut store.conn, actual));
    crate::testing::open_in_all(&mut store.conn);
    let numbers = |text: &String| {
        let (open, denied) = text.split_once(' ').unwrap();
        (open.parse().unwrap(), denied.parse().unwrap())
    };
    counted.iter().map(numbers).collect()
}

#[test]
fn rooms_count_each_change_of_a_request() {
    let mut store = filled();
    assert_eq!(counts(&mut store), [(1, 0)]);
    for from in STATES {
        for to in STATES {
            execute(&mut store, &format!("UPDATE requests SET {from}")).unwrap();
            counts(&mut store);
            execute(&mut store, &format!("UPDATE requests SET {to}")).unwrap();
            let is_open = i64::from(to == STATES[0] || to == STATES[1]);
            assert_eq!(counts(&mut store), [(is_open, i64::from(to == STATES[2]))], "{from} -> {to}");
        }
        execute(&mut store, "UPDATE requests SET seq = seq + 1").unwrap();
        counts(&mut store);
    }
}

/// So many requests for each of the rooms 1 to 3, in one statement.
fn add_many(store: &mut Store, first: u8, count: u8) {
    let row = |n: u8| {
        let (rid, closed) = ("01", if n % 4 == 3 { "1" } else { "NULL" });
        let rid = rid.replace('1', &(n % 3 + 1).to_string());
        let rid = rid.repeat(32);
        // Pending, approved, denied and withdrawn in turn.
        let (state, frame) =
            [("0", "x'01'"), ("1", "x'01'"), ("3", "x'01'"), ("4", "NULL")][usize::from(n % 4)];
        let digest = "05".repeat(32);
        format!("(x'{rid}', x'{n:02x}', x'07', x'08', x'{digest}', {state}, 1, 2, 3, {frame}, {closed})")
    };
    let rows: Vec<String> = (first..first + count).map(row).collect();
    let columns = "rid, uid, request_id, box_hash, digest, state, created, exp, seq, frame, closed";
    execute(store, &format!("INSERT INTO requests ({columns}) VALUES {}", rows.join(", "))).unwrap();
}

#[test]
fn rooms_count_what_comes_changes_and_goes_in_bulk() {
    let mut store = store();
    for rid in 1..=4 {
        rooms::put(&mut store.conn, &room(rid, "open")).unwrap();
    }
    add_many(&mut store, 20, 48);
    assert_eq!(counts(&mut store), [(8, 4), (8, 4), (8, 4), (0, 0)]);
    add_many(&mut store, 100, 4);
    assert_eq!(counts(&mut store), [(8, 5), (9, 4), (9, 4), (0, 0)]);

    execute(&mut store, "UPDATE requests SET state = 3 WHERE state IN (0, 1) AND uid < x'28'").unwrap();
    let [first, ..] = counts(&mut store)[..] else { panic!() };
    assert!(first.0 < 8 && first.1 > 5, "{first:?}");
    execute(&mut store, "UPDATE requests SET state = 1 WHERE frame IS NOT NULL").unwrap();
    assert_eq!(counts(&mut store), [(13, 0), (13, 0), (13, 0), (0, 0)]);
    execute(&mut store, "UPDATE requests SET state = 5, frame = NULL, closed = 1 WHERE uid < x'20'").unwrap();
    counts(&mut store);
    execute(&mut store, "DELETE FROM requests WHERE uid < x'30'").unwrap();
    let before = counts(&mut store);
    assert!(before.iter().take(3).all(|(open, _)| (1..12).contains(open)), "{before:?}");

    // A room takes its requests along, and no other.
    assert!(rooms::delete(&mut store.conn, &id(2)).unwrap());
    assert_eq!(counts(&mut store), [before[0], before[2], before[3]]);
    execute(&mut store, "DELETE FROM requests").unwrap();
    assert_eq!(counts(&mut store), [(0, 0); 3]);
    execute(&mut store, "DELETE FROM requests").unwrap();
}
