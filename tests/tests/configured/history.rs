//! Whoever comes back gets what was missed, or is told that it cannot.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule_tests::admin::OPERATOR;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Message, PATIENCE};

use crate::site::Site;

const SETTINGS: &str = r#"
[channels."chat:*"]
join = "anyone"
publish = ["say"]
history = { count = 5, age = "10m" }

[channels."quiet:*"]
join = "anyone"
publish = ["say"]
echo = false
history = { count = 5, age = "10m" }

[channels."one:*"]
join = "anyone"
publish = ["say"]
history = { count = 1, age = "10m" }

[channels."long:*"]
join = "anyone"
publish = ["say"]
history = { count = 1000, age = "10m" }
"#;

const TOPIC: &str = "chat:1";

/// Says numbers, and returns the ids that the server gave them.
fn say(device: &mut Device, topic: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<Value> {
    let say = |number: u64| device.call(topic, "say", json!({ "n": number })).ok()["_id"].clone();
    numbers.into_iter().map(say).collect()
}

/// The numbers and ids of the next messages.
#[track_caller]
fn heard(device: &mut Device, topic: &str, count: usize) -> Vec<(u64, Value)> {
    let said = |payload: Value| (payload["n"].as_u64().expect("a number"), payload["_id"].clone());
    (0..count).map(|_| said(device.push(topic, "say"))).collect()
}

/// Comes back on a new connection, and returns it with what the reply says of the history.
#[track_caller]
fn back(site: &Site, topic: &str, last_id: &Value) -> (Device, Value) {
    let mut device = site.stranger();
    let joined = device.call(topic, "phx_join", json!({ "last_id": last_id })).ok();
    (device, joined["history"].clone())
}

#[test]
fn what_was_missed_comes_once_and_in_order() {
    let site = Site::new(SETTINGS);
    let (mut alice, mut bob) = (site.stranger(), site.stranger());
    for device in [&mut alice, &mut bob] {
        assert!(device.join(TOPIC).ok()["history"]["last_id"].is_string());
    }
    let ids = say(&mut alice, TOPIC, 1..=2);
    let live = heard(&mut bob, TOPIC, 2);
    assert_eq!(live, [(1, ids[0].clone()), (2, ids[1].clone())], "live messages have their ids");
    drop(bob);
    let ids = say(&mut alice, TOPIC, 3..=5);
    let (mut bob, history) = back(&site, TOPIC, &live[1].1);
    assert_eq!(history, json!({ "last_id": ids[2], "missed": 3 }));
    say(&mut alice, TOPIC, [6]);
    let numbers: Vec<u64> = heard(&mut bob, TOPIC, 4).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [3, 4, 5, 6]);
}

#[test]
fn whoever_is_too_far_behind_is_told() {
    let site = Site::new(SETTINGS);
    let mut alice = site.stranger();
    let start = alice.join(TOPIC).ok()["history"]["last_id"].clone();
    let ids = say(&mut alice, TOPIC, 1..=6);
    let (_, history) = back(&site, TOPIC, &start);
    assert_eq!(history, json!({ "last_id": ids[5], "gap": "too_far_behind" }));
    let (mut bob, history) = back(&site, TOPIC, &ids[0]);
    assert_eq!((&history["missed"], heard(&mut bob, TOPIC, 5).len()), (&json!(5), 5));
    for unknown in [json!("00000000-1"), json!("x"), json!("")] {
        assert_eq!(back(&site, TOPIC, &unknown).1["gap"], "forgotten", "{unknown}");
    }
}

#[test]
fn a_server_that_was_killed_says_that_it_forgot() {
    let mut site = Site::new(SETTINGS);
    let mut alice = site.stranger();
    alice.join(TOPIC).ok();
    let ids = say(&mut alice, TOPIC, 1..=2);
    site.admin.server.kill();
    site.admin.server.restart();
    let (mut alice, history) = back(&site, TOPIC, &ids[1]);
    assert_eq!(history["gap"], "forgotten");
    let again = say(&mut alice, TOPIC, [3]);
    assert_eq!(back(&site, TOPIC, &history["last_id"]).1["missed"], 1);
    assert_ne!(again[0], ids[0]);
}

