//! What is stored after an interruption, compared with what was sent and told before it.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::log::{Log, Sent, Told, is_redelivery};
use super::{Exchange, Round, Summary};
use crate::people::{Device, Room};

impl Exchange {
    /// Checks a round, and withdraws all of its requests, so that the next round starts with empty
    /// rooms.
    ///
    /// # Panics
    /// If something is missing, changed, invented, out of order or there twice.
    pub fn check(&mut self, round: &Round) -> Summary {
        let (member, token) = &self.members[0];
        let mut member = Device::with_token(self.address, member, Some(token));
        let pending: Vec<_> = self.rooms.iter().flat_map(|room| pending(&mut member, room)).collect();
        let (mut mine, mut waiting, mut devices) = (Vec::new(), Vec::new(), Vec::new());
        for (newcomer, token) in &self.newcomers {
            let mut device = Device::with_token(self.address, newcomer, Some(token));
            for room in &self.rooms {
                let joined = device.visit(&room.rid());
                assert_eq!(joined["more"], false, "a round fits a page");
                mine.extend(ordered(&joined["mine"]));
                waiting.extend(ordered(&joined["approves"]));
            }
            devices.push(device);
        }
        let (pending, mine) = (by_id(pending, "request_id"), by_id(mine, "request_id"));
        assert_eq!(pending, mine, "members and requesters are shown the same requests");
        let waiting = by_id(waiting, "approve_id");

        let mut summary = Summary::default();
        compare(&round.newcomers, "uid", &pending, &mut summary);
        compare(&round.members, "by", &waiting, &mut summary);
        let newcomers = round.newcomers.iter().map(|log| &log.told);
        for told in newcomers.chain(&round.listeners) {
            check_told(told, "approve_id", &waiting, &mut summary);
        }
        for log in &round.members {
            check_told(&log.told, "request_id", &pending, &mut summary);
        }
        self.check_seqs(&pending, &waiting);
        check_states(&pending, &waiting);
        for device in &mut devices {
            withdraw_all(device, &pending);
        }
        summary
    }

    /// No two frames of a room or of a user have the same seq, and all are after those of earlier
    /// rounds.
    fn check_seqs(&mut self, pending: &HashMap<String, Value>, waiting: &HashMap<String, Value>) {
        let mut streams: HashMap<String, Vec<i64>> = HashMap::new();
        let requests = pending.values().map(|request| (request, &request["uid"]));
        let approves = waiting.values().map(|approve| (approve, &approve["to"]));
        for (item, newcomer) in requests.chain(approves) {
            for (kind, id) in [("room", &item["rid"]), ("user", newcomer)] {
                let id = id.as_str().expect("an id");
                streams.entry(format!("{kind}:{id}")).or_default().push(seq_of(item));
            }
        }
        for (stream, mut seqs) in streams {
            seqs.sort_unstable();
            assert!(seqs.is_sorted_by(|one, next| one < next), "one seq for two frames: {seqs:?}");
            let (first, last) = (seqs[0], seqs[seqs.len() - 1]);
            let before = self.last_seqs.insert(stream, last).unwrap_or_default();
            assert!(before < first, "{first} comes after {before}");
        }
    }
}

/// All requests that a member is shown.
fn pending(member: &mut Device, room: &Room) -> Vec<Value> {
    let proved = member.enter(room);
    assert_eq!(proved["cursor"], json!(null), "a round fits a page");
    ordered(&proved["pending"])
}

fn withdraw_all(device: &mut Device, pending: &HashMap<String, Value>) {
    let uid = json!(device.uid);
    for request in pending.values().filter(|request| request["uid"] == uid) {
        let topic = format!("room:{}", request["rid"].as_str().expect("a room"));
        let withdrawal = json!({ "request_id": request["request_id"] });
        assert_eq!(device.call(&topic, "withdraw", withdrawal).ok()["dup"], false);
    }
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
        summary.refused += usize::from(sent.was_refused());
        summary.dropped += usize::from(sent.is_dropped && sent.answer.is_none());
        let Some(answer) = sent.stored() else { continue };
        summary.answered += 1;
        assert_eq!(answer["dup"], false, "{answer}");
        let Some(found) = stored.get(sent.id()) else { panic!("answered {answer} and lost: {}", sent.frame) };
        assert_eq!(found["seq"], answer["seq"], "another seq than was answered");
    }
    for (id, found) in stored {
        let Some(sent) = by_id.get(id.as_str()) else { panic!("nobody sent this: {found}") };
        summary.unanswered += usize::from(sent.stored().is_none());
        assert_eq!(found[owner], json!(sent.by));
        for (field, value) in sent.frame.as_object().expect("a frame") {
            assert_eq!(&found[field], value, "{field} was changed");
        }
    }
}

/// What one connection sent on a topic is stored in that order, without a gap, except for frames
/// that the server failed to store.
fn check_order(sent: &[Sent], stored: &HashMap<String, Value>) {
    let mut topics: HashMap<&str, Vec<Option<i64>>> = HashMap::new();
    for sent in sent {
        let seq = stored.get(sent.id()).map(seq_of);
        if seq.is_some() || !sent.may_be_missing() {
            topics.entry(&sent.topic).or_default().push(seq);
        }
    }
    for seqs in topics.values() {
        let there: Vec<i64> = seqs.iter().copied().map_while(|seq| seq).collect();
        assert_eq!(there.len(), seqs.iter().flatten().count(), "one is missing before others: {seqs:?}");
        assert!(there.is_sorted_by(|one, next| one < next), "stored in another order: {seqs:?}");
    }
}

/// What one connection was told is stored, and it was told each attempt once. The order was checked
/// as it was told.
fn check_told(told: &Told, name: &str, stored: &HashMap<String, Value>, summary: &mut Summary) {
    let mut attempts = HashSet::new();
    for message in told.messages.iter().filter(|message| message.event != "caught_up") {
        let payload = &message.payload;
        let id = payload[name].as_str().expect("an id");
        let Some(found) = stored.get(id) else { panic!("told and not stored: {}", message.text) };
        // A request is gone by an approve, which has its own seq.
        let is_told = payload["state"] == "approved" || found["seq"] == payload["seq"];
        assert!(is_told, "{found}, but told {}", message.text);
        let attempt = (&message.topic, id, &payload["seq"], payload["attempt"].as_i64());
        assert!(attempts.insert(attempt), "told twice: {}", message.text);
        summary.redelivered += usize::from(is_redelivery(message));
    }
}

/// Every request is approved by those who approved it.
fn check_states(pending: &HashMap<String, Value>, waiting: &HashMap<String, Value>) {
    for (id, request) in pending {
        let approvals = waiting.values().filter(|approve| approve["request_id"] == json!(id)).count();
        let state = if approvals == 0 { "pending" } else { "approved" };
        assert_eq!(
            (&request["state"], &request["approvals"]),
            (&json!(state), &json!(approvals)),
            "{request}"
        );
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
