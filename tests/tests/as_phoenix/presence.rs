//! Several presence keys of one member.

use serde_json::{Value, json};

use super::{Client, joined_with};

const TOPIC: &str = "presence:keys";

/// Calls, and gives the response and the keys that the `presence_diff`s before it say are left.
fn call(socket: &mut Client, event: &str, payload: &Value) -> (Value, Vec<String>) {
    socket.send_json(&json!(["1", event, TOPIC, event, payload]));
    let mut left = Vec::new();
    loop {
        let message = socket.expect_json();
        match message[3].as_str() {
            Some("phx_reply") => {
                assert_eq!((&message[1], &message[4]["status"]), (&json!(event), &json!("ok")));
                return (message[4]["response"].clone(), left);
            }
            Some("presence_diff") => left.extend(keys(&message[4]["leaves"])),
            _ => {}
        }
    }
}

fn keys(entries: &Value) -> Vec<String> {
    entries.as_object().expect("entries").keys().cloned().collect()
}

#[test]
fn untracking_one_key_leaves_the_others() {
    let mut socket = joined_with(TOPIC, &json!({ "user": "u" }));
    call(&mut socket, "track_also", &json!({ "key": "v" }));
    assert_eq!(keys(&call(&mut socket, "list", &json!({})).0), ["u", "v"]);
    let (_, left) = call(&mut socket, "untrack", &json!({}));
    assert_eq!(left, ["u"]);
    assert_eq!(keys(&call(&mut socket, "list", &json!({})).0), ["v"]);
}
