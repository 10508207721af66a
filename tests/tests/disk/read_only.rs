//! A data folder that can no longer be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

/// A server that is bound by the modes of its files, as root is not.
fn bound_by_modes() -> Option<Launch> {
    let launch = Launch::vestibule();
    let is_root = Command::new("id").arg("-u").output().expect("a user").stdout == b"0\n";
    if !is_root {
        return Some(launch);
    }
    let without = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];
    if !Command::new("setpriv").args(without).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: there is no setpriv, and root may write to everything");
        return None;
    }
    Some(launch.under("setpriv", &without))
}

fn set_modes(data: &Path, folder: u32, files: u32) {
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    set(data, 0o700);
    for entry in fs::read_dir(data).expect("a folder") {
        set(&entry.expect("an entry").path(), files);
    }
    set(data, folder);
}

/// Checks that a start failed with one line that names a file and the reason.
#[track_caller]
fn assert_failed(output: &Output, why: &str) {
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    let line = log.lines().last().unwrap_or_default();
    assert!(line.starts_with("vestibule: ") && line.contains("/data: ") && line.contains(why), "{log}");
}

#[test]
fn modes_do_not_concern_open_files_but_the_next_start() {
    let Some(launch) = bound_by_modes() else { return };
    let mut server = Server::start(launch.clone());
    let mut scene = Scene::new(&server);
    let first = scene.ask();
    set_modes(&server.data(), 0o500, 0o400);
    let approve = scene.approve(&first);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    let second = scene.ask();
    server.kill();
    let folder = server.data();
    let folder = folder.parent().expect("a folder");
    assert_failed(&launch.run(folder), "Permission denied");

    set_modes(&server.data(), 0o700, 0o600);
    server.restart();
    let (open, _) = scene.bobs();
    let ids: Vec<_> = open.iter().map(|item| &item["request_id"]).collect();
    assert_eq!(ids, [&json!(second.request_id)]);
}

#[test]
fn a_server_does_not_start_on_a_read_only_disk() {
    let launch = Launch::vestibule();
    let mut server = Server::start(launch.clone());
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    assert_eq!(server.terminate().code(), Some(0));
    let data = server.data();
    let mount = format!(
        "mount --bind {0} {0}
         mount -o remount,bind,ro {0}",
        data.display()
    );
    let Some(read_only) = launch.clone().script(&mount) else { return };
    assert_failed(&read_only.run(data.parent().expect("a folder")), "Read-only file system");
    server.restart();
    assert_eq!(scene.bobs().0[0]["request_id"], json!(request.request_id));
}
