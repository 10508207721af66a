//! The audit log: who acted, when, and that nothing changes its entries.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_tests::admin::{AdminServer, LIMITED, OPERATOR, READER, limited};
use vestibule_tests::http::Request;
use vestibule_tests::people::now_ms;

#[test]
fn the_audit_log_names_each_act_and_survives_restarts() {
    let mut admin = AdminServer::start(&[]);
    let before = now_ms();
    let target = "users/Zx3nL3ycWlDlsCvwwoHLHRtMHqkbbHVHDm6mBmkxLSA/disconnect";
    assert_eq!(admin.act("POST", target).status, 200);
    // Reads are not in it, nor are acts on unknown objects.
    admin.read("rooms");
    admin.read("audit");
    assert_eq!(admin.act("POST", "nothing").status, 404);
    let lines = admin.read("audit")["items"].clone();
    let at = lines[0]["at"].as_i64().expect("a time");
    assert!((before..=now_ms()).contains(&at));
    let expected = json!([{
        "number": 1, "at": at, "operator": "alice", "act": "POST /admin/v1/users/{uid}/disconnect", "target": target,
        "result": 200,
    }]);
    assert_eq!(lines, expected);

    admin.server.kill();
    admin.server.restart();
    assert_eq!(admin.read("audit")["items"], expected);
}

/// The fields of the log's lines about acts, in order.
fn logged(admin: &AdminServer) -> Vec<[String; 4]> {
    let log = admin.server.log();
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("no {name} in {line}"));
        rest.split([' ', '}']).next().unwrap_or_default().trim_matches('"').to_owned()
    };
    let acts = log.lines().filter(|line| line.contains(" administered "));
    acts.map(|line| ["admin", "method", "path", "status"].map(|name| field(line, name))).collect()
}

#[test]
fn each_act_is_logged_with_operator_object_and_result() {
    let admin = AdminServer::start(&[]);
    let user = "users/Zx3nL3ycWlDlsCvwwoHLHRtMHqkbbHVHDm6mBmkxLSA";
    let room = "rooms/TG4n0hbSJVVTS2RBYJ2cU1JcdKcKDKoMCKpVlAdsXxA";
    let creator = format!("{room}/creator");
    let mut expected = Vec::new();
    for (token, method, path, status) in [
        (OPERATOR, "POST", &*format!("{user}/disconnect"), 200),
        (OPERATOR, "POST", &format!("{user}/token"), 201),
        (OPERATOR, "DELETE", room, 404),
        (OPERATOR, "PUT", &creator, 415),
        (OPERATOR, "PATCH", room, 405),
        (OPERATOR, "POST", "nothing", 404),
        (READER, "DELETE", room, 403),
        (READER, "POST", "drain", 403),
    ] {
        let request = Request::new(method, &format!("/admin/v1/{path}"));
        assert_eq!(admin.ask(request, token).status, status, "{method} {path}");
        let who = if token == OPERATOR { "alice" } else { "prometheus" };
        expected.push([who.to_owned(), method.to_owned(), format!("/admin/v1/{path}"), status.to_string()]);
    }
    admin.read("audit");
    assert_eq!(logged(&admin), expected);
    // The audit log has the same results, for the acts that have endpoints.
    let lines = admin.read("audit")["items"].clone();
    let results: Vec<Value> =
        lines.as_array().expect("a list").iter().rev().map(|line| line["result"].clone()).collect();
    assert_eq!(results, [200, 201, 404, 415, 405, 403, 403].map(Value::from));
}

/// A back end may act many times a second: the audit log must not lose others' acts over it.
#[test]
fn a_back_ends_acts_share_a_line_of_the_audit_log() {
    let admin = AdminServer::start(&[("--log", "debug")]);
    let body =
        json!({ "messages": [{ "topic": "chat:1", "event": "secret_msg", "payload": { "x": "hush" } }] });
    let publish = || Request::post("/admin/v1/publish").json(&body);
    for token in [limited("publisher"), OPERATOR] {
        for _ in 0..3 {
            assert_eq!(admin.ask(publish(), token).status, 200);
        }
    }
    for _ in 0..3 {
        assert_eq!(admin.ask(Request::post("/admin/v1/drain"), limited("publisher")).status, 403);
    }
    let acts = admin.read("audit")["items"].clone();
    let acts = acts.as_array().expect("a list").iter().rev();
    let found: Vec<[&Value; 3]> =
        acts.map(|act| ["operator", "act", "result"].map(|name| &act[name])).collect();
    let publish = "POST /admin/v1/publish";
    let full = [json!("alice"), json!(publish), json!(200)];
    let expected = [
        [json!("publisher"), json!(publish), json!(200)],
        full.clone(),
        full.clone(),
        full,
        [json!("publisher"), json!("POST /admin/v1/drain"), json!(403)],
    ];
    assert_eq!(found, expected.each_ref().map(<[_; 3]>::each_ref));
    let log = admin.server.log();
    assert_eq!(logged(&admin).len(), 9, "the log has all: {log}");
    let tokens = LIMITED.map(|(_, _, token)| token);
    for secret in ["secret_msg", "hush"].into_iter().chain(tokens) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// An operator's tool is killed, or the connection breaks: acts that have begun are finished, and
/// their results are recorded.
#[test]
fn an_act_gets_its_status_even_if_the_operator_hangs_up() {
    const ACTS: usize = 30;
    let admin = AdminServer::start(&[]);
    let deadline = Instant::now() + Duration::from_secs(30);
    let lines = || admin.read("audit?limit=200")["items"].as_array().expect("a list").clone();
    // Requests that the server has not read when the connection breaks never begin.
    while lines().len() < ACTS {
        assert!(Instant::now() < deadline, "too few acts were begun");
        for pause_us in (0..3000).step_by(300) {
            hang_up_over_an_act(&admin, Duration::from_micros(pause_us));
        }
    }
    loop {
        let lines = lines();
        let open = lines.iter().filter(|line| line["result"].is_null()).count();
        if open == 0 && lines.len() == logged(&admin).len() {
            break;
        }
        assert!(Instant::now() < deadline, "{open} of {} acts have no result", lines.len());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends an act, and resets the connection after a pause.
fn hang_up_over_an_act(admin: &AdminServer, pause: Duration) {
    let path = "/admin/v1/users/Zx3nL3ycWlDlsCvwwoHLHRtMHqkbbHVHDm6mBmkxLSA";
    let mut stream = TcpStream::connect(admin.admin()).expect("a connection");
    let head = format!("DELETE {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {OPERATOR}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("an open socket");
    thread::sleep(pause);
    // A reset, as when a process is killed with an unread answer.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("an option");
}
