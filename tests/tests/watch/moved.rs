//! A data file that is no longer in its place: nobody would find what the server stores from then
//! on, so it confirms nothing.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::scene::Scene;

/// A mishap: its name, and how to cause it.
type Mishap = (&'static str, fn(&Path));

/// What can happen to a data file, and to what belongs to it.
const MISHAPS: [Mishap; 5] = [
    ("the folder is deleted", delete),
    ("the folder has another name", |data| fs::rename(data, data.with_extension("old")).expect("a folder")),
    ("the database is another file", |data| {
        let path = data.join("vestibule.db");
        fs::copy(&path, data.join("copy")).expect("a copy");
        fs::rename(data.join("copy"), path).expect("a file");
    }),
    ("the log is deleted", |data| fs::remove_file(data.join("vestibule.db-wal")).expect("a file")),
    ("the index of the log is deleted", |data| {
        fs::remove_file(data.join("vestibule.db-shm")).expect("a file");
    }),
];

/// Deletes a folder in which the server may create a file meanwhile: the mark is rewritten.
fn delete(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::remove_dir_all(folder).is_err() && folder.exists() {
        assert!(Instant::now() < deadline, "{} stays", folder.display());
    }
}

#[test]
fn a_server_stops_when_its_data_file_is_gone() {
    for (what, happens) in MISHAPS {
        let mut admin = AdminServer::start(&[("--sweep", "1h")]);
        let mut scene = Scene::new(&admin.server);
        let request = scene.ask();
        happens(&admin.server.data());
        admin.wait_for_readiness(503, Some("database_moved"));
        let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
        let payload = serde_json::to_value(&approve).expect("JSON");
        let answered = scene.member.try_call(&scene.topic, "approve", &payload);
        assert!(answered.is_none(), "{what}: {answered:?}");
        assert_eq!(scene.guest.remaining("approve"), [json!(null); 0], "{what}: what is lost was forwarded");
        assert_eq!(admin.server.wait().code(), Some(74), "{what}");
        let log = admin.server.log();
        assert_eq!(log.matches("is not where it was").count(), 1, "{what}: {log}");
        assert!(log.contains("vestibule.db"), "{what}: {log}");
    }
}

#[test]
fn an_unused_server_stops_too_when_its_file_is_gone() {
    let mut admin = AdminServer::start(&[("--sweep", "100ms")]);
    delete(&admin.server.data());
    assert_eq!(admin.server.wait().code(), Some(74));
}
