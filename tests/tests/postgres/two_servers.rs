//! Two servers on one database. Whatever is stored is right on both; live pushes reach only those
//! on the same server, and others find what they missed when they join again.

use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::postgres::shared;
use vestibule_tests::process::{Launch, Server};

use crate::setup::ids;

#[test]
fn two_servers_share_what_is_stored() {
    let database = shared().database();
    let [here, there] = [(); 2].map(|()| Server::start(Launch::vestibule_on(&database.url())));
    let (alice, bob) = (Person::new(Alg::Ed25519), Person::new(Alg::Ed25519));
    let room = Room::created_by(here.address(), &alice, Policy::Request);
    let topic = room.topic();
    let mut member = Device::connect(here.address(), &alice);
    member.enter(&room);
    let mut guest = Device::connect(there.address(), &bob);
    assert_eq!(guest.visit(&room.rid())["epoch"], member_epoch(&here, &alice, &room));

    // Bob asks there; Alice, here, finds it when she joins again.
    let request = bob.request(&room.rid());
    let first = guest.call(&topic, "request", &request).ok();
    let told: Vec<_> = member.events(&topic);
    assert!(told.is_empty(), "she is told: then this test and the documents can say so");
    // It is the same request wherever he repeats it.
    assert!(repeat(&here, &bob, &room, "request", &json!(request)));
    member.leave(&topic);
    let entered = member.enter(&room);
    assert_eq!(ids(&entered["pending"]), [json!(request.request_id)]);

    // She approves here; he finds it there, and acks.
    let approve = room.approve(&alice, &bob.uid(), &request);
    let second = member.call(&topic, "approve", &approve).ok();
    guest.leave(&topic);
    let joined = guest.visit(&room.rid());
    assert_eq!(joined["approves"][0]["approve_id"], json!(approve.approve_id));
    let ack = json!({ "approve_id": approve.approve_id, "device": guest.id });
    assert_eq!(guest.call(&topic, "ack", &ack).ok()["dup"], false);
    let seqs = [&first, &second].map(|stored| stored["seq"].as_i64().expect("a seq"));
    assert!(seqs[0] < seqs[1], "{seqs:?}");

    assert!(repeat(&here, &bob, &room, "ack", &ack));
}

/// Whether a server that somebody tells the same says that it knows.
fn repeat(server: &Server, person: &Person, room: &Room, event: &str, payload: &Value) -> bool {
    let mut device = Device::connect(server.address(), person);
    device.visit(&room.rid());
    device.call(&room.topic(), event, payload).ok()["dup"] == true
}

fn member_epoch(server: &Server, person: &Person, room: &Room) -> Value {
    Device::connect(server.address(), person).visit(&room.rid())["epoch"].take()
}
