//! A database of its maximum size: what would make it larger is refused, and everything else
//! continues.

use std::fs;

use serde_json::json;
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::Request;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::{each, eventually, server_with};

/// A request with a box key of 4 KiB.
fn large(scene: &Scene) -> Request {
    let rid = scene.room.rid();
    let mut request = scene.bob.request(&rid);
    request.box_pub = Blob(vec![7; 4096]);
    request.box_pub.0[..16].copy_from_slice(request.request_id.as_bytes());
    scene.bob.sign_request(&rid, &mut request);
    request
}

#[test]
fn a_larger_store_limit_applies_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("v.toml");
    let limit = |size: &str| {
        let quotas = "max_open_per_user = 10000\nmax_requests_per_user = 10000";
        fs::write(&file, format!("max_store = \"{size}\"\n{quotas}\n")).expect("a file to write");
    };
    limit("512KiB");
    let launch = Launch::vestibule().arg("--config").arg(file.to_str().expect("UTF-8"));
    let server = Server::start(launch);
    let mut scene = Scene::new(&server);
    let refused = (0..200)
        .map(|_| large(&scene))
        .collect::<Vec<_>>()
        .into_iter()
        .find(|request| scene.guest.call(&scene.topic, "request", request).status == "error");
    let refused = refused.expect("more than there is room for");
    assert_eq!(scene.guest.call(&scene.topic, "request", &refused).refused(), "storage_full");

    limit("64MiB");
    server.signal("HUP");
    let stored = eventually("the limit is taken over", || {
        let reply = scene.guest.call(&scene.topic, "request", &refused);
        (reply.status == "ok").then(|| reply.ok())
    });
    assert_eq!(stored["dup"], false);
}

#[test]
fn a_full_store_stores_nothing_until_space_is_freed() {
    let server = server_with(&[
        ("--max-store", "512KiB"),
        ("--max-open-per-user", "10000"),
        ("--max-requests-per-user", "10000"),
    ]);
    let mut scene = Scene::new(&server);
    let mut stored = Vec::new();
    let refused = loop {
        let request = large(&scene);
        let reply = scene.guest.call(&scene.topic, "request", &request);
        if reply.status == "error" {
            break reply;
        }
        stored.push(json!(request.request_id));
        assert!(stored.len() < 200, "more than there is room for");
    };
    assert_eq!(refused.refused(), "storage_full");
    assert!(refused.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", refused.text);

    // Nothing of the last one is stored, and everything that was answered ok is.
    let mut shown = Vec::new();
    let mut cursor = json!(null);
    loop {
        let page = scene.member.call(&scene.topic, "pending", json!({ "cursor": cursor })).ok();
        shown.extend(each(&page["items"], "request_id"));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(shown, stored);
    for id in &stored[..10] {
        let withdrawn = scene.guest.call(&scene.topic, "withdraw", json!({ "request_id": id })).ok();
        assert_eq!(withdrawn, json!({ "dup": false }));
    }
    let request = large(&scene);
    assert_eq!(scene.guest.call(&scene.topic, "request", &request).ok()["dup"], false);
}
