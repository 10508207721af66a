//! The topic `admin`: metrics over a channel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};
use vestibule_tests::admin::{AdminServer, OPERATOR, READER};
use vestibule_tests::ws::{Handshake, Socket};

use crate::metrics;

const JOIN: [&str; 3] = ["1", "1", "admin"];

/// Connects as phoenix.js does with an `authToken`.
fn connect(admin: &AdminServer, token: Option<&str>) -> Socket {
    let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0");
    let handshake = match token {
        None => handshake,
        Some(token) => {
            let beside = STANDARD_NO_PAD.encode(token);
            handshake.protocol(&format!("phoenix, base64url.bearer.phx.{beside}"))
        }
    };
    handshake.open(admin.admin()).expect("an answer").accepted()
}

fn join(socket: &mut Socket) -> Value {
    let [join_ref, reference, topic] = JOIN;
    socket.send_json(&json!([join_ref, reference, topic, "phx_join", {}]));
    let reply = socket.expect_json();
    assert_eq!((&reply[2], &reply[3]), (&json!("admin"), &json!("phx_reply")));
    reply[4].clone()
}

fn next_metrics(socket: &mut Socket) -> Value {
    let push = socket.expect_json();
    assert_eq!((&push[2], &push[3]), (&json!("admin"), &json!("metrics")), "{push}");
    push[4].clone()
}

#[test]
fn the_admin_topic_needs_a_valid_token() {
    let admin = AdminServer::start(&[]);
    for token in [None, Some("wrong"), Some(&READER[1..])] {
        let mut socket = connect(&admin, token);
        assert_eq!(join(&mut socket), json!({ "status": "error", "response": { "reason": "unauthorized" } }));
    }
    let mut socket = connect(&admin, Some(READER));
    socket.send_json(&json!(["1", "1", "room:any", "phx_join", {}]));
    assert_eq!(socket.expect_json()[4]["response"]["reason"], json!("unmatched topic"));
}

#[test]
fn the_admin_topic_pushes_metrics_every_second() {
    let admin = AdminServer::start(&[]);
    let mut sockets = Vec::new();
    for (token, name, access) in [(READER, "prometheus", "read"), (OPERATOR, "alice", "full")] {
        let mut socket = connect(&admin, Some(token));
        let response = json!({ "name": name, "access": access, "every_ms": 1000 });
        assert_eq!(join(&mut socket), json!({ "status": "ok", "response": response }));
        sockets.push(socket);
    }
    let scraped = metrics(&admin);
    for socket in &mut sockets {
        let (first, second) = (next_metrics(socket), next_metrics(socket));
        let passed = second["at"].as_i64().expect("a time") - first["at"].as_i64().expect("a time");
        assert!((500..5000).contains(&passed), "{passed} ms");
        let series = second["series"].as_object().expect("an object");
        assert_eq!(series["vestibule_ready"], json!(1.0));
        assert_eq!(series["vestibule_connections{transport=\"websocket\"}"], json!(0.0), "of clients");
        assert!(
            scraped
                .sample_names()
                .iter()
                .all(|name| { series.keys().any(|key| key.split('{').next() == Some(name)) })
        );
    }

    // A client that leaves does not affect the others.
    sockets.remove(0);
    for _ in 0..2 {
        next_metrics(&mut sockets[0]);
    }
    sockets[0].send_json(&json!(["1", "2", "admin", "anything", {}]));
    let reply = loop {
        let message = sockets[0].expect_json();
        if message[3] == "phx_reply" {
            break message;
        }
    };
    assert_eq!(reply[4], json!({ "status": "error", "response": { "reason": "unmatched event" } }));
}
