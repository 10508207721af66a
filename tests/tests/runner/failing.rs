//! Runs that the runner must fail.

use serde_json::{Value, json};
use vestibule_tests::ws::Frame;

use crate::canned::{Act, close, read, text, upgrade};
use crate::{response, run, run_with_handshake, transcript};

/// The run must fail with a report that contains the clue.
fn fails(outcome: Result<(), String>, clue: &str) {
    match outcome {
        Ok(()) => panic!("passed, though it had to fail with {clue:?}"),
        Err(report) => assert!(report.contains(clue), "no {clue:?} in: {report}"),
    }
}

/// The conversation that the server gets wrong in the tests below.
fn conversation() -> Value {
    transcript(&json!([{"send_text": "[1]"}, {"recv_text": [1, "ok"]}, {"recv_text": [2, "ok"]}]))
}

#[test]
fn a_changed_frame_fails() {
    let script = vec![read("[1]"), text("[1,\"ok\"]"), text("[2,\"no\"]")];
    fails(run(&conversation(), vec![script]), "got text [2,\"no\"]");
}

#[test]
fn an_integer_turned_fraction_fails() {
    let script = vec![read("[1]"), text("[1.0,\"ok\"]"), text("[2,\"ok\"]")];
    fails(run(&conversation(), vec![script]), "got 1.0");
}

#[test]
fn a_missing_frame_fails() {
    fails(run(&conversation(), vec![vec![read("[1]"), text("[1,\"ok\"]")]]), "got nothing");
}

#[test]
fn frames_in_the_wrong_order_fail() {
    let script = vec![read("[1]"), text("[2,\"ok\"]"), text("[1,\"ok\"]")];
    fails(run(&conversation(), vec![script]), "got text [2,\"ok\"]");
}

#[test]
fn an_extra_frame_fails() {
    let right = [read("[1]"), text("[1,\"ok\"]"), text("[2,\"ok\"]")];
    fails(run(&conversation(), vec![[right.as_slice(), &[text("3")]].concat()]), "expected nothing more");
    fails(run(&conversation(), vec![[right.as_slice(), &[close(1011)]].concat()]), "got close 1011");
    fails(
        run(&conversation(), vec![[right.as_slice(), &[Act::Hangup]].concat()]),
        "got the connection's end",
    );
    fails(run(&conversation(), vec![[&[text("0")], right.as_slice()].concat()]), "got text 0");
}

#[test]
fn a_frame_in_a_silence_fails() {
    fails(run(&transcript(&json!([{"recv_nothing_ms": 300}])), vec![vec![text("0")]]), "got text 0");
}

#[test]
fn a_frame_with_other_bytes_fails() {
    let steps = transcript(&json!([{"recv_raw": "[1]", "recv_text": [1]}]));
    fails(run(&steps, vec![vec![text("[ 1 ]")]]), "got text [ 1 ]");
    fails(run(&steps, vec![vec![Act::Send(Frame::binary("[1]"))]]), "got frame opcode 2");
    let fragment = Frame { fin: false, ..Frame::text("[1]") };
    fails(run(&steps, vec![vec![Act::Send(fragment)]]), "fin false");
}

#[test]
fn a_wrong_close_fails() {
    let steps = transcript(&json!([{"recv_close": {"code": 1001, "reason": ""}}, {"recv_eof": true}]));
    fails(run(&steps, vec![vec![close(1000), Act::Hangup]]), "got close 1000");
    fails(run(&steps, vec![vec![Act::Hangup]]), "got the connection's end");
    fails(run(&steps, vec![vec![close(1001)]]), "got nothing");
}

#[test]
fn a_wrong_frame_among_racing_ones_fails() {
    let steps = transcript(&json!([{"recv_any_order": [{"recv_text": 1}, {"recv_text": 2}]}]));
    fails(run(&steps, vec![vec![text("2"), text("2")]]), "got [text 2, text 2]");
    fails(run(&steps, vec![vec![text("2")]]), "got nothing behind [text 2]");
}

