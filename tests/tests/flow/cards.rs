//! Cards: who is told of a new one, and which versions may follow each other.

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room, now_ms};
use vestibule_tests::scene::Scene;

use crate::{eventually, server};

/// A card as members and guests are shown it.
fn shown(room: &Room, version: u64, policy: Policy, name: Option<&str>) -> Value {
    // An Ed25519 signature is deterministic.
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
fn a_card_is_pushed_to_members_and_guests() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let (_, mut carol, _) = scene.another_member();
    publish(&mut scene, 2, Policy::Open);
    let expected = shown(&scene.room, 2, Policy::Open, Some("Gärten"));
    for device in [&mut scene.member, &mut scene.guest, &mut carol] {
        assert_eq!(device.push(&scene.topic, "card"), expected);
        assert_eq!(device.news(&scene.topic), [], "once each");
    }
    // The same card again is not announced.
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
fn a_card_that_makes_a_room_secret_is_pushed_to_members_only() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let (_, mut carol, _) = scene.another_member();
    publish(&mut scene, 2, Policy::Secret);
    let expected = shown(&scene.room, 2, Policy::Secret, Some("Gärten"));
    for device in [&mut scene.member, &mut carol] {
        assert_eq!(device.push(&scene.topic, "card"), expected);
    }
    assert_eq!(scene.guest.fence(&scene.topic), [], "a guest is told nothing");
    assert_eq!(scene.guest.visit(&scene.room.rid()).get("card"), None);
    // Members are shown the card; guests are told once the room is visible again.
    assert_eq!(Device::connect(scene.address, &scene.alice).enter(&scene.room)["card"], expected);
    publish(&mut scene, 3, Policy::Request);
    assert_eq!(scene.guest.push(&scene.topic, "card")["version"], 3);
}

#[test]
fn a_version_is_at_most_a_day_ahead_of_the_clock() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    let day = 24 * 60 * 60 * 1000;
    let ahead = |ms: i64| u64::try_from(now_ms() + day + ms).expect("after 1970");
    for version in [0, ahead(60_000), (1 << 53) - 1, u64::try_from(i64::MAX).expect("positive"), u64::MAX] {
        let card = scene.room.card(version, Policy::Open, None);
        assert_eq!(scene.member.call(&scene.topic, "card", card).refused(), "bad_payload", "{version}");
    }
    // Nobody who was away while thousands were published is locked out.
    for version in [2, 1_003, 5_000] {
        publish(&mut scene, version, Policy::Open);
    }
    // The largest allowed version does not block the room: a moment later a larger one is allowed.
    let last = ahead(0);
    publish(&mut scene, last, Policy::Open);
    for version in [1, 5_000, last] {
        let card = scene.room.card(version, Policy::Open, None);
        assert_eq!(scene.member.call(&scene.topic, "card", card).refused(), "version_conflict", "{version}");
    }
    eventually("the clock to move on", || (ahead(0) > last).then_some(()));
    publish(&mut scene, last + 1, Policy::Open);
    assert_eq!(scene.guest.visit(&scene.room.rid())["card"]["version"], last + 1);
}

#[test]
fn control_and_format_characters_are_refused() {
    let server = server();
    let mut scene = Scene::of_creator(&server);
    for bad in
        ["two\nlines", "\u{1b}[31m", "nul\0", "\u{202e}txt.exe", "Al\u{200d}ice", "\u{2028}", "\u{feff}"]
    {
        let card = scene.room.card(2, Policy::Request, Some(bad));
        assert_eq!(scene.member.call(&scene.topic, "card", card).refused(), "bad_payload", "{bad:?}");
        let mut request = scene.bob.request(&scene.room.rid());
        request.note = Some(bad.to_owned());
        scene.bob.sign_request(&scene.room.rid(), &mut request);
        assert_eq!(scene.guest.call(&scene.topic, "request", &request).refused(), "bad_payload", "{bad:?}");
    }
    let request = scene.ask();
    let mut deny = scene.room.deny(&scene.alice, &scene.bob.uid(), &request.request_id, false);
    deny.code = "no\n".to_owned();
    scene.room.sign_deny(&scene.alice, &mut deny);
    assert_eq!(scene.member.call(&scene.topic, "deny", &deny).refused(), "bad_payload");
    for (version, good) in [(2, "می\u{200c}خواهم"), (3, "👩\u{200d}👩\u{200d}👧"), (4, "Gärten 🏡")]
    {
        let card = scene.room.card(version, Policy::Request, Some(good));
        scene.member.call(&scene.topic, "card", card).ok();
    }
}
