//! Lists of several pages: what waits for a user, in a room and in the inbox. (Members' lists are
//! tested in `overrule.rs`, and in `tests/tests/rooms`.)

use std::sync::Arc;

use serde_json::{Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::Request;
use vestibule_approve::limits::FieldLimits;
use vestibule_tests::people::Device;
use vestibule_tests::process::{Server, Shared};
use vestibule_tests::scene::Scene;

use crate::each;

const PAGE: usize = 50;
const MANY: usize = 2 * PAGE + 20;

static SERVER: Shared = Shared::with(&[("--max-open-per-user", "1000"), ("--max-requests-per-user", "1000")]);

fn server() -> Arc<Server> {
    SERVER.server()
}

/// Sends many frames together and reads the answers together; returns the ids of their requests.
fn send(device: &mut Device, topic: &str, event: &str, frames: &[Value]) -> Vec<Value> {
    let sent: Vec<_> =
        frames.iter().map(|frame| device.send(topic, event, frame).expect("an open connection")).collect();
    for reference in sent {
        assert_eq!(device.answer(&reference).expect("an answer").ok()["dup"], false);
    }
    frames.iter().map(|frame| frame["request_id"].clone()).collect()
}

/// Bob sends this many requests.
fn ask(scene: &mut Scene, count: usize) -> (Vec<Request>, Vec<Value>) {
    let requests: Vec<Request> = (0..count).map(|_| scene.bob.request(&scene.room.rid())).collect();
    let frames: Vec<Value> = requests.iter().map(|request| json!(request)).collect();
    let ids = send(&mut scene.guest, &scene.topic, "request", &frames);
    (requests, ids)
}

/// The further pages of a list after `cursor`: the length of each, and all items.
fn rest(device: &mut Device, topic: &str, event: &str, mut cursor: Value) -> (Vec<usize>, Vec<Value>) {
    let (mut sizes, mut all) = (Vec::new(), Vec::new());
    while !cursor.is_null() {
        let page = device.call(topic, event, json!({ "cursor": cursor })).ok();
        let ids = each(&page["items"], "request_id");
        sizes.push(ids.len());
        all.extend(ids);
        cursor = page["cursor"].clone();
    }
    (sizes, all)
}

/// Checks that a list of a join continues as expected, in the room and in the inbox, and that the
/// list read from its beginning is the same.
fn assert_pages(scene: &Scene, name: &str, event: &str, expected: &[Value]) {
    for topic in [scene.topic.clone(), scene.bob.inbox()] {
        let mut device = Device::connect(scene.address, &scene.bob);
        let joined = device.join(&topic).ok();
        let mut all = each(&joined[name], "request_id");
        assert_eq!(all.len(), PAGE, "{name} on {topic}");
        let (sizes, more) = rest(&mut device, &topic, event, joined["cursors"][name].clone());
        assert_eq!(sizes, [PAGE, MANY - 2 * PAGE], "{name} on {topic}");
        all.extend(more);
        assert_eq!(all, expected, "{name} on {topic}: oldest first, each once");

        let few = device.call(&topic, event, json!({ "limit": 7 })).ok();
        assert_eq!(each(&few["items"], "request_id"), expected[..7]);
        let next = device.call(&topic, event, json!({ "limit": 2, "cursor": few["cursor"] })).ok();
        assert_eq!(each(&next["items"], "request_id"), expected[7..9]);
        let most = device.call(&topic, event, json!({ "limit": 1000 })).ok();
        assert_eq!(each(&most["items"], "request_id"), expected[..PAGE], "at most");
        for cursor in [json!("x"), json!(7), json!(""), json!("1")] {
            let refused = device.call(&topic, event, json!({ "cursor": cursor }));
            assert_eq!(refused.refused(), "bad_payload", "{event} {cursor}");
        }
    }
}

#[test]
fn mine_and_approved_are_paged() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (requests, ids) = ask(&mut scene, MANY);
    assert_pages(&scene, "mine", "mine", &ids);
    let to = scene.bob.uid();
    let approves: Vec<Value> =
        requests.iter().map(|request| json!(scene.room.approve(&scene.alice, &to, request))).collect();
    send(&mut scene.member, &scene.topic, "approve", &approves);
    assert_pages(&scene, "approves", "approved", &ids);
    assert_pages(&scene, "mine", "mine", &ids);
}

