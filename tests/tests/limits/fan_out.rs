//! What one user may send to other members: bytes times recipients.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::{
    people::{Device, Person},
    scene::Scene,
};

use crate::{retry, server};

/// Two such messages to one recipient are the most that may go out at once: each has 256 bytes
/// besides its payload.
fn text() -> serde_json::Value {
    json!({ "text": "x".repeat(1700) })
}

#[test]
fn a_users_fan_out_is_limited_in_bytes_times_recipients() {
    let server = server(&[("--max-fan-out-per-second", "1KiB"), ("--max-fan-out-at-once", "4KiB")]);
    let mut scene = Scene::new(&server);
    // Alone in the room she may send as much as she likes.
    for _ in 0..5 {
        scene.member.call(&scene.topic, "say", text()).ok();
    }
    let (_, mut carol, _) = scene.another_member();
    for _ in 0..2 {
        scene.member.call(&scene.topic, "say", text()).ok();
        carol.push(&scene.topic, "say");
    }
    let refused = scene.member.call(&scene.topic, "say", text());
    let wait = retry(&refused.response);
    assert!(wait.as_millis() <= 2001, "two KiB at one a second: {wait:?}");
    // From any of her devices, and with any event that goes to members.
    let mut second = Device::another(scene.address, &scene.alice);
    second.enter(&scene.room);
    assert_eq!(second.call(&scene.topic, "say", text()).refused(), "rate_limited");
    let card = scene.room.card(2, vestibule_approve::frames::Policy::Request, Some("a name"));
    assert_eq!(second.call(&scene.topic, "card", card).refused(), "rate_limited");
    let unblock = json!({ "uid": Person::new(Alg::Ed25519).uid() });
    assert_eq!(second.call(&scene.topic, "unblock", unblock).refused(), "rate_limited");
    // Others are not delayed, nor are messages that go to nobody else.
    carol.call(&scene.topic, "say", json!({})).ok();
    scene.member.call(&scene.topic, "pending", json!({})).ok();
    assert_eq!(carol.events(&scene.topic), [""; 0], "what is refused goes to nobody");
    second.leave(&scene.topic);
    std::thread::sleep(wait);
    scene.member.call(&scene.topic, "say", text()).ok();
    carol.push(&scene.topic, "say");
}