#[test]
fn what_operators_say_while_nobody_is_there_is_kept() {
    let site = Site::new(SETTINGS);
    let mut alice = site.stranger();
    let start = alice.join(TOPIC).ok()["history"]["last_id"].clone();
    alice.leave(TOPIC);
    let body = json!({ "event": "say", "payload": { "n": 7 } });
    let request = Request::post(&format!("/admin/v1/topics/{TOPIC}/broadcast")).json(&body);
    assert_eq!(site.admin.ask(request, OPERATOR).status, 200);
    let (mut alice, history) = back(&site, TOPIC, &start);
    assert_eq!(history["missed"], 1);
    assert_eq!(heard(&mut alice, TOPIC, 1)[0].0, 7);
}

/// Whoever is here gets all of it, however little is kept for those who come back.
#[test]
fn all_is_heard_while_operators_and_clients_speak() {
    const MESSAGES: u64 = 300;
    const TOPIC: &str = "one:1";
    let site = Site::new(SETTINGS);
    let (mut speaker, mut reader) = (site.stranger(), site.stranger());
    speaker.join(TOPIC).ok();
    reader.join(TOPIC).ok();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..MESSAGES {
                speaker.send(TOPIC, "say", &json!({ "n": number })).expect("an open connection");
            }
        });
        for number in 0..MESSAGES {
            let body = json!({ "event": "say", "payload": { "n": number } });
            let request = Request::post(&format!("/admin/v1/topics/{TOPIC}/broadcast")).json(&body);
            assert_eq!(site.admin.ask(request, OPERATOR).status, 200);
        }
    });
    let places = heard(&mut reader, TOPIC, 2 * 300).into_iter().map(|(_, id)| {
        let place = id.as_str().and_then(|id| id.split_once('-')).expect("an id").1;
        place.parse().expect("a number")
    });
    assert_eq!(places.collect::<Vec<u64>>(), (1..=2 * MESSAGES).collect::<Vec<_>>());
}

#[test]
fn the_id_is_the_servers() {
    let site = Site::new(SETTINGS);
    let mut alice = site.stranger();
    alice.join(TOPIC).ok();
    for payload in [json!({ "_id": "00000000-1" }), json!({ "n": 1, "_id": null })] {
        assert_eq!(alice.call(TOPIC, "say", &payload).refused(), "bad_payload", "{payload}");
    }
}

#[test]
fn a_sender_without_echo_is_not_sent_its_own_later() {
    let site = Site::new(SETTINGS);
    let (mut alice, mut bob) = (site.stranger(), site.stranger());
    for device in [&mut alice, &mut bob] {
        device.join("quiet:1").ok();
    }
    let ids = say(&mut alice, "quiet:1", 1..=2);
    assert_eq!(heard(&mut bob, "quiet:1", 2).len(), 2);
    say(&mut bob, "quiet:1", [3]);
    let (mut alice, history) = back(&site, "quiet:1", &ids[1]);
    assert_eq!((&history["missed"], heard(&mut alice, "quiet:1", 1)[0].0), (&json!(1), 3));
}

/// A client is cut off again and again while others speak.
#[test]
fn none_is_missing_and_none_comes_twice() {
    const MESSAGES: u64 = 400;
    const TOPIC: &str = "long:1";
    let site = Site::new(SETTINGS);
    let mut reader = site.stranger();
    let mut last_id = reader.join(TOPIC).ok()["history"]["last_id"].clone();
    let mut seen: Vec<(u64, u64)> = Vec::new();
    thread::scope(|scope| {
        for speaker in 0..2 {
            let mut device = site.stranger();
            scope.spawn(move || {
                device.join(TOPIC).ok();
                for number in 0..MESSAGES {
                    device.call(TOPIC, "say", json!({ "n": number, "by": speaker })).ok();
                }
            });
        }
        while seen.len() < 2 * usize::try_from(MESSAGES).expect("a count") {
            let message: Message =
                reader.next_within(PATIENCE).expect("an open connection").expect("a message");
            if message.event != "say" {
                continue;
            }
            last_id = message.payload["_id"].clone();
            let field = |name: &str| message.payload[name].as_u64().expect("a number");
            seen.push((field("by"), field("n")));
            if seen.len().is_multiple_of(37) {
                // Without a goodbye, and whatever is on its way.
                drop(reader);
                thread::sleep(Duration::from_millis(2));
                let (next, history) = back(&site, TOPIC, &last_id);
                assert!(history.get("gap").is_none(), "{history}");
                reader = next;
            }
        }
    });
    for speaker in 0..2 {
        let numbers: Vec<u64> =
            seen.iter().filter(|(by, _)| *by == speaker).map(|(_, number)| *number).collect();
        assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>(), "by {speaker}");
    }
    assert!(last_id.is_string());
}
