//! HTTP steps and long poll.

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule_tests::golden::Runner;

use crate::canned;

type Answers = Vec<(u16, &'static str, &'static str)>;

fn run(steps: &Value, answers: Answers) -> Result<(), String> {
    let transcript = json!({"name": "test", "about": "", "transport": "longpoll", "steps": steps, "runs": 1});
    Runner::new(canned::serve_http(answers)).patience(Duration::from_millis(500)).run(&transcript)
}

fn get(response: &Value) -> Value {
    json!({"http": {"method": "GET", "path": "/longpoll", "query": {"vsn": "2.0.0"}, "headers": {}}, "response": response})
}

fn fails(outcome: Result<(), String>, clue: &str) {
    match outcome {
        Ok(()) => panic!("passed, though it had to fail with {clue:?}"),
        Err(report) => assert!(report.contains(clue), "no {clue:?} in: {report}"),
    }
}

#[test]
fn status_headers_and_body_are_compared() {
    let steps = json!([get(&json!({
        "status": 200,
        "headers": {"cache-control": "no-store", "vary": "the recorded server's own", "content-length": "1234"},
        "json": {"status": 204},
    }))]);
    let no_store = "cache-control: no-store\r\n";
    assert_eq!(run(&steps, vec![(200, no_store, "{\"status\":204}")]), Ok(()));
    fails(run(&steps, vec![(200, no_store, "{\"status\":410}")]), "got 410");
    fails(run(&steps, vec![(201, no_store, "{\"status\":204}")]), "expected the status 200");
    fails(run(&steps, vec![(200, "", "{\"status\":204}")]), "expected a header cache-control");
    fails(run(&steps, vec![(200, no_store, "204")]), "got 204");
}

#[test]
fn of_an_error_status_and_cors_headers_are_compared() {
    let steps = json!([get(&json!({
        "status": 400,
        "headers": {"access-control-allow-origin": "*", "cache-control": "no-store"},
        "body": "a page",
    }))]);
    let any_origin = "access-control-allow-origin: *\r\n";
    assert_eq!(run(&steps, vec![(400, any_origin, "another page")]), Ok(()));
    fails(run(&steps, vec![(500, any_origin, "a page")]), "expected the status 400");
    fails(run(&steps, vec![(400, "", "a page")]), "access-control-allow-origin");
}

#[test]
fn messages_may_come_with_the_next_poll() {
    let steps = json!([get(&json!({"status": 200, "headers": {}, "json": {"messages": ["a", "b"]}}))]);
    let poll = |messages| (200, "", messages);
    assert_eq!(run(&steps, vec![poll("{\"messages\":[\"a\"]}"), poll("{\"messages\":[\"b\"]}")]), Ok(()));
    fails(run(&steps, vec![poll("{\"messages\":[\"a\"]}"), poll("{\"messages\":[]}")]), "/messages");
    fails(run(&steps, vec![poll("{\"messages\":[\"b\"]}"), poll("{\"messages\":[\"a\"]}")]), "/messages/0");
    fails(run(&steps, vec![poll("{\"messages\":[]}")]), "/messages");
}

#[test]
fn racing_messages_may_come_in_any_order() {
    let steps = json!([get(&json!({
        "status": 200,
        "headers": {},
        "messages_any_order_from": 1,
        "json": {"messages": ["a", {"$any": "string", "$as": "x"}, "c"]},
    }))]);
    for body in ["{\"messages\":[\"a\",\"b\",\"c\"]}", "{\"messages\":[\"a\",\"c\",\"b\"]}"] {
        assert_eq!(run(&steps, vec![(200, "", body)]), Ok(()), "{body}");
    }
    for body in ["{\"messages\":[\"c\",\"a\",\"b\"]}", "{\"messages\":[]}", "{}"] {
        assert!(run(&steps, vec![(200, "", body)]).is_err(), "{body}");
    }
}

#[test]
fn a_request_can_run_beside_others() {
    let ok = json!({"status": 200, "headers": {}, "json": 1});
    let mut start = get(&ok);
    start.as_object_mut().expect("a step").remove("response");
    start["http_start"] = json!("poll");
    let finish = |response: Value| json!({"http_finish": "poll", "response": response});
    let answers = || vec![(200, "", "1"), (200, "", "2")];
    let second = get(&json!({"status": 200, "headers": {}, "json": 2}));
    assert_eq!(run(&json!([start, second, finish(ok.clone())]), answers()), Ok(()));
    fails(run(&json!([start, second, finish(second["response"].clone())]), answers()), "got 1");
    fails(run(&json!([start, second]), answers()), "does not finish");
    fails(run(&json!([start, start]), answers()), "twice");
}

#[test]
fn a_transcript_can_restart_the_server() {
    let steps = json!([{"note": "the server was started again"}]);
    let transcript = json!({"name": "test", "about": "", "transport": "longpoll", "steps": steps, "runs": 1});
    let restarts = Cell::new(0);
    let restart = || restarts.set(restarts.get() + 1);
    let outcome = Runner::new(canned::serve_http(Vec::new())).restart_by(&restart).run(&transcript);
    assert_eq!((outcome, restarts.get()), (Ok(()), 1));
}
