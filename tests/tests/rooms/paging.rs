//! Lists longer than a page.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vestibule_tests::people::Device;
use vestibule_tests::scene::Scene;

use crate::server;

const PAGE: usize = 50;
const MANY: usize = 2 * PAGE + 20;

/// Bob sends this many requests, each for a box key of its own; returns them in order.
fn ask(scene: &mut Scene, count: usize) -> Vec<vestibule_approve::frames::Request> {
    let requests: Vec<_> = (0..count).map(|_| scene.bob.request(&scene.room.rid())).collect();
    // Sent together and answered together, so that they share commits.
    let sent: Vec<_> = requests
        .iter()
        .map(|request| {
            scene.guest.send(&scene.topic, "request", &json!(request)).expect("an open connection")
        })
        .collect();
    for reference in sent {
        assert_eq!(scene.guest.answer(&reference).expect("an answer").ok()["dup"], false);
    }
    requests
}

/// The ids of a page's items.
fn ids(items: &Value, name: &str) -> Vec<String> {
    let items = items.as_array().expect("a list").iter();
    items.map(|item| item[name].as_str().expect("an id").to_owned()).collect()
}

/// The ids on the further pages of a list, after `cursor`.
fn rest(device: &mut Device, topic: &str, event: &str, name: &str, mut cursor: Value) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    while !cursor.is_null() {
        let page = device.call(topic, event, json!({ "cursor": cursor })).ok();
        pages.push(ids(&page["items"], name));
        cursor = page["cursor"].clone();
    }
    pages
}

#[test]
fn pending_requests_are_paged() {
    let server = server();
    let mut scene = Scene::new(&server);
    let requests = ask(&mut scene, MANY);
    let expected: Vec<_> = requests.iter().map(|request| request.request_id.to_string()).collect();
    let mut carol =
        Device::connect(scene.address, &vestibule_tests::people::Person::new(scene.bob.key.alg()));
    let proved = carol.enter(&scene.room);
    carol.push(&scene.topic, "presence_state");
    // A request that is stored while she pages is pushed, and not listed.
    let late = ask(&mut scene, 1);
    assert_eq!(carol.push(&scene.topic, "request")["request_id"], json!(late[0].request_id));
    let mut pages = vec![ids(&proved["pending"], "request_id")];
    pages.extend(rest(&mut carol, &scene.topic, "pending", "request_id", proved["cursor"].clone()));
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [PAGE, PAGE, MANY - 2 * PAGE]);
    assert_eq!(pages.concat(), expected, "oldest first, each once");
    assert_eq!(carol.news(&scene.topic), []);

    let page = carol.call(&scene.topic, "pending", json!({ "limit": 7 })).ok();
    assert_eq!(ids(&page["items"], "request_id"), expected[..7]);
    let next = carol.call(&scene.topic, "pending", json!({ "limit": 2, "cursor": page["cursor"] })).ok();
    assert_eq!(ids(&next["items"], "request_id"), expected[7..9]);
    let page = carol.call(&scene.topic, "pending", json!({ "limit": 1000 })).ok();
    assert_eq!(ids(&page["items"], "request_id").len(), PAGE);
    for cursor in [json!("x"), json!(7), json!(""), json!("1")] {
        let refused = carol.call(&scene.topic, "pending", json!({ "cursor": cursor }));
        assert_eq!(refused.refused(), "bad_payload", "{cursor}");
    }
}

/// Alice approves requests; returns the approves' ids in order.
fn approve(scene: &mut Scene, requests: &[vestibule_approve::frames::Request]) -> Vec<String> {
    let to = scene.bob.uid();
    let approves: Vec<_> =
        requests.iter().map(|request| scene.room.approve(&scene.alice, &to, request)).collect();
    let sent: Vec<_> = approves
        .iter()
        .map(|approve| {
            scene.member.send(&scene.topic, "approve", &json!(approve)).expect("an open connection")
        })
        .collect();
    for reference in sent {
        assert_eq!(scene.member.answer(&reference).expect("an answer").ok()["dup"], false);
    }
    approves.iter().map(|approve| approve.approve_id.to_string()).collect()
}

