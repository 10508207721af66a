//! Who is in a room: shown to members, and to nobody else.

use serde_json::{Value, json};
use vestibule_protocol::signed::Alg;
use vestibule_tests::people::{Device, Message, Person, Room};

use crate::server;

/// Takes the refs out of a list of metas, which differ each time, and checks that they are there.
fn metas(entries: &Value, device: &Device) -> Vec<Value> {
    let mut metas = entries[device.uid.to_string()]["metas"].as_array().cloned().unwrap_or_default();
    for meta in &mut metas {
        let meta = meta.as_object_mut().expect("an object");
        assert!(meta.remove("phx_ref").is_some_and(|reference| reference.is_string()));
        meta.remove("phx_ref_prev");
    }
    metas
}

fn meta(device: &Device, role: &str) -> Value {
    json!({ "device": device.id, "role": role })
}

#[test]
fn a_member_sees_everybody_come_and_go() {
    let server = server();
    let room = Room::new(Alg::Ed25519);
    let topic = room.topic();
    let [alice, bob, carol] = [(); 3].map(|()| Person::new(Alg::Ed25519));
    let connect = |person| Device::connect(server.address(), person);
    let (mut member, mut guest, mut other) = (connect(&alice), connect(&bob), connect(&carol));
    guest.visit(&room.rid());
    member.enter(&room);
    let told: Vec<Message> = member.fence(&topic);
    let events: Vec<_> = told.iter().map(|message| message.event.as_str()).collect();
    assert_eq!(events, ["presence_state"], "right after the proof, and no diff of her own");
    let state = &told[0].payload;
    assert_eq!(state.as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(metas(state, &member), [meta(&member, "member")]);
    assert_eq!(metas(state, &guest), [meta(&guest, "guest")]);

    other.visit(&room.rid());
    let diff = member.push(&topic, "presence_diff");
    assert_eq!((metas(&diff["joins"], &other), &diff["leaves"]), (vec![meta(&other, "guest")], &json!({})));
    // Carol becomes a member: her old role leaves as the new one comes.
    let nonce = other.visit(&room.rid())["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let [left, joined] = [(); 2].map(|()| member.push(&topic, "presence_diff"));
    assert_eq!(metas(&left["leaves"], &other), [meta(&other, "guest")]);
    assert_eq!(metas(&joined["joins"], &other), [meta(&other, "guest")]);
    other.prove(&room, &nonce).ok();
    let diff = member.push(&topic, "presence_diff");
    assert_eq!(metas(&diff["joins"], &other), [meta(&other, "member")]);
    assert_eq!(metas(&diff["leaves"], &other), [meta(&other, "guest")]);
    assert_eq!(metas(&other.push(&topic, "presence_state"), &guest), [meta(&guest, "guest")]);

    // A second device of Bob's, which leaves, and the first, whose connection is lost.
    let mut second = Device::another(server.address(), &bob);
    second.visit(&room.rid());
    let diff = member.push(&topic, "presence_diff");
    assert_eq!(metas(&diff["joins"], &second), [meta(&second, "guest")]);
    second.leave(&topic);
    let diff = member.push(&topic, "presence_diff");
    assert_eq!(metas(&diff["leaves"], &guest), [meta(&second, "guest")]);
    assert_eq!(guest.fence(&topic), [], "guests are shown nothing");
    let gone = meta(&guest, "guest");
    drop(guest);
    let diff = member.push(&topic, "presence_diff");
    assert_eq!((metas(&diff["leaves"], &second), &diff["joins"]), (vec![gone], &json!({})));
    assert_eq!(second.drain(), []);
}

#[test]
fn who_is_a_guest_again_is_shown_nothing() {
    let server = server();
    let room = Room::new(Alg::P256);
    let mut device = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    device.enter(&room);
    device.fence(&room.topic());
    // A new join of the same topic ends the member's.
    device.visit(&room.rid());
    let mut other = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    other.enter(&room);
    other.call(&room.topic(), "hello", json!({})).ok();
    let told: Vec<_> = device.fence(&room.topic()).into_iter().map(|message| message.event).collect();
    assert_eq!(told, ["phx_close"], "the first join's end, and nothing of the room");
}
