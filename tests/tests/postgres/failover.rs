//! PostgreSQL's machine is lost, and a standby takes over.

use serde_json::{Value, json};
use vestibule_tests::people::Device;
use vestibule_tests::postgres::{Cluster, Replication};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::scene::Scene;

use crate::setup::{ask_until_stored, ids, wait_for_readiness, wait_until};

/// A server that knows two places for its database, and uses the one that can be written to.
fn start(primary: &Cluster, standby: &Cluster) -> Server {
    let [first, second] = [primary, standby].map(Cluster::address);
    let url = format!("postgres://vestibule@{first},{second}/postgres?target_session_attrs=read-write");
    Server::start(Launch::vestibule_on(&url))
}

/// Alice, joined anew, who had seen this much: the reply, and what she was told before she had
/// caught up.
fn rejoin(scene: &mut Scene, last: &Value) -> (Value, Vec<String>) {
    let joined = scene.member.join_after(&scene.topic, last).ok();
    let nonce = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    scene.member.prove(&scene.room, &nonce).ok();
    (joined, scene.member.events(&scene.topic))
}

/// What a device has seen, by its join's reply.
fn seen(joined: &Value) -> Value {
    json!({ "epoch": joined["epoch"], "seq": joined["seq"] })
}

#[test]
fn a_synchronous_standby_takes_over_and_nothing_is_lost() {
    let primary = Cluster::start();
    let standby = primary.standby(Replication::Sync);
    let server = start(&primary, &standby);
    let mut scene = Scene::new(&server);
    let before = Device::connect(scene.address, &scene.bob).visit(&scene.room.rid());
    let asked = scene.ask();
    let approved = scene.ask();
    let approve = scene.approve(&approved);
    primary.kill9();
    standby.promote();

    let request = scene.bob.request(&scene.room.rid());
    ask_until_stored(&mut scene, &request);
    wait_for_readiness(&server, 200);
    let (mine, waiting) = scene.bobs();
    let wanted: Vec<_> = [&asked, &approved, &request].map(|request| json!(request.request_id)).to_vec();
    assert_eq!(ids(&json!(mine)), wanted);
    assert_eq!(waiting[0]["approve_id"], json!(approve.approve_id));
    // It is the same history: nobody has to look again.
    let after = Device::connect(scene.address, &scene.bob).visit(&scene.room.rid());
    assert_eq!(after["epoch"], before["epoch"]);
    let (_, told) = rejoin(&mut scene, &seen(&before));
    assert!(!told.contains(&"resync".to_owned()), "{told:?}");
    assert!(!server.log().contains("has lost what was stored"), "{}", server.log());
}

#[test]
fn an_asynchronous_standby_that_was_behind_says_so() {
    let primary = Cluster::start();
    let standby = primary.standby(Replication::Async);
    let server = start(&primary, &standby);
    let mut scene = Scene::new(&server);
    let kept = scene.ask();
    let has_kept =
        format!("SELECT count(*) FROM requests WHERE request_id = '{}'", bytes(&kept.request_id.0));
    wait_until("the standby has the first request", || {
        standby.try_query("postgres", &has_kept).as_deref() == Ok("1")
    });
    standby.stop();
    let lost = scene.ask();
    let before = Device::connect(scene.address, &scene.bob).visit(&scene.room.rid());
    primary.kill9();
    standby.start_again();
    standby.promote();

    let request = scene.bob.request(&scene.room.rid());
    ask_until_stored(&mut scene, &request);
    assert!(server.log().contains("has lost what was stored"), "{}", server.log());
    wait_for_readiness(&server, 200);
    let kept = [&kept, &request].map(|request| json!(request.request_id));
    assert_eq!(ids(&json!(scene.bobs().0)), kept, "what was answered since is there");
    // Alice's room started anew, and she learns that what she has seen may be gone.
    let (joined, told) = rejoin(&mut scene, &seen(&before));
    assert_ne!(joined["epoch"], before["epoch"]);
    assert!(told.contains(&"resync".to_owned()), "{told:?}");
    // Bob repeats what was lost.
    assert_eq!(ask_until_stored(&mut scene, &lost)["dup"], false);
    // That was all: a client of the new epoch goes on.
    let (_, told) = rejoin(&mut scene, &seen(&joined));
    assert!(!told.contains(&"resync".to_owned()), "{told:?}");
}

/// Bytes as PostgreSQL writes them.
fn bytes(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
