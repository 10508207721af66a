use serde_json::json;
use vestibule_tests::people::Device;
use vestibule_tests::postgres::shared;
use vestibule_tests::scene::Scene;

use crate::serve;

#[test]
fn a_key_is_asked_for_sent_and_acknowledged() {
    let database = shared().database();
    let server = serve(&database);
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    assert_eq!(scene.pending().len(), 1);
    let approve = scene.approve(&request);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(scene.status(&request), json!("done"));
    assert_eq!(scene.bobs().1, Vec::<serde_json::Value>::new());
    assert_eq!(database.query("SELECT count(*) FROM approves WHERE frame IS NOT NULL"), "0");
}

#[test]
fn a_key_waits_for_a_newcomer_over_a_restart() {
    let database = shared().database();
    let mut server = serve(&database);
    let mut scene = Scene::new(&server);
    let request = scene.ask();
    let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
    drop(scene.guest);
    scene.member.call(&scene.topic, "approve", &approve).ok();
    server.kill();
    server.restart();
    assert!(!server.log().contains("restored"), "{}", server.log());
    let mut bob = Device::connect(server.address(), &scene.bob);
    let joined = bob.visit(&scene.room.rid());
    assert_eq!(joined["approves"][0]["approve_id"], json!(approve.approve_id));
    bob.ack(&scene.topic, &approve.approve_id).ok();
}
