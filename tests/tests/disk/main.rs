//! A disk that fails while the server runs: if it is full, or a quota is used up, the server
//! refuses new frames until there is space; if it is broken, the server stops before it confirms
//! anything that may be lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

/// From errno(3).
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

/// A disk whose calls fail on demand.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/src/testing/faults.c");
        // There is a compiler: SQLite was compiled with it.
        let library = folder.path().join("faults.so");
        let status =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(library).status();
        assert!(status.expect("a C compiler").success());
        Self { folder }
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("faults")
    }

    /// A server on this disk.
    fn server(&self) -> Server {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let library = text(&self.folder.path().join("faults.so"));
        let launch = Launch::vestibule().env("LD_PRELOAD", &library);
        Server::start(launch.env("VESTIBULE_FAULTS", &text(&self.control())))
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
    let mut server = disk.server();
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    for (call, errno) in [("write", ENOSPC), ("write", EDQUOT), ("sync", ENOSPC), ("sync", EDQUOT)] {
        let request = scene.bob.request(&scene.room.rid());
        disk.fail(&server, call, errno);
        let refused = scene.guest.call(&scene.topic, "request", &request);
        assert_eq!(refused.refused(), "storage_full", "{call} {errno}");
        assert!(refused.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", refused.text);
        // Stored frames are there, and can be read.
        assert_eq!(scene.status(&first), json!("pending"));
        disk.heal();
        let stored = scene.guest.call(&scene.topic, "request", &request).ok();
        assert_eq!(stored["dup"], json!(false), "nothing was stored of what was refused");
        let withdraw = json!({ "request_id": request.request_id });
        scene.guest.call(&scene.topic, "withdraw", withdraw).ok();
    }
    assert!(server.log().contains("no space left"), "{}", server.log());
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn a_broken_disk_stops_the_server_and_loses_nothing_answered() {
    for call in ["write", "sync"] {
        let disk = Disk::new();
        let mut server = disk.server();
        let mut scene = Scene::new(&server);
        let first = scene.ask();
        let request = scene.bob.request(&scene.room.rid());
        disk.fail(&server, call, EIO);
        let request = serde_json::to_value(request).expect("a request is JSON");
        scene.guest.send(&scene.topic, "request", &request).expect("an open connection");
        assert_eq!(server.wait().code(), Some(74), "{call}");
        assert!(server.log().contains("the disk failed"), "{}", server.log());
        disk.heal();
        server.restart();
        let open = scene.bobs().0;
        let ids: Vec<_> = open.iter().map(|item| item["request_id"].clone()).collect();
        assert!(ids.contains(&json!(first.request_id)), "{call}: {ids:?}");
    }
}
