//! Fills a database by SQL, with rows as the store writes them.

use diesel::connection::SimpleConnection as _;
use vestibule_approve::{
    base64url::{Blob, Fixed},
    frames::{Approve, Card, Policy, Request},
    ids::{Hash, Rid, Uid},
    items::{News, Notice},
    signed::Alg,
};
use vestibule_schema::Connection;
use vestibule_store::{Seq, pack};

pub(crate) const ROOMS: u64 = 20_000;

/// Of how many requests one is open, and of how many open ones one is approved.
const OPEN: u64 = 10;
const APPROVED: u64 = 4;

/// How many requests a user has made.
const OF_USER: u64 = 10;

const EXP: i64 = i64::MAX / 2;

pub(crate) fn users(requests: u64) -> u64 {
    (requests / OF_USER).max(1)
}

/// The ids are numbers as text, so that SQL can make them.
pub(crate) fn room(number: u64) -> Rid {
    Rid(digits(number))
}

pub(crate) fn user(number: u64) -> Uid {
    Uid(digits(number))
}

fn digits<const N: usize>(number: u64) -> [u8; N] {
    format!("{number:0N$}").into_bytes().try_into().expect("a number has fewer digits")
}

/// Stores so many requests.
pub(crate) fn fill(conn: &mut Connection, requests: u64) {
    let is_file = matches!(conn, Connection::Sqlite(_));
    let mut run = |sql: String| conn.batch_execute(&sql).expect("rows are stored");
    if !is_file {
        run("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0".to_owned());
    }
    let sql = Sql { is_file };
    run(sql.rooms());
    // In parts, so that SQLite's log does not become as large as the database.
    for begin in (0..requests).step_by(100_000) {
        let numbers = sql.numbers(begin, requests.min(begin + 100_000));
        run(sql.requests(&numbers, users(requests)));
        run(sql.approves(&numbers, users(requests)));
        run(sql.notices(&numbers, users(requests)));
    }
    run(if is_file { "UPDATE store SET seq = 100000000" } else { STREAMS }.to_owned());
    run("ANALYZE".to_owned());
}

/// SQL of one of both databases.
struct Sql {
    is_file: bool,
}

impl Sql {
    /// A table `n` of the numbers `i`, with the beginning of a statement.
    fn numbers(&self, begin: u64, end: u64) -> String {
        let recursive = format!("SELECT {begin} AS i UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end}");
        if self.is_file {
            format!("WITH RECURSIVE n AS ({recursive})")
        } else {
            format!("WITH n AS (SELECT generate_series({begin}, {}) AS i)", end - 1)
        }
    }

    /// A number as an id of so many bytes.
    fn id(&self, number: &str, bytes: usize) -> String {
        if self.is_file {
            format!("CAST(printf('%0{bytes}d', {number}) AS BLOB)")
        } else {
            format!("convert_to(lpad(({number})::text, {bytes}, '0'), 'UTF8')")
        }
    }

    fn bytes(&self, bytes: &[u8]) -> String {
        let hex = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        if self.is_file { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") }
    }

    fn rooms(&self) -> String {
        let (numbers, rid) = (self.numbers(0, ROOMS), self.id("i", 32));
        let (card, digest) = (self.bytes(&card()), self.bytes(&[2; 32]));
        format!(
            "{numbers} INSERT INTO rooms (rid, policy, version, seq, created, frame, digest)
             SELECT {rid}, 'request', 1, i, 1, {card}, {digest} FROM n"
        )
    }

    fn requests(&self, numbers: &str, users: u64) -> String {
        let (rid, uid) = (self.id(&format!("i % {ROOMS}"), 32), self.id(&format!("i % {users}"), 32));
        let (request_id, digest) = (self.id("i", 16), self.id("i", 32));
        let frame = self.bytes(&request());
        let approved = OPEN * APPROVED;
        format!(
            "{numbers} INSERT INTO requests
                 (rid, uid, request_id, box_hash, digest, state, created, exp, seq, frame, closed)
             SELECT {rid}, {uid}, {request_id}, {digest}, {digest},
                 CASE WHEN i % {approved} = 0 THEN 1 WHEN i % {OPEN} = 0 THEN 0 ELSE 2 END,
                 1, {EXP}, i + 1000,
                 CASE WHEN i % {OPEN} = 0 THEN {frame} END, CASE WHEN i % {OPEN} = 0 THEN NULL ELSE 1 END
             FROM n"
        )
    }

    fn approves(&self, numbers: &str, users: u64) -> String {
        let (rid, uid) = (self.id(&format!("i % {ROOMS}"), 32), self.id(&format!("i % {users}"), 32));
        let (id, digest, by) = (self.id("i", 16), self.id("i", 32), self.id("7", 32));
        let (frame, approved) = (self.bytes(&approve()), OPEN * APPROVED);
        format!(
            "{numbers} INSERT INTO approves
                 (rid, to_uid, request_id, approve_id, by_uid, digest, at, exp, seq, frame)
             SELECT {rid}, {uid}, {id}, {id}, {by}, {digest}, 1, {EXP}, i + 1000, {frame}
             FROM n WHERE i % {approved} = 0"
        )
    }

    fn notices(&self, numbers: &str, users: u64) -> String {
        let (rid, uid) = (self.id(&format!("i % {ROOMS}"), 32), self.id(&format!("i % {users}"), 32));
        let frame = self.bytes(&notice());
        format!(
            "{numbers} INSERT INTO notices (uid, rid, seq, at, frame)
             SELECT {uid}, {rid}, i + 1000, 1, {frame} FROM n WHERE i % {OPEN} = 1"
        )
    }
}

/// The streams of all rooms and users.
const STREAMS: &str = "INSERT INTO streams SELECT 'r'::bytea || rid, 100000000 FROM rooms;
    INSERT INTO streams SELECT DISTINCT 'u'::bytea || uid, 100000000 FROM requests";

fn card() -> Vec<u8> {
    let (room_pub, alg, policy) = (Blob(vec![3; 32]), Alg::Ed25519, Policy::Request);
    pack(&Card { rid: room(0), room_pub, alg, version: 1, policy, name: None, sig: Fixed([4; 64]) })
}

fn request() -> Vec<u8> {
    pack(&Request {
        request_id: Fixed([1; 16]),
        sign_pub: Blob(vec![2; 32]),
        sign_alg: Alg::Ed25519,
        box_pub: Blob(vec![3; 32]),
        box_alg: "x25519".to_owned(),
        note: None,
        exp: EXP,
        sig: Fixed([4; 64]),
    })
}

fn approve() -> Vec<u8> {
    pack(&Approve {
        approve_id: Fixed([1; 16]),
        request_id: Fixed([1; 16]),
        to: user(0),
        r#box: Hash([3; 32]),
        alg: "sealed".to_owned(),
        ct: Blob(vec![5; 120]),
        exp: EXP,
        sign_pub: Blob(vec![2; 32]),
        sign_alg: Alg::Ed25519,
        room_sig: Fixed([4; 64]),
        user_sig: Fixed([4; 64]),
    })
}

fn notice() -> Vec<u8> {
    let news = News::Expired { request_id: Fixed([1; 16]) };
    pack(&Notice { rid: room(0), seq: Seq(1), at: 1, news })
}
