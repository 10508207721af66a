//! A disk without a byte left: the server starts, shows what is stored, and refuses new frames.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use vestibule_tests::http::Request;
use vestibule_tests::people::Device;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::eventually;

/// A script that mounts a small disk over the data folder, invisible to other processes, copies the
/// folder's files to it, and fills it to the last byte.
fn fill(data: &Path) -> String {
    let data = data.to_str().expect("UTF-8");
    format!(
        "cp -a {data} {data}.kept
         mount -t tmpfs -o size=4m tmpfs {data}
         cp -a {data}.kept/. {data}/
         rm -rf {data}.kept
         dd if=/dev/zero of={data}/filler bs=4096 2>/dev/null || :
         test \"$(df --output=avail {data} | tail -n 1)\" -eq 0"
    )
}

/// A file in the data folder, as a server in namespaces of its own sees it.
fn inside(server: &Server, name: &str) -> PathBuf {
    let data = server.data();
    let path = data.strip_prefix("/").expect("an absolute path");
    Path::new("/proc").join(server.id().to_string()).join("root").join(path).join(name)
}

#[test]
fn a_server_starts_on_a_full_disk_and_refuses_new_frames() {
    let launch = Launch::vestibule();
    let mut server = Server::start(launch.clone());
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    assert_eq!(server.terminate().code(), Some(0));

    let Some(full) = launch.script(&fill(&server.data())) else { return };
    server.restart_as(full);
    scene.member = Device::connect(scene.address, &scene.alice);
    scene.member.enter(&scene.room);
    scene.guest = Device::connect(scene.address, &scene.bob);
    scene.guest.visit(&scene.room.rid());
    assert_eq!(scene.status(&request), "pending", "what is stored is there");
    let refused = eventually("the last of the room is taken", || {
        let another = scene.bob.request(&scene.room.rid());
        let reply = scene.guest.call(&scene.topic, "request", &another);
        (reply.status == "error").then_some(reply)
    });
    assert_eq!(refused.refused(), "storage_full");
    let ready = Request::get("/health/ready").send(scene.address).expect("a response");
    assert_eq!((ready.status, ready.json()), (503, json!({ "status": "unready" })));
    assert!(server.log().contains("no space left"), "{}", server.log());

    // Once there is space, nothing else has to be done.
    fs::remove_file(inside(&server, "filler")).expect("a file to remove");
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    assert_eq!(scene.member.call(&scene.topic, "approve", &approve).ok()["state"], "approved");
    assert_eq!(server.terminate().code(), Some(0));
}

/// The restore cannot be recorded on the disk, but clients are told all the same.
#[test]
fn clients_learn_of_a_restore_on_a_full_disk() {
    let launch = Launch::vestibule();
    let mut server = Server::start(launch.clone());
    let mut scene = Scene::new(&server);
    let joined = Device::connect(scene.address, &scene.bob).visit(&scene.room.rid());
    assert_eq!(server.terminate().code(), Some(0));
    fs::write(server.data().join("vestibule.mark"), "").expect("a file");
    let Some(full) = launch.script(&fill(&server.data())) else { return };
    server.restart_as(full);
    scene.guest = Device::connect(scene.address, &scene.bob);
    let again = scene.guest.visit(&scene.room.rid());
    assert_ne!(again["epoch"], joined["epoch"]);
}
