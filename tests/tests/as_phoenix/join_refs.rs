//! Elixir takes `false` for "none", as it takes `null`: `join_ref || ref`.

use serde_json::{Value, json};
use vestibule_phoenix::serializer::MAX_TERM;

use super::{Client, assert_quiet, connect, connect_with, crashed, reply};

/// Joins with this `join_ref`, and checks that the answer has it.
fn join(topic: &str, join_ref: &Value) -> Client {
    let mut socket = connect();
    socket.send_json(&json!([join_ref, "1", topic, "phx_join", {}]));
    assert_eq!(socket.expect_json(), reply(join_ref.clone(), "1", topic, json!({})));
    socket
}

#[test]
fn a_join_ref_of_false_counts_as_none() {
    let topic = "room:false";
    let mut socket = join(topic, &json!(false));
    for (number, join_ref) in [json!(false), json!(null)].iter().enumerate() {
        let reference = (number + 2).to_string();
        socket.send_json(&json!([join_ref, reference, topic, "push_then_reply", {}]));
        assert_eq!(socket.expect_json(), json!(["1", null, topic, "pushed", {}]), "{join_ref}");
        assert_eq!(socket.expect_json(), reply("1", &reference, topic, json!({})), "{join_ref}");
    }
    for stale in [json!("1"), json!(true), json!("false"), json!(0)] {
        socket.send_json(&json!([stale, "9", topic, "echo", {}]));
    }
    assert_quiet(&mut socket);
    socket.send_json(&json!([false, "4", topic, "phx_leave", {}]));
    assert_eq!(socket.expect_json(), reply("1", "4", topic, json!({})));
    assert_eq!(socket.expect_json(), json!([false, false, topic, "phx_close", {}]));
}

#[test]
fn a_crash_reports_a_join_ref_of_false() {
    let mut socket = join("room:false_crash", &json!(false));
    socket.send_json(&json!([false, "2", "room:false_crash", "crash", {}]));
    assert_eq!(socket.expect_json(), crashed(false, "room:false_crash"));
}

#[test]
fn other_json_values_are_valid_join_refs() {
    for join_ref in [json!(""), json!(0), json!(true), json!([]), json!({})] {
        let mut socket = join("room:odd", &join_ref);
        socket.send_json(&json!([join_ref, "2", "room:odd", "ok_only", {}]));
        assert_eq!(socket.expect_json(), reply(join_ref.clone(), "2", "room:odd", json!({})));
    }
}

#[test]
fn v1_accepts_a_join_ref_of_false() {
    let mut socket = connect_with("");
    let push = |event: &str, reference: &str| json!({ "topic": "room:v1_false", "event": event, "payload": {}, "ref": reference, "join_ref": false });
    socket.send_json(&push("phx_join", "1"));
    socket.send_json(&push("ok_only", "2"));
    for reference in ["1", "2"] {
        let reply = socket.expect_json();
        assert_eq!((&reply["ref"], &reply["payload"]["status"]), (&json!(reference), &json!("ok")));
    }
}

/// Phoenix has no limit except the frame's. A `join_ref` and a topic are kept for as long as the
/// join lasts.
#[test]
fn refs_topics_and_events_have_at_most_8_kib() {
    // Measured as written, with their quotes.
    let text = |start: &str, length: usize| format!("{start}{}", "x".repeat(length - 2 - start.len()));
    let message = |lengths: [usize; 4]| {
        let [join_ref, reference, topic, event] = lengths;
        let (join_ref, reference) = (text("", join_ref), text("", reference));
        json!([join_ref, reference, text("room:", topic), text("phx_leave", event), {}])
    };
    let mut socket = connect();
    let longest = message([MAX_TERM; 4]);
    socket.send_json(&longest);
    let answer = socket.expect_json();
    assert_eq!((&answer[1], &answer[2]), (&longest[1], &longest[2]));
    let joined = [MAX_TERM, MAX_TERM, MAX_TERM].map(|length| text("room:", length));
    socket.send_json(&json!([joined[0], joined[1], joined[2], "phx_join", {}]));
    assert_eq!(socket.expect_json(), reply(joined[0].clone(), &joined[1], &joined[2], json!({})));
    for field in 0..4 {
        let mut lengths = [20; 4];
        lengths[field] = MAX_TERM + 1;
        let mut socket = connect();
        socket.send_json(&message(lengths));
        assert_eq!(socket.expect_close().code, Some(1011), "field {field}");
    }
}
