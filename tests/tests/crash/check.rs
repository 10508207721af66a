//! What is stored after a crash, compared with what was sent before it.

use std::collections::HashMap;

use serde_json::{Value, json};
use vestibule_tests::people::Device;

use crate::Summary;
use crate::exchange::{Exchange, Round, Sent};

/// Checks a round, and withdraws all of its requests, so that the next round starts with an empty
/// room.
pub(crate) fn check(exchange: &Exchange, round: &Round) -> Summary {
    let topic = exchange.room.topic();
    let (member, token) = &exchange.members[0];
    let mut member = Device::with_token(exchange.address, member, Some(token));
    let pending = list(&exchange.room_pending(&mut member));
    let mut mine = Vec::new();
    let mut waiting = Vec::new();
    let mut devices = Vec::new();
    for (newcomer, token) in &exchange.newcomers {
        let mut device = Device::with_token(exchange.address, newcomer, Some(token));
        let joined = device.visit(&exchange.room.rid());
        assert_eq!(joined["more"], false, "a round fits a page");
        mine.extend(list(&joined["mine"]));
        waiting.extend(list(&joined["approves"]));
        devices.push(device);
    }
    let (pending, mine) = (by_id(pending, "request_id"), by_id(mine, "request_id"));
    assert_eq!(pending, mine, "members and requesters are shown the same requests");
    let waiting = by_id(waiting, "approve_id");

    let mut summary = Summary::default();
    compare(&round.requests, "uid", &pending, &mut summary);
    compare(&round.approves, "by", &waiting, &mut summary);
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
fn compare(sent: &[Sent], owner: &str, stored: &HashMap<String, Value>, summary: &mut Summary) {
    let by_id: HashMap<_, _> = sent.iter().map(|sent| (sent.id(), sent)).collect();
    summary.sent += sent.len();
    for sent in sent {
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

impl Exchange {
    /// All requests that a member is shown.
    fn room_pending(&self, member: &mut Device) -> Value {
        let proved = member.enter(&self.room);
        assert_eq!(proved["cursor"], json!(null), "a round fits a page");
        proved["pending"].clone()
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}

fn by_id(items: Vec<Value>, name: &str) -> HashMap<String, Value> {
    let count = items.len();
    let by_id: HashMap<_, _> =
        items.into_iter().map(|item| (item[name].as_str().expect("an id").to_owned(), item)).collect();
    assert_eq!(by_id.len(), count, "an item is listed twice");
    by_id
}
