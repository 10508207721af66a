//! Finished frames are deleted after a while, so that the store does not grow for ever.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vestibule_tests::people::{Device, now_ms};
use vestibule_tests::process::Server;
use vestibule_tests::scene::Scene;

use crate::{each, eventually, server_with};

/// How many rows each table has, read with Python's sqlite3.
fn rows(data: &Path) -> Value {
    const COUNT: &str = "
import json, sqlite3, sys
db = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True)
names = ['requests', 'approves', 'devices', 'notices', 'denials', 'rooms']
print(json.dumps({name: db.execute(f'SELECT count(*) FROM {name}').fetchone()[0] for name in names}))
";
    let database = data.join("vestibule.db");
    let counted = Command::new("python3").args(["-c", COUNT]).arg(database).output().expect("Python");
    assert!(counted.status.success(), "{counted:?}");
    serde_json::from_slice(&counted.stdout).expect("JSON")
}

/// One request that is done, one withdrawn, one denied and one expired.
fn finish_in_each_way(server: &Server, scene: &mut Scene) {
    let done = scene.ask();
    let mut second = Device::another(scene.address, &scene.bob);
    second.visit(&scene.room.rid());
    second.call(&scene.topic, "request", &done).ok();
    let bad = scene.approve(&done);
    scene.guest.nack(&scene.topic, &bad.approve_id, "wrong_key").ok();
    scene.member.push(&scene.topic, "request");
    let approve = scene.approve(&done);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(second.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);
    let withdrawn = scene.ask();
    scene.guest.call(&scene.topic, "withdraw", json!({ "request_id": withdrawn.request_id })).ok();
    let mut expired = scene.bob.request(&scene.room.rid());
    expired.exp = now_ms() + 300;
    scene.bob.sign_request(&scene.room.rid(), &mut expired);
    scene.guest.call(&scene.topic, "request", &expired).ok();
    scene.member.push(&scene.topic, "request");
    let denied = scene.ask();
    scene.deny(&denied, false);
    let stored = rows(&server.data());
    for name in ["requests", "approves", "devices", "notices", "denials"] {
        assert!(stored[name].as_u64() > Some(0), "{name}: {stored}");
    }
    for request in [done, withdrawn, expired, denied] {
        eventually("it is forgotten", || scene.status(&request).is_null().then_some(()));
    }
}

#[test]
fn finished_requests_are_deleted_with_their_rows() {
    let server = server_with(&[
        ("--sweep", "100ms"),
        ("--keep-finished", "3s"),
        ("--keep-notices", "3s"),
        ("--cooldown", "1s"),
    ]);
    let mut scene = Scene::new(&server);
    let before = rows(&server.data());
    assert_eq!(
        (&before["requests"], &before["notices"], &before["rooms"]),
        (&json!(0), &json!(0), &json!(1))
    );
    finish_in_each_way(&server, &mut scene);
    eventually("as many rows as before", || (rows(&server.data()) == before).then_some(()));
    for person in [&scene.alice, &scene.bob] {
        let joined = Device::connect(scene.address, person).arrive(&scene.topic);
        assert_eq!((&joined["notices"], &joined["mine"]), (&json!([]), &json!([])));
    }
    // The counters of the quotas have been decremented too, or this would be refused one day.
    scene.ask();
}

#[test]
fn a_finished_requests_id_is_free_after_a_while() {
    let server = server_with(&[("--sweep", "100ms"), ("--keep-finished", "1500ms")]);
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.guest.call(&scene.topic, "withdraw", json!({ "request_id": request.request_id })).ok();
    let ended = scene.guest.push(&scene.topic, "withdrawn")["at"].as_i64().expect("a time");
    let again = scene.guest.call(&scene.topic, "request", &request).ok();
    assert_eq!((&again["state"], &again["dup"]), (&json!("withdrawn"), &json!(true)), "a late repeat");
    eventually("it is forgotten", || scene.status(&request).is_null().then_some(()));
    assert!(now_ms() >= ended + 1500, "it was forgotten early");
    assert_eq!(scene.guest.call(&scene.topic, "request", &request).ok()["dup"], false);
}

#[test]
fn notices_are_kept_for_a_limited_time() {
    let server = server_with(&[("--sweep", "100ms"), ("--keep-notices", "1500ms")]);
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    scene.guest.call(&scene.topic, "withdraw", json!({ "request_id": request.request_id })).ok();
    let told = scene.guest.push(&scene.topic, "withdrawn");
    let mut kept = || scene.guest.call(&scene.topic, "notices", json!({})).ok()["items"].clone();
    assert_eq!(each(&kept(), "seq"), [told["seq"].clone()]);
    eventually("it is gone", || (kept() == json!([])).then_some(()));
    assert!(now_ms() >= told["at"].as_i64().expect("a time") + 1500, "it went early");
    assert_eq!(scene.status(&request), "withdrawn", "the request is remembered for longer");
}
