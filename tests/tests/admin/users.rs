//! Users: who is connected, sent away, spoken to, given a token.

use serde_json::json;
use vestibule_protocol::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::scene::Scene;

use crate::{OPERATOR, Stage, each};

#[test]
fn connections_and_their_topics_are_told_while_they_last_and_their_end_afterwards() {
    let stage = Stage::new();
    let mut scene = Scene::new(&stage.server);
    let path = format!("users/{}", scene.bob.uid());
    scene.guest.arrive(&scene.bob.inbox());
    let mut topics = [scene.topic.clone(), scene.bob.inbox()];
    topics.sort();
    let connections = stage.read(&path)["connections"].clone();
    assert_eq!(
        (&connections[0]["transport"], &connections[0]["topics"]),
        (&json!("websocket"), &json!(topics))
    );
    let inbox = scene.bob.inbox();
    scene.guest.leave(&inbox);
    assert_eq!(stage.read(&path)["connections"][0]["topics"], json!([scene.topic]));
    let users = stage.pages("users", || {});
    assert!(each(&users, "uid").contains(&&json!(scene.bob.uid())));

    let sent_away = stage.act("POST", &format!("{path}/disconnect"));
    assert_eq!((sent_away.status, &sent_away.json()["connections"]), (200, &json!(1)));
    assert_eq!(scene.guest.closed().expect("a close frame").code, Some(1001));
    let is_his = |item: &&serde_json::Value| item["uid"] == json!(scene.bob.uid());
    let ended = loop {
        let items = stage.read("disconnects")["items"].clone();
        if let Some(item) = items.as_array().expect("a list").iter().find(is_his) {
            break item.clone();
        }
    };
    assert_eq!((&ended["code"], &ended["reason"]), (&json!(1001), &json!("kicked")));
    assert_eq!(stage.read(&path)["connections"], json!([]));
    // Alice stays.
    scene.member.fence(&scene.topic);
}

#[test]
fn a_minted_token_connects_as_its_user() {
    let stage = Stage::new();
    let person = Person::new(Alg::Ed25519);
    let minted = stage.act("POST", &format!("users/{}/token", person.uid()));
    assert_eq!((minted.status, minted.header("cache-control")), (201, Some("no-store")));
    let token = minted.json()["token"].as_str().expect("a token").to_owned();
    let mut device = Device::with_token(stage.server.address(), &person, Some(&token));
    device.arrive(&person.inbox());
    let audit = stage.read("audit").to_string();
    assert!(!audit.contains(&token), "{audit}");
}

#[test]
fn a_broadcast_reaches_members_and_guests_and_is_in_nobodys_name() {
    let stage = Stage::new();
    let mut scene = Scene::new(&stage.server);
    let say = |topic: &str, event: &str, payload: &serde_json::Value| {
        let path = format!("/admin/v1/topics/{topic}/broadcast");
        let body = json!({ "event": event, "payload": payload });
        stage.ask(Request::post(&path).json(&body), OPERATOR)
    };
    let payload = json!({ "minutes": 10 });
    let heard = say(&scene.topic, "maintenance", &payload);
    assert_eq!((heard.status, heard.json()), (200, json!({ "heard": true })));
    assert_eq!(scene.member.push(&scene.topic, "maintenance"), payload);
    assert_eq!(scene.guest.push(&scene.topic, "maintenance"), payload);
    let nobody = Person::new(Alg::Ed25519);
    assert_eq!(say(&nobody.inbox(), "maintenance", &payload).json(), json!({ "heard": false }));

    for event in [
        "phx_close",
        "phx_reply",
        "receipt",
        "presence_diff",
        "approve",
        "request",
        "card",
        "",
        &"x".repeat(65),
    ] {
        assert_eq!(say(&scene.topic, event, &payload).status, 422, "{event}");
    }
    assert_eq!(say(&scene.topic, "maintenance", &json!(10)).status, 422, "a payload is an object");
    for topic in ["lobby", "room:x", "user:x", "room:"] {
        assert_eq!(say(topic, "maintenance", &payload).status, 404, "{topic}");
    }
    let large = json!({ "text": "x".repeat(70_000) });
    assert_eq!(say(&scene.topic, "maintenance", &large).status, 413);
}
