//! What a team's back end does: publishes, reads presence, ends joins and connections.

use std::process::Command;

use serde_json::{Value, json};
use vestibule_tests::admin::{OPERATOR, limited};
use vestibule_tests::http::{Request, Response};
use vestibule_tests::people::Device;
use vestibule_tests::repository;
use vestibule_tests::scene::Scene;

use crate::issuer::Issuer;
use crate::logins::{connect, trusting};
use crate::site::Site;

pub(crate) const CHANNELS: &str = r#"
[channels."chat:*"]
join = "anyone"
presence = true
presence_params = ["name"]

[channels."game:*"]
join = "anyone"

[channels.kept]
join = "anyone"
history = { count = 10, age = "10m" }
"#;

/// A message of a batch.
pub(crate) fn message(topic: &str, event: &str, payload: &Value) -> Value {
    json!({ "topic": topic, "event": event, "payload": payload })
}

fn publish(site: &Site, messages: &Value, token: &str) -> Response {
    site.admin.ask(Request::post("/admin/v1/publish").json(&json!({ "messages": messages })), token)
}

/// The results of a batch.
#[track_caller]
fn results(site: &Site, messages: &Value) -> Vec<String> {
    let response = publish(site, messages, limited("publisher"));
    assert_eq!(response.status, 200, "{}", response.text());
    let Value::Array(results) = response.json()["results"].take() else { panic!("{}", response.text()) };
    results.iter().map(|result| result["result"].as_str().expect("a result").to_owned()).collect()
}

/// The commands of a document's section, each with the answer that the document shows.
fn commands(section: &str) -> Vec<(String, Value)> {
    let blocks = section.split("```\n").skip(1).step_by(2);
    let shown = blocks.flat_map(|block| block.split("\n\n")).filter(|shown| shown.starts_with("curl "));
    shown
        .map(|shown| {
            let (command, answer) = shown.trim_end().rsplit_once('\n').expect("an answer");
            (command.to_owned(), serde_json::from_str(answer).expect("JSON"))
        })
        .collect()
}