#[test]
fn waiting_approves_are_paged() {
    let server = server();
    let mut scene = Scene::new(&server);
    let requests = ask(&mut scene, MANY);
    let expected = approve(&mut scene, &requests);
    for topic in [scene.topic.clone(), scene.bob.inbox()] {
        let mut device = Device::connect(scene.address, &scene.bob);
        let joined = device.join(&topic).ok();
        assert_eq!(joined["more"], true);
        assert_eq!(ids(&joined["approves"], "approve_id"), expected[..PAGE], "oldest first");
        assert_eq!(device.fence(&topic), [], "not caught up yet");
        let first = device.call(&topic, "approved", json!({})).ok();
        let mut all = ids(&first["items"], "approve_id");
        all.extend(rest(&mut device, &topic, "approved", "approve_id", first["cursor"].clone()).concat());
        assert_eq!(all, expected);
        let told: Vec<_> = device.fence(&topic).into_iter().map(|message| message.event).collect();
        assert_eq!(told, ["caught_up"], "after the page that completed the list");
    }
}

#[test]
fn the_last_page_may_be_the_first() {
    let server = server();
    let mut scene = Scene::new(&server);
    let requests = ask(&mut scene, PAGE + 1);
    approve(&mut scene, &requests);
    let mut device = Device::connect(scene.address, &scene.bob);
    let joined = device.join(&scene.topic).ok();
    assert_eq!(joined["more"], true);
    // Bob saves what he has, and the rest fits on a page.
    for id in ids(&joined["approves"], "approve_id") {
        device.ack(&scene.topic, &id.parse().expect("an id")).ok();
    }
    let left = device.call(&scene.topic, "approved", json!({})).ok();
    assert_eq!((ids(&left["items"], "approve_id").len(), &left["cursor"]), (1, &json!(null)));
    let told: Vec<_> = device.fence(&scene.topic).into_iter().map(|message| message.event).collect();
    assert_eq!(told, ["caught_up"], "the reply that completes the list is followed by caught_up");
}

#[test]
fn an_approve_stored_while_paging_comes_once() {
    let server = server();
    let mut scene = Scene::new(&server);
    let requests = ask(&mut scene, PAGE + 2);
    let expected = approve(&mut scene, &requests[..=PAGE]);
    let mut device = Device::connect(scene.address, &scene.bob);
    let joined = device.join(&scene.topic).ok();
    assert_eq!(joined["more"], true);
    let late = approve(&mut scene, &requests[PAGE + 1..]);
    assert_eq!(device.push(&scene.topic, "approve")["approve_id"], json!(late[0]));
    let first = device.call(&scene.topic, "approved", json!({})).ok();
    let mut all = ids(&first["items"], "approve_id");
    all.extend(rest(&mut device, &scene.topic, "approved", "approve_id", first["cursor"].clone()).concat());
    let listed: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(listed.len(), all.len(), "an item is listed twice");
    assert!(expected.iter().all(|id| listed.contains(id)), "an item is missing");
}

#[test]
fn a_join_reads_one_list_at_a_time() {
    let server = server();
    let mut scene = Scene::new(&server);
    ask(&mut scene, PAGE);
    scene.member.fence(&scene.topic);
    let asked = ["pending", "mine", "pending", "denials", "note", "approved"]
        .map(|event| scene.member.send(&scene.topic, event, &json!({})).expect("an open connection"));
    // The member's own event needs no reading: that its answer comes in turn shows that it waited
    // for the lists.
    let answered = asked.each_ref().map(|_| {
        let reply =
            std::iter::from_fn(|| scene.member.receive()).find(|message| message.event == "phx_reply");
        reply.expect("an answer").reference.expect("a ref")
    });
    assert_eq!(answered, asked);
}
