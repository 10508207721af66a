//! The served `OpenAPI` description is the committed one, and its permissions and answers are the
//! real ones.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::{AdminServer, LIMITED, OPERATOR, READER};
use vestibule_tests::http::Request;
use vestibule_tests::people::{Person, Room};
use vestibule_tests::process::Launch;
use vestibule_tests::repository;
use vestibule_tests::scene::Scene;
use vestibule_tests::ws::Handshake;

use crate::pages;

/// Every endpoint: its method, its path, and its description.
fn endpoints(description: &Value) -> Vec<(String, String, Value)> {
    let paths = description["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &Value)| {
        let operations = item.as_object().expect("operations").clone().into_iter();
        let path = path.clone();
        operations.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    };
    paths.iter().flat_map(methods).collect()
}

fn committed() -> Value {
    serde_json::from_str(&repository::read("docs/admin-openapi.json")).expect("JSON")
}

#[test]
fn the_served_description_is_the_committed_one() {
    let admin = AdminServer::start(&[]);
    let served = admin.read("openapi.json");
    assert_eq!(served, committed());
    assert_eq!(served["openapi"], "3.1.0");
}

/// A request for an endpoint, with the parameters of its path filled in.
fn request(method: &str, path: &str, operation: &Value, names: &[(&str, String)]) -> Request {
    let path = names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    assert!(!path.contains('{'), "{path}: what is this?");
    let request = Request::new(method, &path);
    if operation["requestBody"].is_null() {
        return request;
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    request.json(&match schema.as_str().expect("a schema") {
        "#/components/schemas/Creator" => json!({ "uid": names[1].1 }),
        "#/components/schemas/Broadcast" => json!({ "event": "maintenance", "payload": { "minutes": 10 } }),
        "#/components/schemas/Batch" => {
            json!({ "messages": [{ "topic": "chat:1", "event": "new_msg", "payload": {} }] })
        }
        other => panic!("{other}: what is this?"),
    })
}

#[test]
fn endpoints_admit_and_answer_as_described() {
    let (mut admin, _folder) = chat_server();
    let mut scene = Scene::new(&admin.server);
    let asked = scene.ask();
    // The room and the user to be deleted are separate ones.
    let doomed = Room::published(admin.server.address(), Policy::Open);
    let erased = Person::new(Alg::Ed25519);
    let description = committed();
    let mut endpoints = endpoints(&description);
    assert!(endpoints.len() >= 22, "{}", endpoints.len());
    // The shutdown comes last.
    endpoints.sort_by_key(|(_, path, _)| path.ends_with("/drain"));
    let mut acts = Vec::new();
    for (method, path, operation) in &endpoints {
        let is_deleted = method == "DELETE";
        let room = if is_deleted { doomed.rid() } else { scene.room.rid() };
        let user = if is_deleted { erased.uid() } else { scene.bob.uid() };
        let names = [
            ("{rid}", room.to_string()),
            ("{uid}", user.to_string()),
            ("{request_id}", asked.request_id.to_string()),
            ("{topic}", "chat:1".to_owned()),
            ("{account}", "bob".to_owned()),
        ];
        let ask = || request(method, path, operation, &names);
        let documented = |status: u16| operation["responses"][status.to_string()].is_object();
        assert_eq!(ask().send(admin.admin()).expect("a response").status, 401, "{method} {path}");
        assert_eq!(admin.ask(ask(), "wrong").status, 401, "{method} {path}");
        let is_writing = method != "GET";
        let may = if is_writing { "full" } else { "read" };
        assert_eq!(operation["security"][0], json!({ "bearer": [may] }), "{method} {path}");
        let read = admin.ask(ask(), READER);
        assert_eq!(read.status, if is_writing { 403 } else { 200 }, "{method} {path}: {}", read.text());
        assert!(documented(401) && documented(read.status), "{method} {path}");
        if is_writing {
            acts.push((format!("{method} {path}"), 403));
        }
        if path.ends_with("/drain") {
            // Before the shutdown: every act must be in the log.
            assert_audited(&admin, &acts);
        }
        let full = admin.ask(ask(), OPERATOR);
        assert!((200..300).contains(&full.status), "{method} {path}: {} {}", full.status, full.text());
        assert!(documented(full.status), "{method} {path}: {}", full.status);
        if is_writing {
            acts.push((format!("{method} {path}"), full.status));
        }
    }
    // Alice and Bob do not answer the close, so there is time for a second request, which is no
    // second signal.
    assert_eq!(admin.act("POST", "drain").status, 202);
    assert_eq!(admin.server.wait().code(), Some(0), "drained");
}

/// A server with a configured channel, and the folder of its settings.
fn chat_server() -> (AdminServer, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("vestibule.toml");
    fs::write(&file, "[channels.\"chat:*\"]\njoin = \"anyone\"\npresence = true\n").expect("a file");
    let launch = Launch::vestibule().arg("--config").arg(file.to_str().expect("UTF-8"));
    (AdminServer::launch(launch), folder)
}

/// A new endpoint is closed to all tokens but `read` and `full` ones, unless it declares a right.
#[test]
fn limited_tokens_use_only_what_declares_their_right() {
    let (admin, _folder) = chat_server();
    let id = Person::new(Alg::Ed25519).uid().to_string();
    let mut used = BTreeSet::new();
    for (method, path, operation) in endpoints(&committed()) {
        let scopes = operation["security"].as_array().expect("security").iter();
        let declared: Vec<&str> = scopes.skip(1).filter_map(|scope| scope["bearer"][0].as_str()).collect();
        for topic in ["chat:1", "game:1"] {
            let names = [
                ("{rid}", id.clone()),
                ("{uid}", id.clone()),
                ("{request_id}", "5Hq7xkVcQ2mXw1kGm8b0Zw".to_owned()),
                ("{topic}", topic.to_owned()),
                ("{account}", "bob".to_owned()),
            ];
            for (name, may, token) in LIMITED {
                let has_right = declared.iter().any(|right| may.contains(right));
                // The batch is always for chat:1.
                let is_elsewhere = name == "chat" && topic == "game:1" && path.contains("{topic}");
                let status = admin.ask(request(&method, &path, &operation, &names), token).status;
                let is_allowed = has_right && !is_elsewhere;
                assert_eq!(status != 403, is_allowed, "{name}: {method} {path} {topic}: {status}");
                if is_allowed {
                    used.insert(name);
                }
            }
        }
    }
    assert_eq!(used.len(), LIMITED.len(), "{used:?}");
    for (name, may, token) in LIMITED {
        for (method, path) in [("GET", "/metrics"), ("GET", "/nothing"), ("OPTIONS", "/admin/v1/publish")] {
            let response = admin.ask(Request::new(method, path), token);
            assert_eq!(response.status, 403, "{name}: {method} {path}");
            let detail = response.json()["detail"].as_str().expect("a detail").to_owned();
            assert!(detail.contains(may), "{detail}");
        }
    }
}

#[test]
fn the_dashboards_topic_needs_a_token_that_reads() {
    let admin = AdminServer::start(&[]);
    let joined = |token: &str| {
        let protocol = format!("phoenix, base64url.bearer.phx.{}", STANDARD_NO_PAD.encode(token));
        let handshake = Handshake::new("/socket/websocket").query("vsn=2.0.0").protocol(&protocol);
        let mut socket = handshake.open(admin.admin()).expect("an answer").accepted();
        socket.send_json(&json!(["1", "1", "admin", "phx_join", {}]));
        socket.expect_json()[4].clone()
    };
    for (name, _, token) in LIMITED {
        let expected = json!({ "status": "error", "response": { "reason": "unauthorized" } });
        assert_eq!(joined(token), expected, "{name}");
    }
    assert_eq!(joined(READER)["response"]["access"], "read");
    assert_eq!(joined(OPERATOR)["response"]["access"], "full");
}

fn assert_audited(admin: &AdminServer, acts: &[(String, u16)]) {
    let mut lines = pages(admin, "audit", || {});
    lines.reverse();
    let found: Vec<(String, u16)> = lines
        .iter()
        .map(|line| {
            let operator = if line["result"] == 403 { "prometheus" } else { "alice" };
            assert_eq!(line["operator"], operator);
            let result = line["result"].as_u64().expect("a result");
            (line["act"].as_str().expect("an act").to_owned(), result.try_into().expect("a status"))
        })
        .collect();
    assert_eq!(found, acts);
}

#[test]
fn unknown_objects_and_invalid_requests_are_problems() {
    let admin = AdminServer::start(&[]);
    let nobody = Person::new(Alg::Ed25519).uid();
    let id = "5Hq7xkVcQ2mXw1kGm8b0Zw";
    for (method, path, status) in [
        ("GET", format!("rooms/{nobody}"), 404),
        ("GET", "rooms/x".to_owned(), 404),
        ("DELETE", format!("rooms/{nobody}"), 404),
        ("POST", format!("requests/{nobody}/{nobody}/{id}/expire"), 404),
        ("POST", format!("requests/{nobody}/{nobody}/x/expire"), 404),
        ("POST", "users/x/token".to_owned(), 404),
        ("DELETE", "users/x".to_owned(), 404),
        ("PUT", format!("rooms/{nobody}/creator"), 415),
        ("PUT", format!("users/{nobody}"), 405),
        ("GET", "nothing".to_owned(), 404),
        ("GET", "rooms?limit=0".to_owned(), 400),
        ("GET", "rooms?limit=201".to_owned(), 400),
        ("GET", "rooms?cursor=x".to_owned(), 400),
        ("GET", "rooms?policy=none".to_owned(), 400),
        ("GET", "requests?state=none".to_owned(), 400),
        ("GET", "requests?uid=x".to_owned(), 400),
        ("GET", "audit?cursor=-1".to_owned(), 400),
        ("GET", "users?name=bob".to_owned(), 400),
        ("PUT", "rooms".to_owned(), 405),
        ("POST", format!("topics/room:{nobody}/broadcast"), 415),
    ] {
        let response = admin.act(method, &path);
        assert_eq!(response.status, status, "{method} {path}: {}", response.text());
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{method} {path}");
        assert_eq!(response.json()["status"], status);
    }
}

#[test]
fn input_errors_are_sentences_that_do_not_quote_it() {
    let admin = AdminServer::start(&[]);
    let broadcast = |body: &str| {
        let request =
            Request::post("/admin/v1/topics/room:x/broadcast").header("content-type", "application/json");
        admin.ask(request.body(body), OPERATOR)
    };
    let list = |query: &str| admin.ask(Request::get(&format!("/admin/v1/requests?{query}")), READER);
    for (response, status, detail) in [
        (broadcast("{}"), 422, "The field `event` is missing."),
        (
            broadcast(r#"{"event":"e","payload":"hush"}"#),
            422,
            "The field `payload` must be an object, not a string.",
        ),
        (
            broadcast(r#"{"event":"e","hush":1}"#),
            422,
            "The name of one field is unknown: it must be `event` or `payload`.",
        ),
        (broadcast("{hush"), 400, "The body is not valid JSON."),
        (list("limit=hush"), 400, "The parameter `limit` must be an integer of at least 0."),
        (list("limit=201"), 400, "The parameter `limit` must be an integer from 1 to 200."),
        (list("cursor=-1"), 400, "The parameter `cursor` must be an integer of at least 0."),
        (list("uid=hush"), 400, "The parameter `uid` must be exactly 32 bytes in base64url without padding."),
    ] {
        assert_eq!((response.status, response.json()["detail"].as_str()), (status, Some(detail)));
    }
}
