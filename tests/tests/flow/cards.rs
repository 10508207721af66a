//! Cards: who is told of a new one, and which versions may follow each other.

use serde_json::{Value, json};
use vestibule_protocol::approve::frames::Policy;
use vestibule_protocol::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::scene::Scene;

use crate::server;

/// What members and guests are shown of a card.
fn shown(room: &Room, version: u64, policy: Policy, name: Option<&str>) -> Value {
    // An Ed25519 signature is the same each time.
    let mut card = room.card(version, policy, name);
    card["rid"] = json!(room.rid());
    card["room_pub"] = json!(room.key.public());
    card["alg"] = json!(room.key.alg());
    card
}

fn publish(scene: &mut Scene, version: u64, policy: Policy) {
    let card = scene.room.card(version, policy, Some("Gärten"));
    let published = scene.member.call(&scene.topic, "card", card).ok();
    assert_eq!(published, json!({ "version": version, "dup": false }));
}

#[test]
fn card_is_pushed_to_members_and_guests() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    publish(&mut scene, 2, Policy::Open);
    let expected = shown(&scene.room, 2, Policy::Open, Some("Gärten"));
    for device in [&mut scene.member, &mut scene.guest, &mut carol] {
        assert_eq!(device.push(&scene.topic, "card"), expected);
        assert_eq!(device.news(&scene.topic), [], "once each");
    }
    // The same again is not news.
    let same = scene.room.card(2, Policy::Open, Some("Gärten"));
    assert_eq!(scene.member.call(&scene.topic, "card", same).ok(), json!({ "version": 2, "dup": true }));
    for device in [&mut scene.member, &mut scene.guest, &mut carol] {
        assert_eq!(device.news(&scene.topic), []);
    }
}

#[test]
fn the_first_card_is_pushed_too() {
    let server = server();
    let room = Room::new(Alg::Ed25519);
    let [mut member, mut guest] =
        [(); 2].map(|()| Device::connect(server.address(), &Person::new(Alg::Ed25519)));
    assert_eq!(guest.visit(&room.rid()).get("card"), None);
    assert_eq!(member.enter(&room).get("card"), None);
    member.call(&room.topic(), "card", room.card(1, Policy::Request, None)).ok();
    let expected = shown(&room, 1, Policy::Request, None);
    assert_eq!(guest.push(&room.topic(), "card"), expected);
    assert_eq!(guest.visit(&room.rid())["card"], expected);
}

#[test]
fn a_card_that_makes_the_room_secret_is_told_to_members_only() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    publish(&mut scene, 2, Policy::Secret);
    let expected = shown(&scene.room, 2, Policy::Secret, Some("Gärten"));
    for device in [&mut scene.member, &mut carol] {
        assert_eq!(device.push(&scene.topic, "card"), expected);
    }
    assert_eq!(scene.guest.fence(&scene.topic), [], "a guest is told nothing");
    assert_eq!(scene.guest.visit(&scene.room.rid()).get("card"), None);
    // To members it is shown, and guests are told when there is a room again.
    assert_eq!(Device::connect(scene.address, &scene.alice).enter(&scene.room)["card"], expected);
    publish(&mut scene, 3, Policy::Request);
    assert_eq!(scene.guest.push(&scene.topic, "card")["version"], 3);
}

#[test]
fn a_version_is_larger_by_at_most_a_thousand() {
    let server = server();
    let mut scene = Scene::new(&server);
    for (version, reason) in [
        (1002, "version_conflict"),
        (u64::try_from(i64::MAX).expect("positive"), "version_conflict"),
        (0, "bad_payload"),
    ] {
        let card = scene.room.card(version, Policy::Open, None);
        assert_eq!(scene.member.call(&scene.topic, "card", card).refused(), reason, "{version}");
    }
    for version in [1001, 1002, 2002] {
        publish(&mut scene, version, Policy::Open);
    }
    for version in [1, 1001, 2001, 3003] {
        let card = scene.room.card(version, Policy::Open, None);
        assert_eq!(scene.member.call(&scene.topic, "card", card).refused(), "version_conflict", "{version}");
    }
    assert_eq!(scene.guest.visit(&scene.room.rid())["card"]["version"], 2002);
}
