//! Runs that the runner must pass.

use serde_json::{Value, json};
use vestibule_tests::ws::{Frame, opcode};

use crate::canned::{Act, close, read, text};
use crate::{response, run, transcript};

fn passes(steps: &Value, scripts: Vec<Vec<Act>>) {
    let outcome = run(&transcript(steps), scripts);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_conversation_passes() {
    passes(
        &json!([
            {"send_text": "[1]", "note": "for readers"},
            {"recv_text": [1, {"a": null}], "after_ms_about": 3},
            {"recv_raw": "[ 2 ]", "recv_text": [2]},
            {"recv_nothing_ms": 20},
        ]),
        vec![vec![read("[1]"), text("[1,{\"a\":null}]"), text("[ 2 ]")]],
    );
}

#[test]
fn remembered_values_pass() {
    passes(
        &json!([
            {"recv_text": {"ref": {"$any": "string", "$as": "x"}}},
            {"recv_text": {"again": {"$same": "x"}, "text": {"$json_text": [1]}}},
            {"send_text": "<${x}>"},
            {"recv_text": 1},
        ]),
        vec![vec![
            text("{\"ref\":\"r1\"}"),
            text("{\"again\":\"r1\",\"text\":\"[ 1 ]\"}"),
            read("<r1>"),
            text("1"),
        ]],
    );
}

#[test]
fn frames_in_any_order_may_bind_each_others_values() {
    let steps = json!([{"recv_any_order": [
        {"recv_text": ["diff", {"$any": "string", "$as": "x"}]},
        {"recv_text": ["state", {"$same": "x"}]},
    ]}]);
    passes(&steps, vec![vec![text("[\"diff\",\"r1\"]"), text("[\"state\",\"r1\"]")]]);
    passes(&steps, vec![vec![text("[\"state\",\"r1\"]"), text("[\"diff\",\"r1\"]")]]);
}

#[test]
fn an_optional_frame_may_come_or_not() {
    let steps =
        json!([{"recv_optional": {"recv_text": 1}}, {"recv_text": 2}, {"recv_optional": {"recv_text": 3}}]);
    passes(&steps, vec![vec![text("1"), text("2"), text("3")]]);
    passes(&steps, vec![vec![text("2")]]);
}

#[test]
fn pipelined_steps_go_out_in_one_write() {
    passes(
        &json!([
            {"send_text": "a", "pipelined": true},
            {"send_text": "b", "pipelined": true},
            {"recv_text": 1},
            {"send_text": "c"},
            {"recv_text": 2},
        ]),
        vec![vec![Act::Read(vec!["a", "b"]), text("1"), read("c"), text("2")]],
    );
}

#[test]
fn a_handshake_and_the_frames_behind_it_go_out_in_one_write() {
    let open = json!({"path": "/socket/websocket", "headers": {}});
    let steps = json!([
        {"conn": "b", "open": open, "response": response(), "pipelined": true},
        {"conn": "b", "send_text": "a", "pipelined": true},
        {"conn": "b", "recv_text": 1},
    ]);
    passes(&steps, vec![Vec::new(), vec![read("a"), text("1")]]);
}

#[test]
fn loops_and_templates_pass() {
    passes(
        &json!([
            {"for": {"var": "i", "from": 1, "to": 2}, "steps": [{"send_text": "${i}"}, {"recv_text": ["${i}"]}]},
            {"send_text_template": "%X*3%"},
            {"recv_text_template": "%OPEN*2%%CLOSE*2%", "observed_equal": true},
            {"recv_frame": {"opcode": 1, "fin": true, "rsv": 4, "payload_base64": "eA=="}},
        ]),
        vec![vec![
            read("1"),
            text("[\"1\"]"),
            read("2"),
            text("[\"2\"]"),
            read("xxx"),
            text("[[]]"),
            Act::Send(Frame { rsv: 4, ..Frame::text("x") }),
        ]],
    );
}

#[test]
fn a_servers_close_is_answered_with_its_code() {
    passes(
        &json!([{"recv_close": {"code": 1001, "reason": ""}}, {"recv_eof": true}]),
        vec![vec![close(1001), read("\u{3}\u{fffd}"), Act::Hangup]],
    );
}

#[test]
fn a_clients_close_is_not_answered_twice() {
    passes(
        &json!([
            {"send_close": {"code": null}},
            {"recv_close": {"code": 1000, "reason": ""}},
            {"wait_ms": 20},
            {"send_ping_base64": "eA=="},
            {"recv_eof": true},
        ]),
        vec![vec![read(""), close(1000), read("x"), Act::Hangup]],
    );
}

#[test]
fn frames_other_than_text_pass() {
    passes(
        &json!([
            {"send_binary_base64": "YQ=="},
            {"recv_binary_base64": "Yg=="},
            {"send_frame": {"opcode": 9, "fin": false, "rsv": 4, "masked": true, "payload_repeat": {"byte": "z", "count": 3}}},
            {"recv_pong_base64": ""},
            {"send_raw_base64": "gYAAAAAA"},
            {"recv_text": 1},
            {"send_pong_base64": "eA=="},
            {"recv_text": 2},
            {"tcp_close": true},
        ]),
        vec![vec![
            read("a"),
            Act::Send(Frame::binary("b")),
            read("zzz"),
            Act::Send(Frame::new(opcode::PONG, "")),
            read(""),
            text("1"),
            read("x"),
            text("2"),
        ]],
    );
}

#[test]
fn several_connections_and_a_server_action_pass() {
    passes(
        &json!([
            {"conn": "b", "open": {"path": "/socket/websocket", "query": "vsn=1.0.0", "headers": {}}, "response": response()},
            {"conn": "b", "send_text": "b"},
            {"conn": "b", "recv_text": "b"},
            {
                "server_action": "broadcast",
                "http": {"method": "POST", "path": "/admin/broadcast", "query": {"topic": "t"}, "headers": {}, "body": "{}"},
                "response": {"status": 200, "headers": {"vary": "the recorded server's own"}, "body": "ok"},
            },
            {"send_text": "a"},
            {"recv_text": "a"},
        ]),
        vec![vec![read("a"), text("\"a\"")], vec![read("b"), text("\"b\"")]],
    );
}
