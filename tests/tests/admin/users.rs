//! Users: listed, disconnected, sent broadcasts, given tokens.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::{AdminServer, OPERATOR};
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::scene::Scene;

use crate::{each, pages};

#[test]
fn connections_are_listed_while_open_and_once_closed() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let path = format!("users/{}", scene.bob.uid());
    scene.guest.arrive(&scene.bob.inbox());
    let mut topics = [scene.topic.clone(), scene.bob.inbox()];
    topics.sort();
    let connections = admin.read(&path)["connections"].clone();
    assert_eq!(
        (&connections[0]["transport"], &connections[0]["topics"]),
        (&json!("websocket"), &json!(topics))
    );
    let inbox = scene.bob.inbox();
    scene.guest.leave(&inbox);
    assert_eq!(admin.read(&path)["connections"][0]["topics"], json!([scene.topic]));
    let users = pages(&admin, "users", || {});
    assert!(each(&users, "uid").contains(&&json!(scene.bob.uid())));

    let sent_away = admin.act("POST", &format!("{path}/disconnect"));
    assert_eq!((sent_away.status, &sent_away.json()["connections"]), (200, &json!(1)));
    assert_eq!(scene.guest.closed().expect("a close frame").code, Some(1001));
    let is_his = |item: &&serde_json::Value| item["uid"] == json!(scene.bob.uid());
    let ended = loop {
        let items = admin.read("disconnects")["items"].clone();
        if let Some(item) = items.as_array().expect("a list").iter().find(is_his) {
            break item.clone();
        }
    };
    assert_eq!((&ended["code"], &ended["reason"]), (&json!(1001), &json!("kicked")));
    assert_eq!(admin.read(&path)["connections"], json!([]));
    // Alice stays connected.
    scene.member.fence(&scene.topic);
}

#[test]
fn a_minted_token_connects_as_its_user() {
    let admin = AdminServer::start(&[]);
    let person = Person::new(Alg::Ed25519);
    let minted = admin.act("POST", &format!("users/{}/token", person.uid()));
    assert_eq!((minted.status, minted.header("cache-control")), (201, Some("no-store")));
    let token = minted.json()["token"].as_str().expect("a token").to_owned();
    let mut device = Device::with_token(admin.server.address(), &person, Some(&token));
    device.arrive(&person.inbox());
    let audit = admin.read("audit").to_string();
    assert!(!audit.contains(&token), "{audit}");
}

#[test]
fn a_broadcast_reaches_everyone_and_names_no_sender() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let say = |topic: &str, event: &str, payload: &serde_json::Value| {
        let path = format!("/admin/v1/topics/{topic}/broadcast");
        let body = json!({ "event": event, "payload": payload });
        admin.ask(Request::post(&path).json(&body), OPERATOR)
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
        "presence_count",
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

#[test]
fn an_erased_user_leaves_no_trace_and_everyone_is_told() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::of_creator(&admin.server);
    let (carol, mut carols, _) = scene.another_member();
    // Bob asked in this room and in another, and was denied there; Alice and Carol have approved,
    // but he has not fetched the approves.
    let request = scene.ask();
    scene.approve(&request);
    let approve = scene.room.approve(&carol, &scene.bob.uid(), &request);
    carols.call(&scene.topic, "approve", &approve).ok();
    let mut other = Scene::new(&admin.server);
    scene.guest.visit(&other.room.rid());
    let denied = scene.bob.request(&other.room.rid());
    scene.guest.call(&other.topic, "request", &denied).ok();
    let deny = other.room.deny(&other.alice, &scene.bob.uid(), &denied.request_id, false);
    other.member.call(&other.topic, "deny", &deny).ok();
    scene.guest.arrive(&scene.bob.inbox());

    let uid = scene.bob.uid();
    let erased = admin.act("DELETE", &format!("users/{uid}"));
    assert_eq!(erased.status, 200, "{}", erased.text());
    let expected = json!({
        "uid": uid, "requests": 2, "approves": 0, "denials": 1, "notices": 2, "rooms": 0, "connections": 1
    });
    assert_eq!(erased.json(), expected);
    // His devices are told in each topic, and then the connection ends.
    for topic in [scene.topic.clone(), other.topic.clone(), scene.bob.inbox()] {
        assert_eq!(scene.guest.push(&topic, "erased"), json!({}));
    }
    assert_eq!(scene.guest.closed().expect("a close frame").code, Some(1001));
    assert_eq!(scene.member.push(&scene.topic, "request_gone")["state"], "approved");
    for state in ["approved", "expired"] {
        assert_eq!(scene.member.push(&scene.topic, "request_gone")["state"], state);
    }
    assert_eq!(scene.pending(), [json!(null); 0]);
    assert_eq!(other.member.call(&other.topic, "denials", json!({})).ok()["items"], json!([]));
    let (mine, approves) = scene.bobs();
    assert!(mine.is_empty() && approves.is_empty());
    let again = admin.act("DELETE", &format!("users/{uid}")).json();
    assert_eq!((&again["requests"], &again["notices"]), (&json!(0), &json!(0)));
    let acts = admin.read("audit")["items"].to_string();
    assert!(acts.contains("DELETE /admin/v1/users/{uid}"), "{acts}");
}

#[test]
fn an_erased_members_acts_are_undone_or_made_anonymous() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::of_creator(&admin.server);
    let request = scene.ask();
    scene.approve(&request);
    let carol = Person::new(Alg::Ed25519);
    let mut carols = Device::connect(scene.address, &carol);
    carols.visit(&scene.room.rid());
    let hers = carol.request(&scene.room.rid());
    carols.call(&scene.topic, "request", &hers).ok();
    let deny = scene.room.deny(&scene.alice, &carol.uid(), &hers.request_id, true);
    scene.member.call(&scene.topic, "deny", &deny).ok();
    let (_, mut doras, _) = scene.another_member();

    let uid = scene.alice.uid();
    let erased = admin.act("DELETE", &format!("users/{uid}")).json();
    assert_eq!((&erased["approves"], &erased["rooms"]), (&json!(1), &json!(1)));
    // Bob waits for another member, who is shown his request again.
    let shown = doras.push(&scene.topic, "request");
    assert_eq!((&shown["request_id"], &shown["approvals"]), (&json!(request.request_id), &json!(0)));
    assert_eq!(scene.status(&request), "pending");
    assert_eq!(scene.bobs().1.len(), 0);
    // The block still holds, but names nobody.
    let denials = doras.call(&scene.topic, "denials", json!({})).ok();
    assert_eq!(denials["items"][0]["by"], "A".repeat(43));
    assert_eq!(carols.call(&scene.topic, "request", carol.request(&scene.room.rid())).refused(), "blocked");
    let room = admin.read(&format!("rooms/{}", scene.room.rid()));
    assert_eq!(room["created_by"], json!(null));
}
