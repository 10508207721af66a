//! What is stored after a crash, compared with what was sent before it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::{Value, json};
use vestibule_tests::people::Device;

use crate::Summary;
use crate::exchange::{Exchange, Log, Round, Sent};

/// Checks a round, and withdraws all of its requests, so that the next round starts with an empty
/// room.
pub(crate) fn check(exchange: &Exchange, round: &Round) -> Summary {
    let topic = exchange.room.topic();
    let (member, token) = &exchange.members[0];
    let mut member = Device::with_token(exchange.address, member, Some(token));
    let pending = ordered(&exchange.room_pending(&mut member));
    let mut mine = Vec::new();
    let mut waiting = Vec::new();
    let mut devices = Vec::new();
    for (newcomer, token) in &exchange.newcomers {
        let mut device = Device::with_token(exchange.address, newcomer, Some(token));
        let joined = device.visit(&exchange.room.rid());
        assert_eq!(joined["more"], false, "a round fits a page");
        mine.extend(ordered(&joined["mine"]));
        waiting.extend(ordered(&joined["approves"]));
        devices.push(device);
    }
    let (pending, mine) = (by_id(pending, "request_id"), by_id(mine, "request_id"));
    assert_eq!(pending, mine, "members and requesters are shown the same requests");
    let waiting = by_id(waiting, "approve_id");

    let mut summary = Summary::default();
    compare(&round.newcomers, "uid", &pending, &mut summary);
    compare(&round.members, "by", &waiting, &mut summary);
    for log in &round.newcomers {
        check_told(log, "approve_id", &waiting);
    }
    for log in &round.members {
        check_told(log, "request_id", &pending);
    }
    check_seqs(exchange, pending.values().chain(waiting.values()));
    for (id, request) in &pending {
        let approvals = waiting.values().filter(|approve| approve["request_id"] == json!(id)).count();
        let state = if approvals == 0 { "pending" } else { "approved" };
        assert_eq!(
            (&request["state"], &request["approvals"]),
            (&json!(state), &json!(approvals)),
            "{request}"
        );
    }

    for device in &mut devices {
        let uid = json!(device.uid);
        let own = pending.values().filter(|request| request["uid"] == uid);
        let withdrawals: Vec<_> = own.map(|request| json!({ "request_id": request["request_id"] })).collect();
        for withdrawal in withdrawals {
            assert_eq!(device.call(&topic, "withdraw", withdrawal).ok()["dup"], false);
        }
    }
    summary
}

/// Every frame that was answered ok is stored as it was sent and answered, and every stored frame
/// was sent.
fn compare(logs: &[Log], owner: &str, stored: &HashMap<String, Value>, summary: &mut Summary) {
    for log in logs {
        check_order(&log.sent, stored);
    }
    let sent = || logs.iter().flat_map(|log| &log.sent);
    let by_id: HashMap<_, _> = sent().map(|sent| (sent.id(), sent)).collect();
    summary.sent += by_id.len();
    for sent in sent() {
        let Some(answer) = &sent.answer else { continue };
        summary.answered += 1;
        assert_eq!(
            (&answer["status"], &answer["response"]["dup"]),
            (&json!("ok"), &json!(false)),
            "{answer}"
        );
        let Some(found) = stored.get(sent.id()) else { panic!("answered {answer} and lost: {}", sent.frame) };
        assert_eq!(found["seq"], answer["response"]["seq"], "another seq than was answered");
    }
    for (id, found) in stored {
        let Some(sent) = by_id.get(id.as_str()) else { panic!("nobody sent this: {found}") };
        summary.unanswered += usize::from(sent.answer.is_none());
        assert_eq!(found[owner], json!(sent.by));
        for (field, value) in sent.frame.as_object().expect("a frame") {
            assert_eq!(&found[field], value, "{field} was changed");
        }
    }
}

/// What one connection sent is stored in that order, without a gap.
fn check_order(sent: &[Sent], stored: &HashMap<String, Value>) {
    let seqs: Vec<Option<i64>> = sent.iter().map(|sent| stored.get(sent.id()).map(seq_of)).collect();
    let there: Vec<i64> = seqs.iter().copied().map_while(|seq| seq).collect();
    assert_eq!(there.len(), seqs.iter().flatten().count(), "one is missing before others: {seqs:?}");
    assert!(there.is_sorted_by(|one, next| one < next), "stored in another order: {seqs:?}");
}

/// What one connection was told is stored, and it was told once and in order.
fn check_told(log: &Log, name: &str, stored: &HashMap<String, Value>) {
    let seqs: Vec<i64> = log.told.iter().map(seq_of).collect();
    assert!(seqs.is_sorted_by(|one, next| one < next), "told in another order, or twice: {seqs:?}");
    for told in &log.told {
        let id = told[name].as_str().expect("an id");
        let Some(found) = stored.get(id) else { panic!("told and not stored: {told}") };
        // A request is gone by an approve, which has its own seq.
        assert!(told["state"] == "approved" || found["seq"] == told["seq"], "{found}, but told {told}");
    }
}

/// No two stored frames have the same seq, and all are after those of earlier rounds.
fn check_seqs<'a>(exchange: &Exchange, stored: impl Iterator<Item = &'a Value>) {
    let mut seqs: Vec<i64> = stored.map(seq_of).collect();
    seqs.sort_unstable();
    assert!(seqs.is_sorted_by(|one, next| one < next), "one seq for two frames: {seqs:?}");
    let (Some(first), Some(last)) = (seqs.first(), seqs.last()) else { return };
    let before = exchange.last_seq.swap(*last, Ordering::Relaxed);
    assert!(before < *first, "{first} comes after {before}");
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The database itself is whole.
pub(crate) fn check_database(path: &Path) {
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    let found = diesel::sql_query(
        "SELECT integrity_check AS line FROM pragma_integrity_check \
         UNION ALL SELECT 'a row without a parent in ' || \"table\" FROM pragma_foreign_key_check",
    );
    let found: Vec<Line> = found.load(&mut connection).expect("a check");
    assert_eq!(found.into_iter().map(|line| line.line).collect::<Vec<_>>(), ["ok"]);
}

impl Exchange {
    /// All requests that a member is shown.
    fn room_pending(&self, member: &mut Device) -> Value {
        let proved = member.enter(&self.room);
        assert_eq!(proved["cursor"], json!(null), "a round fits a page");
        proved["pending"].clone()
    }
}

/// A list, which is in the order of the seqs.
fn ordered(value: &Value) -> Vec<Value> {
    let list = value.as_array().expect("a list").clone();
    assert!(list.is_sorted_by_key(seq_of), "out of order: {value}");
    list
}

fn seq_of(item: &Value) -> i64 {
    item["seq"].as_i64().expect("a seq")
}

fn by_id(items: Vec<Value>, name: &str) -> HashMap<String, Value> {
    let count = items.len();
    let by_id: HashMap<_, _> =
        items.into_iter().map(|item| (item[name].as_str().expect("an id").to_owned(), item)).collect();
    assert_eq!(by_id.len(), count, "an item is listed twice");
    by_id
}
