//! Requests reach members, approves reach newcomers, members' events reach each other; and nobody
//! else is told.

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::scene::Scene;

use crate::server;

/// Another user's device, joined as a guest.
fn eve(scene: &Scene) -> Device {
    let mut device = Device::connect(scene.address, &Person::new(Alg::P256));
    device.visit(&scene.room.rid());
    device
}

/// The received events, in order, without presence.
fn events(device: &mut Device, topic: &str) -> Vec<String> {
    let told = device.fence(topic).into_iter().map(|message| message.event);
    told.filter(|event| !event.starts_with("presence_")).collect()
}

#[test]
fn a_request_is_shown_to_members_only() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    let mut eve = eve(&scene);
    let request = scene.bob.request(&scene.room.rid());
    let stored = scene.guest.call(&scene.topic, "request", &request).ok();
    let mut expected = json!(request);
    let fields =
        [("rid", json!(scene.room.rid())), ("uid", json!(scene.bob.uid())), ("state", json!("pending"))];
    for (name, value) in fields.into_iter().chain([("approvals", json!(0)), ("seq", stored["seq"].clone())]) {
        expected[name] = value;
    }
    for member in [&mut scene.member, &mut carol] {
        let mut told = member.push(&scene.topic, "request");
        assert_eq!(told["online"], true);
        let told = told.as_object_mut().expect("an object");
        told.remove("online");
        assert!(told.remove("after_ms").is_some_and(|after| after.is_u64()));
        assert!(told.remove("created").is_some_and(|created| created.is_i64()));
        assert_eq!(json!(told), expected);
    }
    // Both guests send to the room after it has told the members.
    assert_eq!((scene.guest.fence(&scene.topic), eve.fence(&scene.topic)), (vec![], vec![]));
}

#[test]
fn members_are_told_when_a_request_is_gone() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    let mut eve = eve(&scene);
    let gone = |device: &mut Device, scene: &Scene| device.push(&scene.topic, "request_gone");

    let request = scene.ask();
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    let approved = scene.member.call(&scene.topic, "approve", &approve).ok();
    let mut expected = json!({
        "rid": scene.room.rid(),
        "uid": scene.bob.uid(),
        "request_id": request.request_id,
        "state": "approved",
        "by": scene.alice.uid(),
        "approvals": 1,
        "seq": approved["seq"],
    });
    assert_eq!(gone(&mut carol, &scene), expected);
    let mut own = Device::connect(scene.address, &scene.alice);
    own.enter(&scene.room);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    for field in ["by", "approvals"] {
        expected.as_object_mut().expect("an object").remove(field);
    }
    expected["state"] = "done".into();
    for device in [&mut carol, &mut own] {
        let told = gone(device, &scene);
        assert!(told["seq"].as_i64() > expected["seq"].as_i64(), "{told}");
        expected["seq"] = told["seq"].clone();
        assert_eq!(told, expected);
        expected["seq"] = approved["seq"].clone();
    }

    // A withdrawal, this time from the inbox.
    let request = scene.ask();
    scene.guest.join(&scene.bob.inbox()).ok();
    let withdraw = json!({ "rid": scene.room.rid(), "request_id": request.request_id });
    assert_eq!(scene.guest.call(&scene.bob.inbox(), "withdraw", withdraw).ok(), json!({ "dup": false }));
    let told = gone(&mut carol, &scene);
    assert_eq!((&told["state"], &told["request_id"]), (&json!("withdrawn"), &json!(request.request_id)));
    assert_eq!(events(&mut eve, &scene.topic), [""; 0]);
    assert_eq!(events(&mut scene.guest, &scene.topic), ["approve", "caught_up", "withdrawn"]);
}

#[test]
fn an_approve_goes_to_the_room_or_else_to_the_inbox() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let inbox = scene.bob.inbox();
    let device = |room: bool, inbox: Option<&str>| {
        let mut device = Device::connect(scene.address, &scene.bob);
        if room {
            device.visit(&scene.room.rid());
        }
        if let Some(inbox) = inbox {
            device.join(inbox).ok();
            device.push(inbox, "caught_up");
        }
        device
    };
    let mut in_both = device(true, Some(&inbox));
    let mut in_inbox = device(false, Some(&inbox));
    let mut in_room = device(true, None);
    let mut left_room = device(true, Some(&inbox));
    left_room.leave(&scene.topic);
    let mut eve = eve(&scene);
    let eves_inbox = format!("user:{}", eve.uid);
    eve.join(&eves_inbox).ok();

    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    let approved = scene.member.call(&scene.topic, "approve", &approve).ok();
    let mut expected = json!(approve);
    expected["rid"] = json!(scene.room.rid());
    expected["by"] = json!(scene.alice.uid());
    expected["seq"] = approved["seq"].clone();
    let check = |device: &mut Device, topic: &str| {
        let mut told = device.push(topic, "approve");
        let told = told.as_object_mut().expect("an object");
        assert_eq!(told.remove("attempt"), Some(json!(1)));
        assert!(told.remove("at").is_some_and(|at| at.is_i64()));
        assert_eq!(json!(told), expected);
    };
    check(&mut scene.guest, &scene.topic);
    check(&mut in_both, &scene.topic);
    check(&mut in_inbox, &inbox);
    check(&mut in_room, &scene.topic);
    check(&mut left_room, &inbox);
    // The room answers Alice, then tells the newcomer, then the inbox: her next answer comes after
    // all of it.
    let told = events(&mut scene.member, &scene.topic);
    assert_eq!(told, ["request_gone"], "an approve is the newcomer's");
    for device in [&mut scene.guest, &mut in_both, &mut in_room] {
        assert_eq!(device.fence(&scene.topic), []);
    }
    for device in [&mut in_both, &mut in_inbox, &mut left_room] {
        assert_eq!(device.fence(&inbox), []);
    }
    eve.push(&eves_inbox, "caught_up");
    assert_eq!([eve.fence(&scene.topic), eve.fence(&eves_inbox)].concat(), []);
}

