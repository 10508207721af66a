//! The answer to a COMMIT is lost: the server finds out whether it is stored, or says that it does
//! not know. Members are told once, either way.

use std::net::TcpListener;

use serde_json::json;
use vestibule_approve::frames::Request;
use vestibule_tests::postgres::{Proxy, shared};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::relay::Cut;
use vestibule_tests::scene::Scene;

use crate::setup::{ask_until_stored, assert_unavailable, ids, wait_until};

#[test]
fn a_lost_answer_to_commit_is_found_out() {
    let (database, proxy) = (shared().database(), shared().proxy());
    let url = shared().url_at(proxy.relay.address, database.name());
    let server = Server::start(Launch::vestibule_on(&url));
    let mut scene = Scene::new(&server);
    for cut in [Cut::Reset, Cut::Finish] {
        let lost = proxy.lost_commits();
        proxy.lose_commit_after(0, cut);
        // Another reader's COMMIT may come first.
        let requests: Vec<_> =
            std::iter::from_fn(|| (proxy.lost_commits() == lost).then(|| scene.ask())).take(20).collect();
        assert_eq!(proxy.lost_commits(), lost + 1, "after {} requests", requests.len());
        let told = scene.member.news(&scene.topic);
        assert!(told.is_empty(), "told twice, or something else: {told:?}");
    }
    assert!(server.log().contains("asking the database what became"), "{}", server.log());
}

#[test]
fn what_nobody_knows_is_told_once_it_is_known() {
    let (database, proxy) = (shared().database(), shared().proxy());
    let url = shared().url_at(proxy.relay.address, database.name());
    let server = Server::start(Launch::vestibule_on(&url));
    let mut scene = Scene::new(&server);
    let request = lose(&mut scene, &proxy);
    // Alice's room starts anew once PostgreSQL can be asked, and she joins again.
    proxy.relay.redirect(shared().address());
    assert_eq!(ask_until_stored(&mut scene, &request)["dup"], true);
    let topic = scene.topic.clone();
    scene.member.push(&topic, "phx_error");
    let pending = scene.member.enter(&scene.room)["pending"].clone();
    assert_eq!(ids(&pending), [json!(request.request_id)]);
    assert_eq!(told(&mut scene, &request), 0);
    assert_eq!(database.query("SELECT count(*) FROM requests"), "1");
}

/// Bob's request is stored, and its answer lost. The server cannot connect anew, and says that it
/// does not know.
fn lose(scene: &mut Scene, proxy: &Proxy) -> Request {
    let request = scene.bob.request(&scene.room.rid());
    // Nobody listens there, once this is dropped.
    let nobody = TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address");
    proxy.relay.redirect(nobody);
    proxy.lose_commit_after(0, Cut::Reset);
    let reply = scene.guest.call(&scene.topic, "request", &request);
    assert_unavailable(&reply);
    wait_until("the answer to COMMIT is lost", || proxy.lost_commits() == 1);
    request
}

/// How often Alice is pushed this request from now on.
fn told(scene: &mut Scene, request: &Request) -> usize {
    let id = json!(request.request_id);
    scene.member.news(&scene.topic).iter().filter(|message| message.payload["request_id"] == id).count()
}