#[test]
fn notices_are_paged() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, ids) = ask(&mut scene, MANY);
    let withdrawals: Vec<Value> = ids.iter().map(|id| json!({ "request_id": id })).collect();
    send(&mut scene.guest, &scene.topic, "withdraw", &withdrawals);
    assert_pages(&scene, "notices", "notices", &ids);
    // With `last` the list begins later, and continues all the same.
    let mut device = Device::connect(scene.address, &scene.bob);
    let joined = device.arrive(&scene.topic);
    let third = joined["notices"][2]["seq"].as_i64().expect("a seq");
    let last = json!({ "epoch": joined["epoch"], "seq": third + 10_000_000 });
    let joined = device.join_after(&scene.topic, &last).ok();
    let mut all = each(&joined["notices"], "request_id");
    all.extend(rest(&mut device, &scene.topic, "notices", joined["cursors"]["notices"].clone()).1);
    assert_eq!(all, ids[3..]);
}

#[test]
fn each_list_of_a_join_has_its_own_cursor() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, ids) = ask(&mut scene, PAGE);
    let mut device = Device::connect(scene.address, &scene.bob);
    let joined = device.arrive(&scene.topic);
    assert_eq!(each(&joined["mine"], "request_id"), ids);
    let none = json!({ "mine": null, "approves": null, "notices": null });
    assert_eq!((&joined["cursors"], &joined["more"]), (&none, &json!(false)), "a full page is the last");
    ask(&mut scene, 1);
    let joined = device.arrive(&scene.topic);
    assert!(joined["cursors"]["mine"].is_string());
    assert_eq!((&joined["cursors"]["approves"], &joined["more"]), (&json!(null), &json!(false)));
}

/// Notices that are stored while a client pages are pushed, and not listed.
#[test]
fn notices_that_arrive_between_pages_are_pushed() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, ids) = ask(&mut scene, 5);
    let withdrawals: Vec<Value> = ids.iter().map(|id| json!({ "request_id": id })).collect();
    send(&mut scene.guest, &scene.topic, "withdraw", &withdrawals[..3]);
    let inbox = scene.bob.inbox();
    let mut device = Device::another(scene.address, &scene.bob);
    device.arrive(&inbox);
    let first = device.call(&inbox, "notices", json!({ "limit": 2 })).ok();
    assert_eq!(each(&first["items"], "request_id"), ids[..2]);
    send(&mut scene.guest, &scene.topic, "withdraw", &withdrawals[3..]);
    for id in &ids[3..] {
        assert_eq!(device.push(&inbox, "withdrawn")["request_id"], *id);
    }
    let (_, more) = rest(&mut device, &inbox, "notices", first["cursor"].clone());
    assert_eq!(more, ids[2..3]);
}

/// An answer must fit into the outbox of a client that reads slowly, and 50 of the largest approves
/// do not.
#[test]
fn large_approves_make_smaller_pages() {
    const LARGE: usize = 60;
    let server = server();
    let mut scene = Scene::new(&server);
    let (requests, ids) = ask(&mut scene, LARGE);
    let to = scene.bob.uid();
    for request in &requests {
        let mut approve = scene.room.approve(&scene.alice, &to, request);
        approve.ct = Blob(vec![7; FieldLimits::default().ct]);
        scene.room.sign_approve(&scene.alice, &mut approve);
        scene.member.call(&scene.topic, "approve", &approve).ok();
    }
    for topic in [scene.topic.clone(), scene.bob.inbox()] {
        let mut device = Device::connect(scene.address, &scene.bob);
        let joined = device.join(&topic).ok();
        assert_eq!(joined["more"], true);
        let mut all = each(&joined["approves"], "request_id");
        assert!((1..PAGE).contains(&all.len()), "{} on {topic}", all.len());
        let (sizes, more) = rest(&mut device, &topic, "approved", joined["cursors"]["approves"].clone());
        assert!(sizes.iter().all(|size| (1..PAGE).contains(size)), "{sizes:?}");
        all.extend(more);
        assert_eq!(all, ids, "oldest first, each once");
        device.push(&topic, "caught_up");
    }
}
