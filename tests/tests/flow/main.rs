//! The approve flow, rule by rule of `docs/protocol.md`: the answers to members and newcomers, what
//! they are told, and what they find when they reconnect.

mod cards;
mod creator;
mod cursors;
mod deny;
mod devices;
mod expiry;
mod full_disk;
mod full_store;
mod hostile;
mod nack;
mod overrule;
mod places;
mod quotas;
mod receipts;
mod redelivery;
mod restored;
mod staggering;
mod tidying;
mod transports;

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use vestibule_approve::frames::Request;
use vestibule_approve::ids::Hash;
use vestibule_tests::people::{Device, PATIENCE, Person, random};
use vestibule_tests::process::{Launch, Server, Shared};
use vestibule_tests::scene::Scene;

static SERVER: Shared = Shared::new();

/// The server that tests share. None of them sees another's rooms.
fn server() -> Arc<Server> {
    SERVER.server()
}

/// A server with these options.
fn server_with(options: &[(&str, &str)]) -> Server {
    Server::start(Launch::vestibule().options(options))
}

/// Retries until it succeeds.
#[track_caller]
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// Whether a request can no longer be approved, tried with an approve that is refused in any case.
#[track_caller]
fn is_closed(scene: &mut Scene, request: &Request) -> bool {
    let mut approve = scene.room.approve(&scene.alice, &scene.bob.uid(), request);
    approve.r#box = Hash(random().0);
    scene.room.sign_approve(&scene.alice, &mut approve);
    match scene.member.call(&scene.topic, "approve", &approve).refused() {
        "closed" => true,
        "box_mismatch" => false,
        other => panic!("{other}"),
    }
}

/// A list in an answer.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).clone()
}

/// One field of each item of a list.
fn each(items: &Value, name: &str) -> Vec<Value> {
    list(items).into_iter().map(|item| item[name].clone()).collect()
}

/// A notice without its seq and time, which it must have.
#[track_caller]
fn timeless(mut notice: Value) -> Value {
    for field in ["seq", "at"] {
        let number = notice.as_object_mut().expect("an object").remove(field);
        assert!(number.is_some_and(|number| number.is_i64()), "no {field}");
    }
    notice
}

/// A device, the topic on which it is told of its user's own matters, and another topic that it has
/// joined.
type AtHome = (Device, String, Option<String>);

/// More devices of a user of the room: in the room, in the inbox, in both, and in the inbox after
/// it left the room.
fn at_home(scene: &Scene, person: &Person) -> Vec<AtHome> {
    let (room, inbox) = (scene.topic.clone(), person.inbox());
    let connect = |topics: &[&String]| {
        let mut device = Device::another(scene.address, person);
        for topic in topics {
            device.arrive(topic);
        }
        device
    };
    let in_room = connect(&[&room]);
    let in_inbox = connect(&[&inbox]);
    let in_both = connect(&[&room, &inbox]);
    let mut left = connect(&[&room, &inbox]);
    left.leave(&room);
    left.drain();
    vec![
        (in_room, room.clone(), None),
        (in_inbox, inbox.clone(), None),
        (in_both, room, Some(inbox.clone())),
        (left, inbox, None),
    ]
}
