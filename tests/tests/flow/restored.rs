//! Rule 9, and a store that was restored from a backup: clients are told, and repeat what they wait for.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use vestibule_tests::people::Device;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::each;

/// The database, and the log that a server may leave behind.
const FILES: [&str; 2] = ["vestibule.db", "vestibule.db-wal"];

/// Copies the database of a server that was stopped; gives the folder with the copy.
fn back_up(data: &Path) -> TempDir {
    let backup = tempfile::tempdir().expect("a temporary directory");
    for name in FILES.iter().filter(|name| data.join(name).exists()) {
        fs::copy(data.join(name), backup.path().join(name)).expect("a copy");
    }
    backup
}

/// Puts an older copy of the database in the place of the newer one.
fn restore(data: &Path, backup: &TempDir) {
    for name in [FILES[0], FILES[1], "vestibule.db-shm"] {
        let (newer, older) = (data.join(name), backup.path().join(name));
        if newer.exists() {
            fs::remove_file(&newer).expect("a file to remove");
        }
        if older.exists() {
            fs::copy(older, newer).expect("a copy");
        }
    }
}

/// Everybody connects again, as who has seen what `last` says; gives the answers to Alice's and Bob's joins.
fn reconnect(scene: &mut Scene, last: &Value) -> [Value; 2] {
    scene.member = Device::connect(scene.address, &scene.alice);
    scene.guest = Device::connect(scene.address, &scene.bob);
    [&mut scene.member, &mut scene.guest].map(|device| {
        let joined = device.join_after(&scene.topic, last).ok();
        let nonce = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
        if device.uid == scene.alice.uid() {
            device.prove(&scene.room, &nonce).ok();
        }
        joined
    })
}

#[test]
fn resync_after_a_restore_and_the_repeated_request_and_approve_bring_the_key() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let early = scene.ask();
    let first = scene.approve(&early);
    assert_eq!(server.terminate().code(), Some(0));
    let backup = back_up(&server.data());
    server.restart();

    // After the backup: the first key is saved, another one is asked for and sent, and is under way.
    let [_, joined] = reconnect(&mut scene, &json!(null));
    let epoch = joined["epoch"].clone();
    scene.guest.ack(&scene.topic, &first.approve_id).ok();
    let seen = scene.member.push(&scene.topic, "receipt")["seq"].clone();
    scene.member.drain();
    let request = scene.ask();
    let approve = scene.approve(&request);
    assert_eq!(server.terminate().code(), Some(0));
    restore(&server.data(), &backup);
    server.restart();

    let last = json!({ "epoch": epoch, "seq": seen });
    for joined in reconnect(&mut scene, &last) {
        assert_ne!(joined["epoch"], epoch, "another store");
    }
    for device in [&mut scene.member, &mut scene.guest] {
        assert_ne!(device.push(&scene.topic, "resync")["epoch"], epoch);
    }
    assert_eq!(each(&json!(scene.bobs().0), "request_id"), [json!(early.request_id)], "as of the backup");
    // Everybody repeats what was not finished, with the same ids.
    let stored = scene.guest.call(&scene.topic, "request", &request).ok();
    assert_eq!((&stored["dup"], &stored["state"]), (&json!(false), &json!("pending")));
    scene.member.push(&scene.topic, "request");
    let stored = scene.member.call(&scene.topic, "approve", &approve).ok();
    assert_eq!((&stored["dup"], &stored["state"]), (&json!(false), &json!("approved")));
    let told = scene.guest.push(&scene.topic, "approve");
    assert_eq!((&told["approve_id"], &told["ct"]), (&json!(approve.approve_id), &json!(approve.ct)));
    let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": true }));
    // What Bob had acked waits again, and he acks it again: that has been lost, too.
    let waiting = scene.guest.call(&scene.topic, "approved", json!({})).ok();
    assert_eq!(each(&waiting["items"], "approve_id"), [json!(first.approve_id)]);
    assert_eq!(scene.guest.ack(&scene.topic, &first.approve_id).ok()["deleted"], true);
    assert_eq!(scene.bobs(), (vec![], vec![]));
}

#[test]
fn the_new_epoch_stays_and_is_told_once_to_each_client() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let epoch = reconnect(&mut scene, &json!(null))[0]["epoch"].clone();
    server.terminate();
    let backup = back_up(&server.data());
    server.restart();
    let again = reconnect(&mut scene, &json!({ "epoch": epoch, "seq": 0 }));
    assert_eq!(again.map(|joined| joined["epoch"].clone()), [epoch.clone(), epoch.clone()], "a mere restart");
    assert!(!scene.guest.events(&scene.topic).contains(&"resync".to_owned()));
    // A crash this time.
    server.kill();
    restore(&server.data(), &backup);
    server.restart();
    let renewed = reconnect(&mut scene, &json!({ "epoch": epoch, "seq": 0 }))[0]["epoch"].clone();
    assert_ne!(renewed, epoch);
    assert_eq!(scene.guest.push(&scene.topic, "resync"), json!({ "epoch": renewed }));
    server.restart();
    let again = reconnect(&mut scene, &json!({ "epoch": renewed, "seq": 0 }));
    assert_eq!(again.map(|joined| joined["epoch"].clone()), [renewed.clone(), renewed]);
    assert!(!scene.guest.events(&scene.topic).contains(&"resync".to_owned()));
}

/// Rule 9: what was told and not taken is found after a restart.
#[test]
fn what_waits_is_there_after_a_restart() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let [denied, nacked] = [(); 2].map(|()| scene.ask());
    let approve = scene.approve(&nacked);
    scene.guest.nack(&scene.topic, &approve.approve_id, "wrong_key").ok();
    scene.deny(&denied, true);
    server.restart();
    let [alices, bobs] = reconnect(&mut scene, &json!(null));
    assert_eq!(each(&alices["notices"], "result"), ["nacked"]);
    assert_eq!(each(&bobs["notices"], "event"), ["denied"]);
    assert_eq!(each(&bobs["mine"], "request_id"), [json!(nacked.request_id)]);
    let denials = scene.member.call(&scene.topic, "denials", json!({})).ok();
    assert_eq!(denials["items"][0]["requests"][0]["request_id"], json!(denied.request_id));
    let next = scene.bob.request(&scene.room.rid());
    assert_eq!(scene.guest.call(&scene.topic, "request", next).refused(), "blocked");
}
