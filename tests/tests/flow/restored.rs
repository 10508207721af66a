//! Rule 9, and a store that was restored from a backup: clients are told, and repeat whatever they
//! wait for.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use vestibule_tests::people::Device;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::{each, eventually};

/// The database, and the write-ahead log that a server may leave behind.
const FILES: [&str; 2] = ["vestibule.db", "vestibule.db-wal"];

/// Copies the database of a stopped server; returns the folder with the copy.
fn back_up(data: &Path) -> TempDir {
    let backup = tempfile::tempdir().expect("a temporary directory");
    for name in FILES.iter().filter(|name| data.join(name).exists()) {
        fs::copy(data.join(name), backup.path().join(name)).expect("a copy");
    }
    backup
}

/// Replaces the database with an older copy.
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

/// Copies the database of a running server, as `sqlite3 vestibule.db ".backup copy.db"` does;
/// returns the folder with the copy.
fn back_up_online(data: &Path) -> TempDir {
    const BACK_UP: &str = "
import sqlite3, sys
sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))
";
    let backup = tempfile::tempdir().expect("a temporary directory");
    let paths = [data, backup.path()].map(|folder| folder.join(FILES[0]));
    let done = Command::new("python3").args(["-c", BACK_UP]).args(paths).output().expect("Python");
    assert!(done.status.success(), "{done:?}");
    backup
}

/// Replaces a folder with a copy of another one.
fn copy_folder(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

/// How often the log reports a restored database.
fn warnings(server: &Server) -> usize {
    server.log().matches("the database was restored from a backup").count()
}

/// The seq that is recorded in the mark beside the database.
fn marked(server: &Server) -> Option<i64> {
    let text = fs::read(server.data().join("vestibule.mark")).ok()?;
    serde_json::from_slice::<Value>(&text).expect("JSON")["seq"].as_i64()
}

/// Everybody reconnects with this `last`; returns the answers to Alice's and Bob's joins.
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
fn resync_and_repeated_frames_recover_from_a_restore() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let early = scene.ask();
    let first = scene.approve(&early);
    assert_eq!(server.terminate().code(), Some(0));
    let backup = back_up(&server.data());
    server.restart();

    // After the backup: the first key is saved, another one is requested and sent, and is still
    // unacked.
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
    // Everybody repeats what was unfinished, with the same ids.
    let stored = scene.guest.call(&scene.topic, "request", &request).ok();
    assert_eq!((&stored["dup"], &stored["state"]), (&json!(false), &json!("pending")));
    scene.member.push(&scene.topic, "request");
    let stored = scene.member.call(&scene.topic, "approve", &approve).ok();
    assert_eq!((&stored["dup"], &stored["state"]), (&json!(false), &json!("approved")));
    let told = scene.guest.push(&scene.topic, "approve");
    assert_eq!((&told["approve_id"], &told["ct"]), (&json!(approve.approve_id), &json!(approve.ct)));
    let acked = scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(acked, json!({ "dup": false, "deleted": true }));
    // An approve that Bob had acked waits again, and he acks it again: the ack was lost, too.
    let waiting = scene.guest.call(&scene.topic, "approved", json!({})).ok();
    assert_eq!(each(&waiting["items"], "approve_id"), [json!(first.approve_id)]);
    assert_eq!(scene.guest.ack(&scene.topic, &first.approve_id).ok()["deleted"], true);
    assert_eq!(scene.bobs(), (vec![], vec![]));
}

#[test]
fn each_client_is_told_a_new_epoch_once() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let epoch = reconnect(&mut scene, &json!(null))[0]["epoch"].clone();
    server.terminate();
    let backup = back_up(&server.data());
    server.restart();
    let again = reconnect(&mut scene, &json!({ "epoch": epoch, "seq": 0 }));
    assert_eq!(again.map(|joined| joined["epoch"].clone()), [epoch.clone(), epoch.clone()], "a mere restart");
    assert!(!scene.guest.events(&scene.topic).contains(&"resync".to_owned()));
    // This time by a crash.
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

