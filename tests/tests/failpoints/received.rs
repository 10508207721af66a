//! What people were told while the server lived: only their own matters, and nothing that was not
//! stored.

use std::collections::HashSet;

use serde_json::{Value, json};
use vestibule_tests::people::Message;

use crate::actor::{Actor, Role};
use crate::expectations::{Expectations, sent};

/// Checks all received pushes; returns the ids of the requests and approves that they were about.
pub(crate) fn check(actors: &[Actor], room: &str) -> HashSet<String> {
    let expectations = Expectations::of(actors);
    let mut told = HashSet::new();
    for actor in actors {
        for message in &actor.received {
            assert_eq!(message.topic, actor.topic(room), "{}", message.text);
            check_message(&expectations, actors, actor, message);
            for name in ["request_id", "approve_id"] {
                told.extend(message.payload[name].as_str().map(str::to_owned));
            }
        }
    }
    told
}

fn check_message(expectations: &Expectations<'_>, actors: &[Actor], actor: &Actor, message: &Message) {
    let payload = &message.payload;
    let is_newcomer = matches!(actor.role, Role::Asker { .. } | Role::Inbox);
    match message.event.as_str() {
        "caught_up" => {}
        "presence_state" | "presence_diff" | "presence_count" if actor.role == Role::Member => {}
        "request" if actor.role == Role::Member => expectations.check_request(payload),
        "request_gone" if actor.role == Role::Member => {
            let asked = expectations.requests.get(id(payload)).expect("a request that somebody sent");
            assert_eq!(payload["uid"], json!(asked.uid));
        }
        "receipt" if actor.role == Role::Member => {
            let approve = &expectations.approves[payload["approve_id"].as_str().expect("an id")];
            assert_eq!(approve.by, actor.uid(), "another's receipt: {}", message.text);
            let (event, result) =
                if payload["result"] == "saved" { ("ack", "saved") } else { ("nack", "nacked") };
            assert_eq!(payload["result"], result);
            let is_sent =
                sent(actors, event).any(|(_, entry)| entry.payload["approve_id"] == payload["approve_id"]);
            assert!(is_sent, "nobody sent that {event}: {}", message.text);
        }
        "approve" if is_newcomer => {
            assert_eq!(payload["to"], json!(actor.uid()), "another's approve: {}", message.text);
            expectations.check_approve(payload);
        }
        "denied" | "withdrawn" if is_newcomer => {
            let asked = expectations.requests.get(id(payload)).expect("a request that somebody sent");
            assert_eq!(asked.uid, actor.uid(), "another's notice: {}", message.text);
            let event = if message.event == "denied" { "deny" } else { "withdraw" };
            let is_sent =
                sent(actors, event).any(|(_, entry)| entry.payload["request_id"] == payload["request_id"]);
            assert!(is_sent, "nobody sent that {event}: {}", message.text);
        }
        _ => panic!("{:?} must not hear {}", actor.role, message.text),
    }
}

fn id(payload: &Value) -> &str {
    payload["request_id"].as_str().expect("an id")
}
