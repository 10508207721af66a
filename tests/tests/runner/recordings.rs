//! A client's recordings: two directions, or two HTTP connections, put back into one order.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_tests::golden::Runner;

use crate::canned::{self, Act, close, read, text};

fn recording(connections: &Value) -> Value {
    json!({"scenario": "test", "client": "", "client_log": [], "stderr": "", "connections": connections})
}

/// A join, a push without a reply, a heartbeat, and the client's close.
fn websocket() -> Value {
    recording(&json!([{
        "request": "GET /socket/websocket?vsn=2.0.0 HTTP/1.1",
        "headers": {"sec-websocket-key": "<random>"},
        "response": "HTTP/1.1 101 Switching Protocols",
        "response_headers": {"upgrade": "websocket"},
        "client_frames": [
            {"text": "[\"1\",\"1\",\"t\",\"phx_join\",{}]"},
            {"text": "[\"1\",\"2\",\"t\",\"push_me\",{}]"},
            {"text": "[null,\"3\",\"phoenix\",\"heartbeat\",{}]"},
            {"close": null, "reason": ""},
        ],
        "server_frames": [
            {"text": "[\"1\",\"1\",\"t\",\"phx_reply\",\"<ref>\"]"},
            {"text": "[\"1\",null,\"t\",\"pushed\",\"<ref>\"]"},
            {"text": "[null,\"3\",\"phoenix\",\"phx_reply\",{}]"},
            {"close": 1000, "reason": ""},
        ],
    }]))
}

fn run_websocket(pushed: &str) -> Result<(), String> {
    let script = vec![
        read("[\"1\",\"1\",\"t\",\"phx_join\",{}]"),
        text("[\"1\",\"1\",\"t\",\"phx_reply\",\"r\"]"),
        read("[\"1\",\"2\",\"t\",\"push_me\",{}]"),
        text(pushed),
        read("[null,\"3\",\"phoenix\",\"heartbeat\",{}]"),
        text("[null,\"3\",\"phoenix\",\"phx_reply\",{}]"),
        read(""),
        close(1000),
        Act::Hangup,
    ];
    let server = canned::serve(canned::upgrade, vec![script]);
    Runner::new(server).patience(Duration::from_millis(500)).run(&websocket())
}

#[test]
fn a_websocket_recording_is_replayed() {
    assert_eq!(run_websocket("[\"1\",null,\"t\",\"pushed\",\"r\"]"), Ok(()));
    let wrong = run_websocket("[\"1\",null,\"t\",\"pushed\",\"another\"]");
    assert!(wrong.is_err_and(|report| report.contains("another")));
}

/// Two messages in one POST, their replies in one response or two.
fn run_longpoll(polls: &[&'static str]) -> Result<(), String> {
    let get = |token: &str, body: &str| {
        json!({
            "request": format!("GET /longpoll?{token} HTTP/1.1"),
            "headers": {"accept-encoding": "gzip"},
            "response": {"status_line": "HTTP/1.1 200 OK", "content_encoding": "gzip", "body": body},
        })
    };
    let recording = recording(&json!([
        {"http_keepalive": [
            get("", "{\"messages\":[],\"status\":410,\"token\":\"<token>\"}"),
            get("token=<token>", "{\"messages\":[\"[1,1,1,\\\"phx_reply\\\"]\",\"[1,2,1,\\\"phx_reply\\\"]\"],\"status\":200,\"token\":\"<token>\"}"),
            {"request": "GET /longpoll?token=<token> HTTP/1.1", "headers": {}, "response": null},
        ]},
        {"http_keepalive": [{
            "request": "POST /longpoll?token=<token> HTTP/1.1",
            "headers": {},
            "body": "[1,1]\n[1,2]",
            "response": {"status_line": "HTTP/1.1 200 OK", "content_encoding": "gzip", "body": "{\"status\":200}"},
        }]},
    ]));
    let mut answers =
        vec![(200, "", "{\"messages\":[],\"status\":410,\"token\":\"T\"}"), (200, "", "{\"status\":200}")];
    answers.extend(polls.iter().map(|body| (200, "", *body)));
    Runner::new(canned::serve_http(answers)).run(&recording)
}

#[test]
fn a_long_poll_recording_is_replayed() {
    let (one, two) = ("\"[1,1,1,\\\"phx_reply\\\"]\"", "\"[1,2,1,\\\"phx_reply\\\"]\"");
    let poll = |messages: &str| -> &'static str {
        // A test's few answers may live as long as the test.
        Box::leak(format!("{{\"messages\":[{messages}],\"status\":200,\"token\":\"T\"}}").into_boxed_str())
    };
    let both = poll(&format!("{one},{two}"));
    assert_eq!(run_longpoll(&[both]), Ok(()));
    assert_eq!(run_longpoll(&[poll(one), poll(two)]), Ok(()));
    assert!(run_longpoll(&[poll(two), poll(one)]).is_err(), "the wrong order");
    assert!(run_longpoll(&[poll(&format!("{one},{two},{two}"))]).is_err(), "one more");
    assert!(
        run_longpoll(&[poll(one), "{\"messages\":[],\"status\":204,\"token\":\"T\"}"]).is_err(),
        "one less"
    );
}

#[test]
fn unknown_recording_fields_are_refused() {
    for (key, value) in
        [("mood", json!("good")), ("connections", json!([])), ("connections", json!([1, 2, 3]))]
    {
        let mut strange = websocket();
        strange[key] = value;
        let server = canned::serve(canned::upgrade, Vec::new());
        assert!(Runner::new(server).run(&strange).is_err(), "passed with a strange {key}");
    }
}