#[test]
fn an_approve_waits_in_the_room_and_in_the_inbox() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let Scene { address, room, topic, alice, member, bob, guest } = &mut scene;
    guest.leave(topic);
    let approve = room.approve(alice, &bob.uid(), &request);
    member.call(topic, "approve", &approve).ok();
    let mut device = Device::connect(*address, bob);
    let (in_room, in_inbox) = (device.join(topic).ok(), device.join(&bob.inbox()).ok());
    for joined in [&in_room, &in_inbox] {
        assert_eq!(joined["mine"][0]["state"], "approved");
        assert_eq!(joined["mine"][0]["approvals"], 1);
        assert_eq!(joined["approves"][0]["ct"], json!(approve.ct));
    }
    let ack = json!({ "rid": room.rid(), "approve_id": approve.approve_id, "device": device.id });
    let acked = device.call(&bob.inbox(), "ack", ack).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": true }));
    let status = json!({ "rid": room.rid(), "request_id": request.request_id });
    assert_eq!(device.call(&bob.inbox(), "status", status).ok(), json!({ "state": "done" }));
    let again = Device::connect(*address, bob).join(topic).ok();
    assert_eq!((&again["mine"], &again["approves"]), (&json!([]), &json!([])));
}

#[test]
fn a_members_event_reaches_the_other_members() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    let mut own = Device::connect(scene.address, &scene.alice);
    own.enter(&scene.room);
    let payloads =
        [json!({ "text": "hällo", "n": [1, 2.5, null] }), json!(null), json!("text"), json!(7), json!([])];
    for payload in &payloads {
        assert_eq!(scene.member.call(&scene.topic, "hello world", payload).ok(), json!({}));
        for device in [&mut carol, &mut own] {
            assert_eq!(device.push(&scene.topic, "hello world"), *payload);
        }
    }
    // Neither to a guest nor to the sender; and it is not stored for later joins.
    assert_eq!(scene.guest.fence(&scene.topic), []);
    assert_eq!(events(&mut scene.member, &scene.topic), [""; 0]);
    let (_, mut later, _) = scene.another_member();
    assert_eq!(events(&mut later, &scene.topic), [""; 0]);
    // Numbers and order are as they were sent, not as a parser would write them.
    let as_sent = r#"{"z":1.0,"a":12345678901234567890123,"a":"\u00e9"}"#;
    let message = format!(r#"[null,"x","{}","raw",{as_sent}]"#, scene.topic);
    scene.member.socket.send_text(&message).expect("an open connection");
    let told: Value = carol.push(&scene.topic, "raw");
    assert_eq!(told["a"], "é");
}

#[test]
fn status_tells_the_state_of_a_request() {
    let server = server();
    let mut scene = Scene::new(&server);
    let first = scene.bob.request(&scene.room.rid());
    let status = |scene: &mut Scene, request: &vestibule_approve::frames::Request| {
        let about = json!({ "request_id": request.request_id });
        let others = scene.member.call(&scene.topic, "status", &about).ok();
        assert_eq!(others, json!({ "state": null }), "only the requester is told");
        scene.guest.call(&scene.topic, "status", &about).ok()["state"].clone()
    };
    assert_eq!(status(&mut scene, &first), json!(null));
    scene.guest.call(&scene.topic, "request", &first).ok();
    assert_eq!(status(&mut scene, &first), "pending");
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &first);
    scene.member.call(&scene.topic, "approve", &approve).ok();
    assert_eq!(status(&mut scene, &first), "approved");
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(status(&mut scene, &first), "done");
    scene.member.drain();
    let second = scene.ask();
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &second);
    scene.member.call(&scene.topic, "approve", &approve).ok();
    let withdraw = json!({ "request_id": second.request_id });
    assert_eq!(scene.guest.call(&scene.topic, "withdraw", withdraw).ok()["dup"], false);
    assert_eq!(status(&mut scene, &second), "withdrawn");
    assert_eq!(scene.bobs(), (vec![], vec![]), "the approve is gone with the request");
}

#[test]
fn a_members_own_events_may_be_any_json() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (_, mut carol, _) = scene.another_member();
    for payload in [json!({}), json!([1, {}]), json!("x"), json!(1.5), json!(true), json!(null)] {
        scene.member.call(&scene.topic, "news", &payload).ok();
        assert_eq!(carol.push(&scene.topic, "news"), payload);
    }
}