/// Rule 9: what was sent and not taken is there after a restart.
#[test]
fn waiting_frames_survive_a_restart() {
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

/// The server does not start between the backup and the restore: frames that were answered ok
/// meanwhile are recognised by their seq alone.
#[test]
fn a_restore_under_a_running_server_is_detected() {
    for ends_well in [true, false] {
        let mut server = Server::start(Launch::vestibule());
        let mut scene = Scene::new(&server);
        let request = scene.ask();
        let epoch = reconnect(&mut scene, &json!(null))[0]["epoch"].clone();
        let backup = back_up_online(&server.data());
        let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
        let stored = scene.member.call(&scene.topic, "approve", &approve).ok();
        scene.guest.push(&scene.topic, "approve");
        if ends_well {
            assert_eq!(server.terminate().code(), Some(0));
        } else {
            eventually("the approve's seq is noted", || {
                (marked(&server) >= stored["seq"].as_i64()).then_some(())
            });
            server.kill();
        }
        restore(&server.data(), &backup);
        server.restart();

        assert_eq!(warnings(&server), 1, "{}", server.log());
        for joined in reconnect(&mut scene, &json!({ "epoch": epoch, "seq": stored["seq"] })) {
            assert_ne!(joined["epoch"], epoch, "another store");
        }
        scene.guest.push(&scene.topic, "resync");
        scene.member.push(&scene.topic, "resync");
        assert_eq!(scene.status(&request), "pending", "as of the backup");
        // Bob's key arrives all the same: Alice's client repeats whatever has no receipt.
        assert_eq!(scene.member.call(&scene.topic, "approve", &approve).ok()["dup"], false);
        assert_eq!(scene.guest.push(&scene.topic, "approve")["approve_id"], json!(approve.approve_id));
    }
}

/// A copied folder brings its mark along, so the server has nothing to compare it with. A client
/// has: it has seen a seq of a time at which, as far as this folder remembers, no server ran.
#[test]
fn a_client_that_has_seen_more_notices_a_copied_folder() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.approve(&request);
    let epoch = reconnect(&mut scene, &json!(null))[0]["epoch"].clone();
    assert_eq!(server.terminate().code(), Some(0));
    let backup = tempfile::tempdir().expect("a temporary directory");
    copy_folder(&server.data(), backup.path());
    server.restart();
    reconnect(&mut scene, &json!(null));
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    let seen = scene.member.push(&scene.topic, "receipt")["seq"].clone();
    assert_eq!(server.terminate().code(), Some(0));
    copy_folder(backup.path(), &server.data());
    server.restart();
    assert_eq!(warnings(&server), 0, "nothing in the folder tells");

    // Frames that others store meanwhile, with later seqs, hide nothing.
    Scene::new(&server).ask();
    let last = json!({ "epoch": epoch, "seq": seen });
    let told = reconnect(&mut scene, &last).map(|joined| joined["epoch"].clone());
    assert_ne!(told[0], epoch);
    assert_eq!(told[0], told[1]);
    assert_eq!(scene.member.push(&scene.topic, "resync"), json!({ "epoch": told[0] }));
    assert_eq!(scene.member.push(&scene.topic, "caught_up")["epoch"], told[0]);
    scene.guest.push(&scene.topic, "resync");
    assert_eq!(scene.guest.ack(&scene.topic, &approve.approve_id).ok()["deleted"], true);

    // Once is enough, and nobody else is affected: neither clients that have seen less, nor those
    // that claim an impossible seq.
    for (epoch, seq) in [(&told[0], 0), (&epoch, 1), (&epoch, i64::MAX)] {
        for joined in reconnect(&mut scene, &json!({ "epoch": epoch, "seq": seq })) {
            assert_eq!(&joined["epoch"], epoch, "{seq}");
        }
        assert!(!scene.guest.events(&scene.topic).contains(&"resync".to_owned()), "{seq}");
    }
}

/// Nobody knows which frames were answered, so every client is told.
#[test]
fn an_unreadable_mark_counts_as_a_restore() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let mut epoch = reconnect(&mut scene, &json!(null))[0]["epoch"].clone();
    for (times, unreadable) in ["", "{", "-\n"].into_iter().enumerate() {
        assert_eq!(server.terminate().code(), Some(0));
        fs::write(server.data().join("vestibule.mark"), unreadable).expect("a file");
        server.restart();
        let renewed = reconnect(&mut scene, &json!({ "epoch": epoch, "seq": 0 }))[0]["epoch"].clone();
        assert_ne!(renewed, epoch, "{unreadable:?}");
        assert_eq!(server.log().matches("vestibule.mark: ").count(), times + 1, "{}", server.log());
        epoch = renewed;
    }
    server.restart();
    assert_eq!(reconnect(&mut scene, &json!(null))[0]["epoch"], epoch, "and once only");
}

/// The file in which earlier versions counted the starts.
#[test]
fn an_upgrade_is_no_restore_unless_one_preceded_it() {
    for (is_restored, starts) in [(false, "1\n"), (true, "2\n"), (true, ""), (true, "x\n")] {
        let mut server = Server::start(Launch::vestibule());
        let mut scene = Scene::new(&server);
        let epoch = reconnect(&mut scene, &json!(null))[0]["epoch"].clone();
        assert_eq!(server.terminate().code(), Some(0));
        let _ = fs::remove_file(server.data().join("vestibule.mark"));
        fs::write(server.data().join("vestibule.starts"), starts).expect("a file");
        server.restart();
        let joined = reconnect(&mut scene, &json!(null))[0]["epoch"] != epoch;
        assert_eq!((joined, warnings(&server)), (is_restored, usize::from(is_restored)), "{starts:?}");
        assert!(!server.data().join("vestibule.starts").exists(), "one file is enough");
    }
}
