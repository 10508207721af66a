//! A channel's pushes while it handles the end of a join, as from Phoenix's `terminate`.

use serde_json::{Value, json};

use super::{assert_quiet, crashed, joined, reply};

fn last_word(topic: &str) -> Value {
    json!(["1", null, topic, "last_word", { "bye": true }])
}

fn closed(topic: &str) -> Value {
    json!(["1", "1", topic, "phx_close", {}])
}

#[test]
fn terminate_pushes_follow_the_close_of_a_leave() {
    let topic = "edges:leave";
    let mut socket = joined(topic);
    socket.send_json(&json!(["1", "2", topic, "phx_leave", {}]));
    for expected in [reply("1", "2", topic, json!({})), closed(topic), last_word(topic)] {
        assert_eq!(socket.expect_json(), expected);
    }
    assert_quiet(&mut socket);
}

#[test]
fn terminate_pushes_follow_the_close_of_a_stop() {
    let topic = "edges:stop";
    let mut socket = joined(topic);
    socket.send_json(&json!(["1", "2", topic, "stop", {}]));
    for expected in [closed(topic), last_word(topic)] {
        assert_eq!(socket.expect_json(), expected);
    }
    assert_quiet(&mut socket);
}

#[test]
fn terminate_pushes_precede_the_error_of_a_crash() {
    let topic = "edges:crash";
    let mut socket = joined(topic);
    socket.send_json(&json!(["1", "2", topic, "crash", {}]));
    for expected in [last_word(topic), crashed("1", topic)] {
        assert_eq!(socket.expect_json(), expected);
    }
    assert_quiet(&mut socket);
}

#[test]
fn terminate_pushes_of_a_replaced_join_follow_the_new_reply() {
    let topic = "edges:again";
    let mut socket = joined(topic);
    socket.send_json(&json!(["2", "2", topic, "phx_join", {}]));
    for expected in [reply("2", "2", topic, json!({})), last_word(topic), closed(topic)] {
        assert_eq!(socket.expect_json(), expected);
    }
    socket.send_json(&json!(["2", "3", topic, "echo", {}]));
    assert_eq!(socket.expect_json(), reply("2", "3", topic, json!({})));
}
