use std::path::Path;
use std::process::Command;

use serde_json::json;
use vestibule_tests::people::Device;
use vestibule_tests::postgres::shared;
use vestibule_tests::scene::Scene;

use crate::{on, serve};

#[track_caller]
fn pg(program: &str, arguments: &[&str], path: &Path) {
    let output = Command::new(program).args(arguments).arg(path).output().expect("PostgreSQL's clients");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_restored_dump_is_noticed_and_clients_are_told() {
    let (database, other) = (shared().database(), shared().database());
    let mut server = serve(&database);
    let mut scene = Scene::new(&server);
    let early = scene.ask();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let dump = folder.path().join("vestibule.dump");
    pg("pg_dump", &["--format", "custom", "--dbname", &database.url(), "--file"], &dump);
    // Bob sees more than the dump has.
    let approve = scene.approve(&early);
    let seen = Device::connect(server.address(), &scene.bob).visit(&scene.room.rid());
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    let seq = scene.member.push(&scene.topic, "receipt")["seq"].clone();
    server.terminate();

    pg("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &other.url()], &dump);
    server.restart_as(on(&other.url()));
    assert!(server.log().contains("the database was restored from a backup"), "{}", server.log());
    let mut bob = Device::connect(server.address(), &scene.bob);
    let joined = bob.visit(&scene.room.rid());
    assert_ne!(joined["epoch"], seen["epoch"]);
    let mut alice = Device::connect(server.address(), &scene.alice);
    alice.join_after(&scene.topic, &json!({ "epoch": seen["epoch"], "seq": seq })).ok();
    assert_eq!(alice.push(&scene.topic, "resync")["epoch"], joined["epoch"]);
    assert_eq!(joined["mine"][0]["request_id"], json!(early.request_id));
    assert_eq!(joined["mine"][0]["state"], json!("pending"));
}
