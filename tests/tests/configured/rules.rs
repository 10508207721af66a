//! Who may join, what may be published, and who is seen.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::OPERATOR;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Message, PATIENCE, Room};

use crate::site::Site;

const CHAT: &str = r#"
[channels."chat:*"]
join = "anyone"
publish = ["new_msg", "typing"]
presence = true
presence_params = ["name"]
max_payload = { new_msg = "1KiB" }

[channels."cursors:*"]
join = "anyone"
publish = "any"
echo = false
reply = "none"

[channels."news"]
join = "account"
reply = "payload"
"#;

const LOBBY: &str = "chat:lobby";

/// What arrives until a message of this event, the last one included.
#[track_caller]
fn until(device: &mut Device, event: &str) -> Vec<Message> {
    let mut told: Vec<Message> = Vec::new();
    while told.last().is_none_or(|message| message.event != event) {
        told.push(device.next_within(PATIENCE).expect("an open connection").expect("a message"));
    }
    told
}

#[test]
fn what_one_publishes_reaches_all() {
    let site = Site::new(CHAT);
    let (mut alice, mut bob) = (site.stranger(), site.stranger());
    for (device, name) in [(&mut alice, "Alice"), (&mut bob, "Bob")] {
        assert_eq!(device.call(LOBBY, "phx_join", json!({ "name": name })).ok(), json!({}));
        device.push(LOBBY, "presence_state");
    }
    let said = json!({ "body": "hi", "n": 1.0 });
    assert_eq!(alice.call(LOBBY, "new_msg", &said).ok(), json!({}));
    assert_eq!(bob.push(LOBBY, "new_msg"), said);
    assert_eq!(alice.push(LOBBY, "new_msg"), said, "the sender too, as with Phoenix's broadcast");
}

#[test]
fn only_listed_events_and_sizes_are_published() {
    let site = Site::new(CHAT);
    let (mut alice, mut bob) = (site.stranger(), site.stranger());
    for device in [&mut alice, &mut bob] {
        device.join(LOBBY).ok();
        device.push(LOBBY, "presence_state");
    }
    alice.push(LOBBY, "presence_diff");
    // `{"body":"…"}`.
    let of_size = |bytes: usize| json!({ "body": "x".repeat(bytes - 11) });
    for (event, payload, reason) in [
        ("shout", json!({}), "not_allowed"),
        ("presence_diff", json!({ "joins": {}, "leaves": {} }), "not_allowed"),
        ("new_msg", of_size(1025), "too_large"),
        ("new_msg", json!([1]), "bad_payload"),
        ("typing", json!(null), "bad_payload"),
    ] {
        assert_eq!(alice.call(LOBBY, event, &payload).refused(), reason, "{event}");
    }
    alice.call(LOBBY, "new_msg", of_size(1024)).ok();
    alice.call(LOBBY, "typing", of_size(1025)).ok();
    let told = until(&mut bob, "typing");
    let published: Vec<&str> = told.iter().map(|message| message.event.as_str()).collect();
    assert_eq!(published, ["new_msg", "typing"]);
}

#[test]
fn a_sender_may_be_left_out_and_not_answered() {
    let site = Site::new(CHAT);
    let (mut alice, mut bob) = (site.stranger(), site.stranger());
    for device in [&mut alice, &mut bob] {
        device.join("cursors:1").ok();
    }
    let moved = json!({ "x": 1, "y": 2 });
    alice.send("cursors:1", "move", &moved).expect("an open connection");
    assert_eq!(bob.push("cursors:1", "move"), moved);
    assert_eq!(alice.call("cursors:1", "phx_error", json!({})).refused(), "not_allowed");
    bob.send("cursors:1", "end", &json!({})).expect("an open connection");
    let told = until(&mut alice, "end");
    assert_eq!(told.len(), 1, "no echo and no reply: {told:?}");
}

#[test]
fn those_who_have_joined_see_each_other() {
    let site = Site::new(CHAT);
    let (mut alice, mut bob) = (site.stranger(), site.user());
    let long = "x".repeat(300);
    alice.call(LOBBY, "phx_join", json!({ "name": "Alice", "secret": 1 })).ok();
    let state = alice.push(LOBBY, "presence_state");
    let [(_, entry)] = &state.as_object().expect("entries").iter().collect::<Vec<_>>()[..] else {
        panic!("{state}")
    };
    let meta = &entry["metas"][0];
    assert_eq!((&meta["name"], meta.get("secret")), (&json!("Alice"), None), "only what is configured");
    assert!(meta["online_at"].as_str().is_some_and(|at| at.parse::<u64>().is_ok()), "{meta}");

    bob.call(LOBBY, "phx_join", json!({ "name": long })).ok();
    let diff = alice.push(LOBBY, "presence_diff");
    let shown = &diff["joins"][bob.uid.to_string()]["metas"][0];
    assert!(shown.is_object() && shown.get("name").is_none(), "by the account, and nothing long: {diff}");
    drop(bob);
    let diff = alice.push(LOBBY, "presence_diff");
    assert_eq!(diff["leaves"].as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn an_account_may_be_required() {
    let site = Site::new(CHAT);
    let (mut stranger, mut user) = (site.stranger(), site.user());
    assert_eq!(stranger.join("news").refused(), "unauthorized");
    user.join("news").ok();
    assert_eq!(user.call("news", "say", json!({})).refused(), "not_allowed", "nothing by default");
}

#[test]
fn a_configured_channel_and_a_room_share_a_socket() {
    let site = Site::new(CHAT);
    let room = Room::new(Alg::Ed25519);
    let mut device = site.user();
    device.join(LOBBY).ok();
    device.enter(&room);
    device.call(LOBBY, "new_msg", json!({ "body": "hi" })).ok();
    assert_eq!(device.push(LOBBY, "new_msg"), json!({ "body": "hi" }));
}

#[test]
fn an_unmatched_topic_leaves_a_line_in_the_log() {
    let site = Site::new(CHAT);
    let mut device = site.stranger();
    for topic in ["game:1", "game:2", "lobby"] {
        let refused = device.join(topic);
        assert_eq!((&*refused.status, &refused.response), ("error", &json!({ "reason": "unmatched topic" })));
    }
    let log = site.server().log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("no channel for this topic")).collect();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.contains("[channels.\"game:*\"]") && line.contains("game:1"), "{line}");
}

#[test]
fn operators_publish_what_clients_may_not() {
    let site = Site::new(CHAT);
    let mut user = site.user();
    user.join("news").ok();
    let say = |topic: &str, event: &str| {
        let body = json!({ "event": event, "payload": { "headline": "rain" } });
        let request = Request::post(&format!("/admin/v1/topics/{topic}/broadcast")).json(&body);
        site.admin.ask(request, OPERATOR)
    };
    assert_eq!(say("news", "headline").json(), json!({ "heard": true }));
    assert_eq!(user.push("news", "headline"), json!({ "headline": "rain" }));
    assert_eq!(say(LOBBY, "headline").json(), json!({ "heard": false }), "nobody is there");
    assert_eq!(say("news", "phx_close").status, 422);
    assert_eq!(say("game:1", "headline").status, 404);
}
