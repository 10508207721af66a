//! Several presence keys of one member.

use serde_json::{Value, json};

use super::{Client, joined_with};

/// What an event is answered, and the keys that the `presence_diff`s before that say are left.
fn call(socket: &mut Client, topic: &str, event: &str, payload: &Value) -> (Value, Vec<String>) {
    socket.send_json(&json!(["1", "2", topic, event, payload]));
    let mut left = Vec::new();
    loop {
        let message = socket.expect_json();
        match message[3].as_str() {
            Some("phx_reply") => return (message[4].clone(), left),
            Some("presence_diff") => left.extend(keys(&message[4]["leaves"])),
            _ => {}
        }
    }
}

fn list(socket: &mut Client, topic: &str) -> Value {
    call(socket, topic, "list", &json!({})).0["response"].clone()
}

fn keys(entries: &Value) -> Vec<String> {
    entries.as_object().expect("entries").keys().cloned().collect()
}

#[test]
fn untracking_one_key_leaves_the_others() {
    let topic = "presence:untrack";
    let mut socket = joined_with(topic, &json!({ "user": "u" }));
    call(&mut socket, topic, "track_also", &json!({ "key": "v" }));
    assert_eq!(keys(&list(&mut socket, topic)), ["u", "v"]);
    assert_eq!(call(&mut socket, topic, "untrack", &json!({})).1, ["u"]);
    assert_eq!(keys(&list(&mut socket, topic)), ["v"]);
}

#[test]
fn who_is_tracked_is_not_tracked_again() {
    let topic = "presence:again";
    let mut socket = joined_with(topic, &json!({ "user": "u" }));
    for status in ["ok", "error"] {
        assert_eq!(call(&mut socket, topic, "track_also", &json!({ "key": "v" })).0["status"], status);
    }
    assert_eq!(list(&mut socket, topic)["v"]["metas"].as_array().map(Vec::len), Some(1));
}
