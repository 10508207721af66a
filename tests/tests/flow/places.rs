//! Places in a room: what takes one, what frees one, and how many one address can take.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Reply};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::server_with;

/// A new user asks for the key of a scene's room.
fn ask(scene: &Scene) -> (Person, vestibule_approve::frames::Request, Reply) {
    let person = Person::new(Alg::Ed25519);
    let mut device = Device::connect(scene.address, &person);
    device.visit(&scene.room.rid());
    let request = person.request(&scene.room.rid());
    let reply = device.call(&scene.topic, "request", &request);
    (person, request, reply)
}

#[test]
fn denying_and_blocking_clears_a_full_room() {
    let server = server_with(&[("--max-open-per-room", "6")]);
    let mut scene = Scene::new(&server);
    let strangers: Vec<_> = (0..6).map(|_| ask(&scene)).collect();
    assert_eq!(ask(&scene).2.refused(), "quota");
    for (number, (person, request, _)) in strangers.iter().enumerate() {
        let deny = scene.room.deny(&scene.alice, &person.uid(), &request.request_id, number % 2 == 0);
        scene.member.call(&scene.topic, "deny", &deny).ok();
    }
    for _ in 0..6 {
        ask(&scene).2.ok();
    }
    assert_eq!(ask(&scene).2.refused(), "quota");
    // A denied request can still be approved, which takes a place again.
    let (person, request, _) = &strangers[0];
    let approve = scene.room.approve(&scene.alice, &person.uid(), request);
    scene.member.call(&scene.topic, "approve", &approve).ok();
}

#[test]
fn a_limited_number_of_denied_requests_can_be_approved() {
    let server = server_with(&[("--max-denied-per-room", "1")]);
    let mut scene = Scene::new(&server);
    let [first, second] = [ask(&scene), ask(&scene)];
    let mut deny = |(person, request, _): &(Person, _, Reply)| {
        let request: &vestibule_approve::frames::Request = request;
        let deny = scene.room.deny(&scene.alice, &person.uid(), &request.request_id, false);
        scene.member.call(&scene.topic, "deny", &deny).ok()
    };
    for asked in [&first, &second] {
        assert_eq!(deny(asked), json!({ "state": "denied", "dup": false }));
    }
    let denials = scene.member.call(&scene.topic, "denials", json!({})).ok();
    let kept: Vec<usize> = denials["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|denial| denial["requests"].as_array().expect("a list").len())
        .collect();
    assert_eq!(kept, [1, 0], "both are denied, and one may be approved all the same");
    let mut approve = |(person, request, _): &(Person, _, Reply)| {
        let approve = scene.room.approve(&scene.alice, &person.uid(), request);
        scene.member.call(&scene.topic, "approve", &approve)
    };
    assert_eq!(approve(&second).refused(), "closed");
    approve(&first).ok();
    // A blocked user is let in by a member who lifts the block.
    let uid = second.0.uid();
    assert_eq!(scene.member.call(&scene.topic, "unblock", json!({ "uid": uid })).ok()["dup"], false);
    let mut device = Device::connect(scene.address, &second.0);
    device.visit(&scene.room.rid());
    device.call(&scene.topic, "request", second.0.request(&scene.room.rid())).ok();
}

#[test]
fn a_room_and_a_user_can_take_only_a_share_of_all_places() {
    // A tenth is two, a hundredth less than one.
    let server = server_with(&[("--max-open", "20")]);
    let (scene, mut elsewhere) = (Scene::new(&server), Scene::new(&server));
    ask(&scene).2.ok();
    ask(&scene).2.ok();
    assert_eq!(ask(&scene).2.refused(), "quota");
    elsewhere.ask();
    let third = Scene::new(&server);
    elsewhere.guest.visit(&third.room.rid());
    let again = elsewhere.bob.request(&third.room.rid());
    let refused = elsewhere.guest.call(&third.topic, "request", again);
    assert_eq!(refused.refused(), "quota");
    assert_eq!(refused.response["detail"], "You have as many open requests as one user may.");
}

#[test]
fn new_requests_from_an_address_block_are_rate_limited() {
    let rates = [("--max-new-requests-per-minute", "1"), ("--max-new-requests-at-once", "3")];
    let server = server_with(&rates);
    let mut scene = Scene::new(&server);
    for _ in 0..3 {
        ask(&scene).2.ok();
    }
    // Whoever asks from that block, and in whichever room.
    let refused = ask(&scene).2;
    assert_eq!(refused.refused(), "rate_limited");
    let wait = refused.response["retry_ms"].as_u64().expect("a time");
    assert!((1_000..=60_000).contains(&wait), "{wait}");
    assert_eq!(ask(&Scene::new(&server)).2.refused(), "rate_limited");
    // Other events are not delayed.
    scene.guest.call(&scene.topic, "status", json!({ "request_id": "A".repeat(22) })).ok();
}

#[test]
fn one_address_cannot_take_thousands_of_places() {
    let server = Server::start(
        Launch::untouched()
            .env("VESTIBULE_MAX_CALLS_AT_ONCE", "100000")
            .env("VESTIBULE_MAX_CALLS_PER_SECOND", "100000"),
    );
    let scenes: Vec<Scene> = (0..40).map(|_| Scene::new(&server)).collect();
    let accounts: Vec<Person> = (0..8).map(|_| Person::new(Alg::Ed25519)).collect();
    let mut taken = 0;
    for person in &accounts {
        let mut device = Device::connect(server.address(), person);
        for scene in &scenes {
            device.visit(&scene.room.rid());
            let reply = device.call(&scene.topic, "request", person.request(&scene.room.rid()));
            taken += usize::from(reply.status == "ok");
        }
    }
    // 320 were asked for within seconds: 200 at once, and 30 a minute.
    assert!((200..=260).contains(&taken), "{taken}");
}
