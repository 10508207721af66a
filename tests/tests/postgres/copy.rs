use std::fs;
use std::path::Path;

use serde_json::json;
use vestibule_tests::people::Device;
use vestibule_tests::postgres::shared;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::repository;
use vestibule_tests::scene::Scene;

use crate::{done, on, refused, run, serve};

fn copy(data: &Path, url: &str) -> std::process::Output {
    run(&["copy", data.join("vestibule.db").to_str().expect("UTF-8"), url])
}

#[test]
fn clients_go_on_after_a_copy_as_if_nothing_had_happened() {
    let mut server = Server::start(Launch::vestibule());
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    drop(scene.guest);
    scene.member.call(&scene.topic, "approve", &approve).ok();
    let before = Device::connect(server.address(), &scene.bob).visit(&scene.room.rid());

    let database = shared().database();
    let in_use = refused(&copy(&server.data(), &database.url()), 1);
    assert!(in_use.contains("is in use by another vestibule"), "{in_use}");
    server.terminate();
    let output = copy(&server.data(), &database.url());
    let said = done(&output);
    for line in ["rooms: 1 of 1\n", "requests: 1 of 1\n", "approves: 1 of 1\n", "notices: 0 of 0\n"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let progress = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(progress.contains("requests: 1 of 1 rows, 100 %"), "{progress}");

    server.restart_as(on(&database.url()));
    assert!(!server.log().contains("restored"), "{}", server.log());
    let mut bob = Device::connect(server.address(), &scene.bob);
    let last = json!({ "epoch": before["epoch"], "seq": before["seq"] });
    let joined = bob.join_after(&scene.topic, &last).ok();
    assert_eq!((&joined["epoch"], &joined["seq"]), (&before["epoch"], &before["seq"]));
    assert!(!bob.events(&scene.topic).contains(&"resync".to_owned()));
    assert_eq!(joined["approves"][0]["approve_id"], json!(approve.approve_id));
    bob.ack(&scene.topic, &approve.approve_id).ok();
    // New rows get ids of their own, and seqs above all that were there.
    let another = scene.bob.request(&scene.room.rid());
    bob.call(&scene.topic, "request", &another).ok();
    assert_eq!(database.query("SELECT count(*) FROM requests"), "2");
    let newest = "SELECT bool_and(seq <= (SELECT max(last_seq) FROM streams)) FROM requests";
    assert_eq!(database.query(newest), "t");
}

#[test]
fn data_of_a_released_version_is_copied_whole() {
    let released = repository::root().join("tests/released/0.1.0/data");
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::copy(released.join("vestibule.db"), folder.path().join("vestibule.db")).expect("a copy");
    let database = shared().database();
    let said = done(&copy(folder.path(), &database.url()));
    for line in
        ["rooms: 3 of 3", "requests: 7 of 7", "approves: 3 of 3", "denials: 2 of 2", "notices: 5 of 5"]
    {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert_eq!(
        database.query(
            "SELECT count(*) FROM rooms WHERE open <>
             (SELECT count(*) FROM requests WHERE requests.rid = rooms.rid AND state IN (0, 1))"
        ),
        "0"
    );
    let server = serve(&database);
    assert!(!server.log().contains("restored"), "{}", server.log());
}

#[test]
fn only_an_empty_database_is_copied_to() {
    let mut server = Server::start(Launch::vestibule());
    let _scene = Scene::new(&server);
    server.terminate();
    let database = shared().database();
    drop(serve(&database));
    let before = database.query("SELECT epoch FROM store");
    let said = refused(&copy(&server.data(), &database.url()), 1);
    assert!(said.contains("not empty, or a server was started on it: nothing was copied"), "{said}");
    assert_eq!(database.query("SELECT epoch FROM store"), before);
    assert_eq!(database.query("SELECT count(*) FROM rooms"), "0");

    let missing = tempfile::tempdir().expect("a temporary directory");
    let said = refused(&copy(missing.path(), &database.url()), 1);
    assert!(said.contains("vestibule.db: "), "{said}");
    assert!(!missing.path().join("vestibule.db").exists());
    let said = refused(&copy(&server.data(), "data.db"), 2);
    assert!(said.contains("expected an address"), "{said}");
    server.restart();
}
