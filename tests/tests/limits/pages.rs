//! More may wait for a client than its outbox holds: lists are limited by bytes, too.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::limits::{FieldLimits, Quotas};
use vestibule_tests::people::Device;
use vestibule_tests::scene::Scene;

use super::server;

#[test]
fn a_client_can_page_through_more_than_an_outbox_holds() {
    let server = server(&[]);
    let mut scene = Scene::new(&server);
    let requests: Vec<_> = (1..Quotas::default().open_per_user_in_room).map(|_| scene.ask()).collect();
    scene.guest.leave(&scene.topic);
    let mut sent = BTreeSet::new();
    for _ in 0..Quotas::default().approves_per_request {
        let (carol, mut device, _) = scene.another_member();
        for request in &requests {
            let mut approve = scene.room.approve(&carol, &scene.bob.uid(), request);
            approve.ct = Blob(vec![7; FieldLimits::default().ct]);
            scene.room.sign_approve(&carol, &mut approve);
            device.call(&scene.topic, "approve", &approve).ok();
            sent.insert(json!(approve.approve_id).to_string());
        }
    }
    // 56 of them, 22 KB each as text: more than 1 MiB.
    for topic in [scene.topic.clone(), scene.bob.inbox()] {
        let mut device = Device::connect(scene.address, &scene.bob);
        let joined = device.join(&topic).ok();
        let mut got = ids(&joined["approves"]);
        assert_eq!(joined["more"], true);
        let mut cursor = joined["cursors"]["approves"].clone();
        while !cursor.is_null() {
            let page = device.call(&topic, "approved", json!({ "cursor": cursor })).ok();
            got.extend(ids(&page["items"]));
            cursor = page["cursor"].clone();
        }
        assert_eq!(got.len(), sent.len(), "none twice");
        assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), sent);
    }
}

fn ids(items: &Value) -> Vec<String> {
    items.as_array().expect("a list").iter().map(|item| item["approve_id"].to_string()).collect()
}
