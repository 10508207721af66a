//! The log's formats. `tests/tests/secrets` checks that nothing secret is in it.

use std::collections::BTreeSet;

use serde_json::Value;
use vestibule_tests::admin::{AdminServer, READER};
use vestibule_tests::http::Request;
use vestibule_tests::process::Launch;
use vestibule_tests::scene::Scene;

#[test]
fn the_json_log_has_one_object_a_line_with_ids() {
    let mut admin = AdminServer::start(&[("--log-format", "json"), ("--log", "debug")]);
    let metrics = admin.ask(Request::get("/metrics"), READER);
    let id = metrics.header("x-request-id").expect("an id").to_owned();
    let server = &mut admin.server;
    let mut scene = Scene::new(server);
    scene.guest.send(&scene.topic, "odd", &Value::Null).expect("an open connection");
    let answered = Request::get("/v1/rooms").send(server.address()).expect("a response");
    assert_eq!(answered.header("x-request-id"), None, "clients are not told how many calls there are");
    assert_eq!(server.terminate().code(), Some(0));

    let log = server.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{line} has no {field}");
        }
    }
    let of_call = |message: &str| {
        lines
            .iter()
            .find(|line| line["request"] == id.as_str() && line["message"] == message)
            .expect("a line")
    };
    let answered = of_call("answered");
    assert_eq!((&answered["method"], &answered["status"]), (&"GET".into(), &200.into()));
    assert_eq!(answered["route"], "/metrics");
    // The call that opened a connection names it.
    let connected: Vec<&Value> = lines.iter().filter(|line| line["message"] == "connected").collect();
    assert!(connected.iter().all(|line| line["request"].is_string() && line["connection"].is_u64()));
    let ids: BTreeSet<&str> = connected.iter().filter_map(|line| line["request"].as_str()).collect();
    assert_eq!((connected.len(), ids.len()), (connected.len().max(2), connected.len()));
}

#[test]
fn an_unknown_log_format_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let output = Launch::bare().arg("--log-format").arg("xml").run(folder.path());
    assert_eq!(output.status.code(), Some(2));
}