/// The words of a command, as the shell splits them.
fn words(command: &str) -> Vec<String> {
    let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{command}");
    let output = Command::new("sh").arg("-c").arg(script).output().expect("a shell");
    assert!(output.status.success(), "{command}: {output:?}");
    let words = String::from_utf8(output.stdout).expect("UTF-8");
    words.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn documented_commands_do_what_is_shown() {
    let text = repository::read("docs/front-ends.md");
    let (_, section) = text.split_once("\n## Publish from your back end\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("another section");
    let commands = commands(section);
    assert_eq!(commands.len(), 4);
    let site = Site::new(
        "[channels.news]\njoin = \"anyone\"\n[channels.\"chat:*\"]\njoin = \"anyone\"\npresence = true\n",
    );
    let mut reader = site.stranger();
    reader.join("news").ok();
    for (command, answer) in commands {
        let words = words(&command);
        let value = |name: &str| {
            let place = words.iter().position(|word| word == name)?;
            Some(words[place + 1].clone())
        };
        let url = words.iter().find_map(|word| word.strip_prefix("http://127.0.0.1:4001")).expect("a URL");
        assert_eq!(value("--header").as_deref(), Some("@shop.header"), "{command}");
        let body = value("--json").map(|body| serde_json::from_str(&body).expect("JSON"));
        let method =
            value("--request").unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
        let request = Request::new(&method, url);
        let request = body.iter().fold(request, Request::json);
        let response = site.admin.ask(request, OPERATOR);
        assert_eq!((response.status, response.json()), (200, answer), "{command}");
    }
    assert_eq!(reader.push("news", "headline"), json!({ "text": "rain" }));
}

#[test]
fn a_channel_for_all_topics_leaves_rooms_to_the_flow() {
    let site = Site::new("[channels.\"*\"]\njoin = \"anyone\"\n");
    let mut scene = Scene::new(site.server());
    let body = json!({ "event": "maintenance", "payload": {} });
    let broadcast = |topic: &str, token: &str| {
        let request = Request::post(&format!("/admin/v1/topics/{topic}/broadcast")).json(&body);
        site.admin.ask(request, token)
    };
    assert_eq!(broadcast(&scene.topic, limited("publisher")).status, 404);
    assert_eq!(broadcast(&scene.topic, OPERATOR).json(), json!({ "heard": true }));
    assert_eq!(scene.guest.push(&scene.topic, "maintenance"), json!({}));
}

/// A client of an account.
fn client(site: &Site, issuer: &Issuer, account: &str) -> Device {
    connect(site, &issuer.token(account, 600, &json!([])))
}

/// The events that a device was sent, up to now.
fn told(device: &mut Device, topic: &str) -> Vec<(String, Value)> {
    // Everything that the topic sent before is there before the answer.
    assert_eq!(device.call(topic, "fence", json!({})).refused(), "not_allowed");
    let told = device.drain().into_iter().filter(|message| !message.event.starts_with("presence_"));
    told.map(|message| (message.event, message.payload)).collect()
}

fn post(site: &Site, path: &str, token: &str) -> Response {
    site.admin.ask(Request::post(&format!("/admin/v1/{path}")), token)
}

#[test]
fn each_message_of_a_batch_has_a_result() {
    let site = Site::new(CHANNELS);
    let mut device = site.stranger();
    for topic in ["chat:1", "game:1"] {
        device.join(topic).ok();
    }
    let payload = |number: u32| json!({ "number": number });
    let found = results(
        &site,
        &json!([
            message("chat:1", "one", &payload(1)),
            message("nothing", "one", &payload(2)),
            message("chat:1", "phx_close", &payload(3)),
            message("chat:1", "", &payload(4)),
            message("chat:1", &"x".repeat(65), &payload(5)),
            message("chat:2", "one", &payload(6)),
            message("game:1", "two", &payload(7)),
            message("room:1", "two", &payload(8)),
            message("chat:1", "three", &payload(9)),
        ]),
    );
    let expected = [
        "sent",
        "unknown_topic",
        "invalid_event",
        "invalid_event",
        "invalid_event",
        "nobody",
        "sent",
        "unknown_topic",
        "sent",
    ];
    assert_eq!(found, expected);
    for (topic, event, number) in [("chat:1", "one", 1), ("game:1", "two", 7), ("chat:1", "three", 9)] {
        assert_eq!(device.push(topic, event), payload(number));
    }
    assert_eq!(told(&mut device, "chat:1"), []);
}

#[test]
fn a_batch_of_another_form_sends_nothing() {
    let site = Site::new(CHANNELS);
    let mut device = site.stranger();
    device.join("chat:1").ok();
    let good = message("chat:1", "one", &json!({}));
    let many = |count: usize| Value::Array(vec![good.clone(); count]);
    for (messages, status) in [
        (json!([]), 422),
        (many(101), 422),
        (json!([good, { "topic": "chat:1", "event": "one" }]), 422),
        (json!([good, message("chat:1", "one", &json!([1]))]), 422),
        (json!([good, { "topic": "chat:1", "event": "one", "payload": {}, "more": 1 }]), 422),
        (json!([good, { "topic": "chat:1", "account": 1, "event": "one", "payload": {} }]), 422),
        (json!([good, message("chat:1", "one", &json!({ "text": "x".repeat(70_000) }))]), 413),
    ] {
        let response = publish(&site, &messages, limited("publisher"));
        assert_eq!(response.status, status, "{}", response.text());
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(told(&mut device, "chat:1"), []);
    assert_eq!(results(&site, &many(100)), vec!["sent"; 100]);
    assert_eq!(told(&mut device, "chat:1").len(), 100);
}

#[test]
fn a_message_to_an_account_reaches_it_alone() {
    let (site, issuer) = trusting(CHANNELS);
    let mut alices = [client(&site, &issuer, "alice"), client(&site, &issuer, "alice")];
    let (mut bob, mut stranger, mut user) = (client(&site, &issuer, "bob"), site.stranger(), site.user());
    for device in alices.iter_mut().chain([&mut bob, &mut stranger, &mut user]) {
        device.join("chat:1").ok();
    }
    bob.join("chat:2").ok();
    let to = |account: &str, topic: &str, text: &str| json!({ "topic": topic, "account": account, "event": "note", "payload": { "text": text } });
    let uid = user.uid.to_string();
    let found = results(
        &site,
        &json!([
            to("alice", "chat:1", "a"),
            to("bob", "chat:2", "b"),
            to("alice", "chat:2", "c"),
            to("carol", "chat:1", "d"),
            to(&uid, "chat:1", "e"),
            to("alice", "nothing", "f"),
            to("", "chat:1", "g"),
        ]),
    );
    assert_eq!(found, ["sent", "sent", "nobody", "nobody", "sent", "unknown_topic", "nobody"]);
    for alice in &mut alices {
        assert_eq!(told(alice, "chat:1"), [("note".to_owned(), json!({ "text": "a" }))]);
    }
    assert_eq!(told(&mut user, "chat:1"), [("note".to_owned(), json!({ "text": "e" }))]);
    assert_eq!(bob.push("chat:2", "note"), json!({ "text": "b" }));
    assert_eq!((told(&mut bob, "chat:1"), told(&mut stranger, "chat:1")), (vec![], vec![]));
}

#[test]
fn a_history_keeps_what_everybody_is_sent() {
    let (site, issuer) = trusting(CHANNELS);
    let mut alice = client(&site, &issuer, "alice");
    let last = alice.join("kept").ok()["history"]["last_id"].clone();
    let own = json!({ "topic": "kept", "account": "alice", "event": "own", "payload": {} });
    let with_id = json!({ "_id": "1" });
    let mut own_with_id = own.clone();
    own_with_id["payload"] = with_id.clone();
    let all = message("kept", "all", &json!({ "text": "a" }));
    let found = results(&site, &json!([all, own, message("kept", "all", &with_id), own_with_id]));
    assert_eq!(found, ["sent", "sent", "invalid_payload", "invalid_payload"]);
    assert_eq!(alice.push("kept", "own"), json!({}), "without an _id");
    alice.leave("kept");
    assert_eq!(results(&site, &json!([all])), ["nobody"], "and kept");
    let mut again = client(&site, &issuer, "alice");
    let joined = again.call("kept", "phx_join", json!({ "last_id": last })).ok();
    assert_eq!(joined["history"]["missed"], 2, "{joined}");
    for _ in 0..2 {
        assert_eq!(again.push("kept", "all")["text"], "a");
    }
    let body = json!({ "event": "all", "payload": with_id });
    let request = Request::post("/admin/v1/topics/kept/broadcast").json(&body);
    assert_eq!(site.admin.ask(request, limited("publisher")).status, 422);
}

#[test]
fn a_token_for_some_topics_publishes_in_no_others() {
    let site = Site::new(CHANNELS);
    let mut device = site.stranger();
    device.join("chat:1").ok();
    let (here, there) = (message("chat:1", "one", &json!({})), message("game:1", "one", &json!({})));
    let response = publish(&site, &json!([here, there]), limited("chat"));
    assert_eq!(response.status, 403, "{}", response.text());
    let detail = response.json()["detail"].to_string();
    assert!(detail.contains("publish=chat:*"), "{detail}");
    assert_eq!(told(&mut device, "chat:1"), [], "not even the allowed one");
    assert_eq!(publish(&site, &json!([here]), limited("chat")).status, 200);
    let broadcast = |topic: &str, token: &str| {
        let body = json!({ "event": "one", "payload": {} });
        site.admin
            .ask(Request::post(&format!("/admin/v1/topics/{topic}/broadcast")).json(&body), token)
            .status
    };
    let room = format!("room:{}", device.uid);
    assert_eq!(["chat:1", "game:1", &room].map(|topic| broadcast(topic, limited("chat"))), [200, 403, 403]);
    assert_eq!([&room, "nothing"].map(|topic| broadcast(topic, limited("publisher"))), [404, 404]);
    for path in ["topics/game:1/accounts/alice/unsubscribe", "accounts/alice/disconnect"] {
        assert_eq!(post(&site, path, limited("chat")).status, 403, "{path}");
    }
}

#[test]
fn an_account_is_sent_out_of_a_topic() {
    let (site, issuer) = trusting(CHANNELS);
    let name = "alice/ü|1";
    let mut alices = [client(&site, &issuer, name), client(&site, &issuer, name)];
    let mut bob = client(&site, &issuer, "bob");
    for device in alices.iter_mut().chain([&mut bob]) {
        device.join("chat:1").ok();
        device.join("game:1").ok();
    }
    let unsubscribe = |topic: &str, account: &str| {
        let path = format!("topics/{topic}/accounts/{account}/unsubscribe");
        let response = post(&site, &path, limited("bouncer"));
        (response.status, response.json()["subscribers"].clone())
    };
    assert_eq!(unsubscribe("chat:1", "alice%2F%C3%BC%7C1"), (200, json!(2)));
    for alice in &mut alices {
        alice.push("chat:1", "phx_close");
        assert_eq!(told(alice, "game:1"), [], "other topics go on");
    }
    assert_eq!(unsubscribe("chat:1", "alice%2F%C3%BC%7C1"), (200, json!(0)));
    assert_eq!(unsubscribe("chat:2", "bob"), (200, json!(0)));
    assert_eq!(unsubscribe("nothing", "bob").0, 404);
    assert_eq!(told(&mut bob, "chat:1"), []);
    alices[0].join("chat:1").ok();
}

#[test]
fn all_connections_of_an_account_are_closed() {
    let (site, issuer) = trusting(CHANNELS);
    let mut alices = [client(&site, &issuer, "alice"), client(&site, &issuer, "alice")];
    let (mut bob, mut user) = (client(&site, &issuer, "bob"), site.user());
    alices[0].join("chat:1").ok();
    bob.join("chat:1").ok();
    let disconnect = |account: &str| {
        let response = post(&site, &format!("accounts/{account}/disconnect"), limited("kicker"));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    };
    assert_eq!(disconnect("alice"), json!({ "account": "alice", "connections": 2 }));
    for alice in &mut alices {
        assert_eq!(alice.closed().expect("a close frame").code, Some(1001));
    }
    assert_eq!(disconnect("carol")["connections"], 0);
    assert_eq!(disconnect(&user.uid.to_string())["connections"], 1);
    assert_eq!(user.closed().expect("a close frame").code, Some(1001));
    assert_eq!(told(&mut bob, "chat:1"), []);
}

#[test]
fn presence_is_listed_in_pages_and_counted() {
    let (site, issuer) = trusting(CHANNELS);
    let presence = |query: &str| {
        let request = Request::get(&format!("/admin/v1/topics/{query}"));
        let response = site.admin.ask(request, limited("watcher"));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    };
    let nobody = json!({ "subscribers": 0, "presence": true, "items": [], "next": null });
    assert_eq!(presence("chat:1/presence"), nobody);
    let mut devices = Vec::new();
    for account in ["carol", "alice", "bob", "alice"] {
        let mut device = client(&site, &issuer, account);
        device.call("chat:1", "phx_join", json!({ "name": account.to_uppercase(), "secret": 1 })).ok();
        device.join("game:1").ok();
        devices.push(device);
    }
    let first = presence("chat:1/presence?limit=2");
    assert_eq!((&first["subscribers"], &first["next"]), (&json!(4), &json!("bob")));
    let items = first["items"].as_array().expect("a list");
    assert_eq!((items.len(), &items[0]["key"], &items[1]["key"]), (2, &json!("alice"), &json!("bob")));
    let metas = items[0]["metas"].as_array().expect("metas");
    assert_eq!((metas.len(), &metas[0]["name"], &metas[0]["secret"]), (2, &json!("ALICE"), &json!(null)));
    let second = presence("chat:1/presence?limit=2&cursor=bob");
    assert_eq!((&second["items"][0]["key"], &second["next"]), (&json!("carol"), &json!(null)));
    let without = json!({ "subscribers": 4, "presence": false, "items": [], "next": null });
    assert_eq!(presence("game:1/presence"), without);

    let status = |path: &str, token: &str| {
        site.admin.ask(Request::get(&format!("/admin/v1/topics/{path}")), token).status
    };
    assert_eq!(status("nothing/presence", limited("watcher")), 404);
    assert_eq!(status("room:x/presence", limited("watcher")), 404);
    assert_eq!(status("chat:1/presence?limit=0", limited("watcher")), 400);
    assert_eq!(
        (status("chat:1/presence", limited("chat")), status("game:1/presence", limited("chat"))),
        (200, 403)
    );
}
