//! When something breaks, the data that was being worked on stays out of the log.

use diesel::prelude::*;
use diesel::sql_types::Binary;
use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::canaries::{assert_not_logged, canary};

#[test]
#[cfg_attr(not(debug_assertions), ignore = "there are no failpoints in a release")]
fn a_panic_logs_its_location_and_not_its_message() {
    let (message, note) = (canary("panic"), canary("note"));
    // The first answer is to the card that the scene publishes.
    let failpoint = format!("before_reply:2:panic:{message}");
    let launch = Launch::vestibule().arg("--log").arg("trace").env("VESTIBULE_FAILPOINT", &failpoint);
    let mut server = Server::start(launch);
    let mut scene = Scene::new(&server);
    let mut request = scene.bob.request(&scene.room.rid());
    request.note = Some(note.clone());
    scene.bob.sign_request(&scene.room.rid(), &mut request);
    scene.guest.send(&scene.topic, "request", &json!(request)).expect("an open connection");
    let crashed = scene.guest.push(&scene.topic, "phx_error");
    let heard = scene.member.fence(&scene.topic);
    for text in heard.iter().map(|message| &message.text).chain([&crashed.to_string()]) {
        assert!(!text.contains(&message) && !text.contains(&note), "somebody is told: {text}");
    }
    // It hit one join only, and frames that were stored before it are there.
    scene.guest.visit(&scene.room.rid());
    assert_eq!(scene.status(&request), "pending");
    assert_eq!(server.terminate().code(), Some(0));
    let log = server.log();
    assert!(log.contains("a channel panicked") && log.contains("failpoint.rs"), "{log}");
    assert_not_logged(&server, &[("panic's message", &message), ("note", &note)]);
}

#[test]
fn a_full_store_logs_no_content() {
    let note = canary("note");
    // Room for the tables, and for little else.
    let options = [("--max-store", "256KiB"), ("--max-open-per-user", "1000"), ("--log", "trace")];
    let mut server = Server::start(Launch::vestibule().options(&options));
    let mut scene = Scene::new(&server);
    let reason = (0..1000).find_map(|_| {
        let mut request = scene.bob.request(&scene.room.rid());
        request.note = Some(note.repeat(5));
        scene.bob.sign_request(&scene.room.rid(), &mut request);
        let reply = scene.guest.call(&scene.topic, "request", &request);
        (reply.status == "error").then(|| reply.refused().to_owned())
    });
    assert_eq!(reason.as_deref(), Some("storage_full"));
    server.terminate();
    assert!(server.log().contains("no space left"));
    assert_not_logged(&server, &[("note", &note)]);
}

#[test]
fn an_unreadable_row_is_reported_without_its_content() {
    let planted = canary("row");
    let mut server = Server::start(Launch::vestibule().arg("--log").arg("trace"));
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.approve(&request);
    // Text where a frame should be; a decoder likes to quote such text.
    let text = rmp_serde::to_vec(&planted).expect("text");
    let path = server.data().join("vestibule.db");
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("the database");
    for table in ["requests", "approves", "rooms", "notices"] {
        let update = diesel::sql_query(format!("UPDATE {table} SET frame = ?"));
        update.bind::<Binary, _>(&text).execute(&mut connection).expect("a table of frames");
    }
    for person in [&scene.bob, &scene.alice] {
        let mut device = Device::connect(scene.address, person);
        assert_eq!(device.join(&scene.topic).refused(), "unavailable");
    }
    let mut other = Device::connect(scene.address, &Person::new(Alg::Ed25519));
    assert_eq!(other.join(&scene.topic).refused(), "unavailable");
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    let answered = scene.member.call(&scene.topic, "approve", &approve);
    assert_eq!(answered.refused(), "unavailable");
    server.terminate();
    assert!(server.log().contains("cannot be read"));
    assert_not_logged(&server, &[("stored row", &planted)]);
}
