//! Joins: waiting frames come with the answer, then `caught_up`, then new frames.

use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room, now_ms};
use vestibule_tests::scene::Scene;

use crate::server;

const LIMITS: [(&str, i64); 6] = [
    ("note", 280),
    ("ct", 16 * 1024),
    ("name", 80),
    ("box_pub", 4096),
    ("exp_ms", 30 * 24 * 3_600_000),
    ("message", 256 * 1024),
];
const FEATURES: [&str; 6] = ["creator", "hand_over", "listed", "message_limit", "now", "presence_count"];

#[test]
fn caught_up_follows_the_join_reply() {
    let server = server();
    let scene = Scene::new(&server);
    let mut device = Device::connect(scene.address, &Person::new(Alg::Ed25519));
    for topic in [scene.topic.clone(), format!("user:{}", device.uid)] {
        let joined = device.join(&topic).ok();
        let told = device.fence(&topic);
        let events: Vec<_> = told.iter().map(|message| message.event.as_str()).collect();
        assert_eq!(events, ["caught_up"]);
        // A user with nothing stored learns nothing about the store.
        assert_eq!(told[0].payload, json!({ "epoch": joined["epoch"], "seq": 0 }));
        assert_eq!((&joined["seq"], &joined["more"]), (&json!(0), &json!(false)));
    }
}

#[test]
fn the_join_reply_has_the_documented_fields() {
    let server = server();
    let room = Room::published(server.address(), Policy::Open);
    let mut device = Device::connect(server.address(), &Person::new(Alg::P256));
    let mut joined = device.visit(&room.rid());
    let fields = joined.as_object_mut().expect("an object");
    let (nonce, epoch) = (fields.remove("nonce"), fields.remove("epoch"));
    assert_eq!(nonce.as_ref().and_then(|nonce| nonce.as_str()).map(str::len), Some(43));
    assert_eq!(epoch.as_ref().and_then(|epoch| epoch.as_str()).map(str::len), Some(22));
    let limits = fields.remove("limits").expect("limits");
    for (name, limit) in LIMITS {
        assert_eq!(limits[name], limit, "{name}");
    }
    let mut card = room.card(1, Policy::Open, None);
    // An Ed25519 signature is deterministic.
    card["rid"] = json!(room.rid());
    card["room_pub"] = json!(room.key.public());
    card["alg"] = "ed25519".into();
    let now = fields.remove("now").and_then(|now| now.as_i64()).expect("the time");
    assert!((now - now_ms()).abs() < 60_000, "{now}");
    let expected = json!({
        "v": 1, "server": server.address().to_string(), "seq": 0, "role": "guest", "card": card, "features": FEATURES,
        "mine": [], "approves": [], "notices": [], "more": false,
        "cursors": { "mine": null, "approves": null, "notices": null },
    });
    assert_eq!(joined, expected);
    let inbox = format!("user:{}", device.uid);
    let joined = device.join(&inbox).ok();
    assert_eq!(joined["epoch"], epoch.expect("an epoch"));
    assert_eq!(joined["limits"], limits);
    let names: Vec<_> = joined.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = [
        "v", "server", "epoch", "seq", "features", "now", "limits", "mine", "approves", "notices", "cursors",
        "more",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn every_join_shows_the_users_own_requests() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let mut elsewhere = Scene::new(&server);
    let other = scene.bob.request(&elsewhere.room.rid());
    scene.guest.visit(&elsewhere.room.rid());
    scene.guest.call(&elsewhere.topic, "request", &other).ok();
    elsewhere.member.push(&elsewhere.topic, "request");
    let mut device = Device::connect(scene.address, &scene.bob);
    let ids = |joined: serde_json::Value| {
        let mine = joined["mine"].as_array().expect("a list").clone();
        mine.into_iter().map(|item| item["request_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(device.join(&scene.topic).ok()), [json!(request.request_id)]);
    assert_eq!(ids(device.join(&elsewhere.topic).ok()), [json!(other.request_id)]);
    let all = ids(device.join(&scene.bob.inbox()).ok());
    assert_eq!(all, [json!(request.request_id), json!(other.request_id)]);
    // A proof shows what waits in this room, and nothing of the other's.
    assert_eq!(ids(json!({ "mine": elsewhere.pending() })), [json!(other.request_id)]);
}
