//! Several presence keys of one subscriber.

use serde_json::{Value, json};

use super::{Client, joined_with};

/// The response to an event.
fn call(socket: &mut Client, topic: &str, event: &str, payload: &Value) -> Value {
    socket.send_json(&json!(["1", "2", topic, event, payload]));
    loop {
        let message = socket.expect_json();
        if message[3] == "phx_reply" {
            return message[4].clone();
        }
    }
}

/// The keys that the next `presence_diff` reports as left: a moment later, together with other
/// changes.
fn left(socket: &mut Client) -> Vec<String> {
    loop {
        let message = socket.expect_json();
        if message[3] == "presence_diff" && message[4]["leaves"] != json!({}) {
            return keys(&message[4]["leaves"]);
        }
    }
}

fn list(socket: &mut Client, topic: &str) -> Value {
    call(socket, topic, "list", &json!({}))["response"].clone()
}

fn keys(entries: &Value) -> Vec<String> {
    entries.as_object().expect("entries").keys().cloned().collect()
}

#[test]
fn untracking_one_key_keeps_the_others() {
    let topic = "presence:untrack";
    let mut socket = joined_with(topic, &json!({ "user": "u" }));
    call(&mut socket, topic, "track_also", &json!({ "key": "v" }));
    assert_eq!(keys(&list(&mut socket, topic)), ["u", "v"]);
    socket.send_json(&json!(["1", "3", topic, "untrack", {}]));
    assert_eq!(left(&mut socket), ["u"]);
    assert_eq!(keys(&list(&mut socket, topic)), ["v"]);
}

#[test]
fn tracking_twice_is_an_error() {
    let topic = "presence:again";
    let mut socket = joined_with(topic, &json!({ "user": "u" }));
    for status in ["ok", "error"] {
        assert_eq!(call(&mut socket, topic, "track_also", &json!({ "key": "v" }))["status"], status);
    }
    assert_eq!(list(&mut socket, topic)["v"]["metas"].as_array().map(Vec::len), Some(1));
}