#[test]
fn a_repeated_or_late_optional_frame_fails() {
    let steps = transcript(&json!([{"recv_optional": {"recv_text": 1}}, {"recv_text": 2}]));
    fails(run(&steps, vec![vec![text("1"), text("1"), text("2")]]), "got text 1");
    fails(run(&steps, vec![vec![text("2"), text("1")]]), "expected nothing more");
}

#[test]
fn a_repeated_reference_fails() {
    let steps = transcript(&json!([
        {"recv_text": {"$any": "string", "$as": "x"}},
        {"recv_text": {"$any": "string", "$as": "y"}},
    ]));
    fails(run(&steps, vec![vec![text("\"r\""), text("\"r\"")]]), "a value not seen before");
}

#[test]
fn a_wrong_handshake_fails() {
    let steps = transcript(&json!([]));
    let wrong = |handshake| run_with_handshake(handshake, &steps, vec![Vec::new()]);
    fails(
        wrong(|_| "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned()),
        "expected the status 101",
    );
    fails(wrong(|_| upgrade("bm90IHRoZSByaWdodCBvbmU=")), "the accept header");
    fails(wrong(|accept| upgrade(accept).replace("WebSocket", "h2c")), "the header upgrade");
    fails(wrong(|accept| upgrade(accept).replace("Upgrade: WebSocket\r\n", "")), "expected a header upgrade");
    let select =
        |accept: &str| upgrade(accept).replace("\r\n\r\n", "\r\nsec-websocket-protocol: phoenix\r\n\r\n");
    fails(wrong(select), "expected no header sec-websocket-protocol");
}

#[test]
fn a_failed_server_action_fails() {
    let steps = transcript(&json!([{
        "server_action": "broadcast",
        "http": {"method": "POST", "path": "/admin/broadcast", "headers": {}},
        "response": {"status": 200, "headers": {}, "body": "fine"},
    }]));
    fails(run(&steps, vec![Vec::new()]), "expected the body \"fine\", got \"ok\"");
}

#[test]
fn unknown_steps_are_refused() {
    for (step, clue) in [
        (json!({"recv_txt": 1}), "nothing the runner understands"),
        (json!({}), "nothing the runner understands"),
        (json!({"recv_text": 1, "within_ms": 5}), "within_ms"),
        (json!({"send_text": "x", "recv_text": 1}), "recv_text"),
        (json!({"recv_text": 1, "pipelined": true}), "pipelined"),
        (json!({"recv_text": {"$any": "integer"}}), "placeholder"),
        (json!({"recv_optional": {"conn": "b", "recv_text": 1}}), "conn"),
        (json!({"recv_any_order": [{"send_text": "x"}]}), "nothing the runner understands"),
        (json!({"send_frame": {"opcode": 1, "rsv": 0, "payload_base64": "", "late": true}}), "late"),
        (json!({"server_action": "dance", "http": {}, "response": {}}), "the server action \"dance\""),
        (json!({"note": "only a note"}), "nothing the runner understands"),
        (json!({"note": "the server was started again"}), "start again"),
        (json!({"for": {"var": "i", "from": 1, "to": 2}, "steps": [{"recv_txt": "${i}"}]}), "recv_txt"),
        (json!({"send_text_template": "%Y%"}), "template"),
        (json!({"recv_frame": {"opcode": 1, "fin": true, "payload_base64": ""}}), "rsv"),
        (json!({"http_finish": "x", "response": response()}), "no request \"x\""),
        (
            json!({"open": {"path": "/", "headers": {}, "body": "x"}, "conn": "b", "response": response()}),
            "plain GET",
        ),
        (json!({"conn": "b", "recv_text": 1}), "no connection \"b\""),
        (json!({"send_text": "${x}"}), "nothing is remembered as x"),
        (json!({"send_binary_base64": "?"}), "no base64"),
        (json!({"recv_eof": false}), "not true"),
    ] {
        fails(run(&transcript(&json!([step])), vec![Vec::new()]), clue);
    }
}

#[test]
fn unknown_transcript_fields_are_refused() {
    for (key, value) in [("transport", json!("pigeon")), ("mood", json!("good")), ("steps", json!({}))] {
        let mut transcript = transcript(&json!([]));
        transcript[key] = value;
        assert!(run(&transcript, vec![Vec::new()]).is_err(), "passed with a strange {key}");
    }
}
