//! The creator's role: who changes a room's policy, and how the role is handed over.

use serde_json::{Value, json};
use vestibule_approve::base64url::Fixed;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Reply, Room, random};
use vestibule_tests::scene::Scene;

use crate::server;

fn publish(device: &mut Device, room: &Room, version: u64, policy: Policy, name: Option<&str>) -> Reply {
    device.call(&room.topic(), "card", room.card(version, policy, name))
}

/// Joins anew and proves the key; returns the nonce of the join and the answer to the proof.
fn enter(device: &mut Device, room: &Room) -> (Fixed<32>, Value) {
    let nonce = device.visit(&room.rid())["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let proved = device.prove(room, &nonce).ok();
    (nonce, proved)
}

#[test]
fn only_the_creator_can_close_a_room() {
    let server = server();
    let mut scene = Scene::new(&server);
    for policy in [Policy::Secret, Policy::Open] {
        assert_eq!(publish(&mut scene.member, &scene.room, 2, policy, None).refused(), "not_creator");
    }
    // A newcomer still finds the room, and can ask.
    assert_eq!(scene.guest.visit(&scene.room.rid())["card"]["version"], 1);
    scene.ask();
    // Any member may change the name.
    publish(&mut scene.member, &scene.room, 2, Policy::Request, Some("Gärten")).ok();
    let mut theirs = Scene::of_creator(&server);
    publish(&mut theirs.member, &theirs.room, 2, Policy::Secret, None).ok();
}

#[test]
fn members_are_told_who_the_creator_is() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let joined = scene.guest.visit(&scene.room.rid());
    assert!(joined.get("creator").is_none(), "guests are not");
    let (_, proved) = enter(&mut scene.member, &scene.room);
    assert_eq!((&proved["creator"], &proved["listed"]), (&json!(scene.alice.uid()), &json!(true)));
}

#[test]
fn the_creator_hands_the_role_over() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let (carol, mut carols, _) = scene.another_member();
    let (nonce, _) = enter(&mut scene.member, &scene.room);
    let name = scene.member.server.clone();
    let frame = scene.room.hand_over(&scene.alice, &carol.uid(), &name, &nonce);
    let first = scene.member.call(&scene.topic, "hand_over", &frame).ok();
    assert_eq!(first, json!({ "creator": carol.uid(), "dup": false }));
    for device in [&mut scene.member, &mut carols] {
        let told = device.push(&scene.topic, "creator_changed");
        assert_eq!((&told["rid"], &told["creator"]), (&json!(scene.room.rid()), &json!(carol.uid())));
    }
    assert!(!scene.guest.events(&scene.topic).contains(&"creator_changed".to_owned()));
    // Repeated, as after a lost answer.
    let again = scene.member.call(&scene.topic, "hand_over", &frame).ok();
    assert_eq!(again, json!({ "creator": carol.uid(), "dup": true }));
    assert_eq!(publish(&mut scene.member, &scene.room, 2, Policy::Open, None).refused(), "not_creator");
    publish(&mut carols, &scene.room, 2, Policy::Open, None).ok();
}

