//! A disk that fails while the server runs: if it is full, or a quota is used up, the server
//! refuses new frames until there is space; if it is broken or cannot be written any more, the
//! server stops before it confirms anything that may be lost. Nobody is told anything that is not
//! stored.

mod damaged;
mod locked;
mod read_only;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use vestibule_tests::admin::AdminServer;
use vestibule_tests::preload;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

/// From errno(3).
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// A disk whose calls fail on demand.
struct Disk {
    folder: tempfile::TempDir,
    library: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let library = preload::compile("schema/src/testing/faults.c", folder.path());
        Self { folder, library }
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("faults")
    }

    /// A server on this disk.
    fn launch(&self) -> Launch {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let launch = Launch::vestibule().env("LD_PRELOAD", &text(&self.library));
        launch.env("VESTIBULE_FAULTS", &text(&self.control()))
    }

    /// From now on each such call for the server's data fails.
    fn fail(&self, server: &Server, call: &str, errno: i32) {
        let new = self.control().with_extension("new");
        fs::write(&new, format!("{call} {} {errno}", server.data().display())).expect("a file to write");
        fs::rename(new, self.control()).expect("a file to rename");
    }

    fn heal(&self) {
        fs::remove_file(self.control()).expect("a fault to take away");
    }
}

#[test]
fn a_full_disk_refuses_new_frames_until_space_is_freed() {
    let disk = Disk::new();
    let mut admin = AdminServer::launch(disk.launch());
    let mut scene = Scene::new(&admin.server);
    let first = scene.ask();
    for (call, errno) in [("write", ENOSPC), ("write", EDQUOT), ("sync", ENOSPC), ("sync", EDQUOT)] {
        let request = scene.bob.request(&scene.room.rid());
        disk.fail(&admin.server, call, errno);
        let refused = scene.guest.call(&scene.topic, "request", &request);
        assert_eq!(refused.refused(), "storage_full", "{call} {errno}");
        assert!(refused.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", refused.text);
        // Stored frames are there, and can be read.
        assert_eq!(scene.status(&first), json!("pending"));
        admin.wait_for_readiness(503, Some("disk_full"));
        let told = scene.member.events(&scene.topic);
        assert!(!told.contains(&"request".to_owned()), "{call} {errno}: a refused one is forwarded");
        disk.heal();
        let stored = scene.guest.call(&scene.topic, "request", &request).ok();
        assert_eq!(stored["dup"], json!(false), "nothing was stored of what was refused");
        assert_eq!(scene.member.push(&scene.topic, "request")["request_id"], json!(request.request_id));
        let withdraw = json!({ "request_id": request.request_id });
        scene.guest.call(&scene.topic, "withdraw", withdraw).ok();
    }
    // The log says so once a spell, however many are refused.
    let log = admin.server.log();
    assert_eq!(log.matches("no space left").count(), 1, "{log}");
    assert_eq!(admin.server.terminate().code(), Some(0));
}

#[test]
fn a_broken_disk_stops_the_server_and_loses_nothing_answered() {
    // The last is a disk that the system has remounted for reading only.
    for (call, errno) in [("write", EIO), ("sync", EIO), ("write", EROFS)] {
        let disk = Disk::new();
        let mut server = Server::start(disk.launch());
        let mut scene = Scene::new(&server);
        let first = scene.ask();
        let request = scene.bob.request(&scene.room.rid());
        disk.fail(&server, call, errno);
        let request = serde_json::to_value(request).expect("a request is JSON");
        let answered = scene.guest.try_call(&scene.topic, "request", &request);
        assert!(answered.is_none(), "{call} {errno}: {answered:?}");
        assert_eq!(server.wait().code(), Some(74), "{call} {errno}");
        assert_eq!(scene.member.remaining("request"), [json!(null); 0], "{call} {errno}: it is forwarded");
        assert!(server.log().contains("the disk failed"), "{}", server.log());
        disk.heal();
        server.restart();
        let open = scene.bobs().0;
        let ids: Vec<_> = open.iter().map(|item| item["request_id"].clone()).collect();
        assert!(ids.contains(&json!(first.request_id)), "{call}: {ids:?}");
    }
}