#[test]
fn a_hand_over_is_signed_by_the_creator_for_one_join() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let (carol, mut carols, _) = scene.another_member();
    let (stale, _) = enter(&mut scene.member, &scene.room);
    let (nonce, _) = enter(&mut scene.member, &scene.room);
    let name = scene.member.server.clone();
    let to = carol.uid();
    let good = scene.room.hand_over(&scene.alice, &to, &name, &nonce);
    let with = |field: &str, value: Value| {
        let mut frame = good.clone();
        frame[field] = value;
        frame
    };
    let mallory = Person::new(Alg::Ed25519);
    for (what, frame, reason) in [
        ("another join's", scene.room.hand_over(&scene.alice, &to, &name, &stale), "stale_nonce"),
        ("for another user", with("to", json!(mallory.uid())), "bad_sig"),
        ("for another server", scene.room.hand_over(&scene.alice, &to, "evil.example", &nonce), "bad_sig"),
        ("for another room", Room::new(Alg::P256).hand_over(&scene.alice, &to, &name, &nonce), "bad_sig"),
        ("by somebody else", scene.room.hand_over(&mallory, &to, &name, &nonce), "bad_sig"),
        ("with a made-up signature", with("sig", json!(random::<64>())), "bad_sig"),
        ("without a signature", with("sig", Value::Null), "bad_payload"),
    ] {
        let reply = scene.member.call(&scene.topic, "hand_over", &frame);
        assert_eq!(reply.refused(), reason, "{what}");
    }
    // Another member's own signature is refused, and a guest is not a member.
    let (nonce, _) = enter(&mut carols, &scene.room);
    let own = scene.room.hand_over(&carol, &mallory.uid(), &name, &nonce);
    assert_eq!(carols.call(&scene.topic, "hand_over", &own).refused(), "not_creator");
    assert_eq!(scene.guest.call(&scene.topic, "hand_over", &own).refused(), "not_member");
    publish(&mut scene.member, &scene.room, 2, Policy::Open, None).ok();
}

/// The whole directory.
fn directory(scene: &Scene) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let path = if after.is_empty() { "/v1/rooms".to_owned() } else { format!("/v1/rooms?after={after}") };
        let page = Request::get(&path).send(scene.address).expect("a response").json();
        found.extend(page["rooms"].as_array().expect("a list").iter().map(|card| card["rid"].clone()));
        let Some(next) = page["after"].as_str() else { return found };
        next.clone_into(&mut after);
    }
}

#[test]
fn a_room_is_listed_when_its_creator_lists_it() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let (_, mut carols, _) = scene.another_member();
    let room = Room::new(Alg::Ed25519);
    scene.member.enter(&room);
    publish(&mut scene.member, &room, 1, Policy::Request, None).ok();
    let is_listed = |scene: &Scene| directory(scene).contains(&json!(room.rid()));
    assert!(!is_listed(&scene), "a new room is not listed unless asked");
    carols.enter(&room);
    let listing = |version: u64, listed: Value| {
        let mut card = room.card(version, Policy::Request, None);
        card["listed"] = listed;
        card
    };
    let topic = room.topic();
    assert_eq!(carols.call(&topic, "card", listing(1, json!(true))).refused(), "not_creator");
    // The same card, listed from now on: no new version is needed.
    let listed = scene.member.call(&topic, "card", listing(1, json!(true))).ok();
    assert_eq!(listed, json!({ "version": 1, "dup": false }));
    assert!(is_listed(&scene));
    let again = scene.member.call(&topic, "card", listing(1, json!(true))).ok();
    assert_eq!(again, json!({ "version": 1, "dup": true }));
    // A card without the field changes nothing, whoever publishes it.
    publish(&mut carols, &room, 2, Policy::Request, Some("Beete")).ok();
    assert!(is_listed(&scene));
    scene.member.call(&topic, "card", listing(3, json!(false))).ok();
    assert!(!is_listed(&scene));
    assert_eq!(scene.member.call(&topic, "card", listing(4, json!("yes"))).refused(), "bad_payload");
    // Unlisted is not hidden: anyone with the id sees the card.
    let card = Request::get(&format!("/v1/rooms/{}", room.rid())).send(scene.address).expect("a response");
    assert_eq!(card.status, 200);
}

#[test]
fn a_room_created_over_http_is_listed_if_asked() {
    let server = server();
    let scene = Scene::new(&server);
    let token = scene.alice.sign_in(scene.address);
    for (body, is_listed) in [
        (json!({ "policy": "request" }), false),
        (json!({ "policy": "request", "listed": false }), false),
        (json!({ "policy": "open", "listed": true }), true),
    ] {
        let request = Request::post("/v1/rooms").header("authorization", &format!("Bearer {token}"));
        let made = request.json(&body).send(scene.address).expect("a response");
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        assert_eq!(made["card"]["alg"], "ed25519", "where no other is asked for");
        assert_eq!(directory(&scene).contains(&made["rid"]), is_listed, "{body}");
    }
}
