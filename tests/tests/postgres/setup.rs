//! What the tests of the server on PostgreSQL share.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::frames::Request;
use vestibule_tests::http;
use vestibule_tests::people::{Device, Reply};
use vestibule_tests::process::Server;
use vestibule_tests::scene::Scene;

/// How long something may take that is bound to happen, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Waits until this is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(LOOK);
    }
}

/// What the server answers to a load balancer.
pub(crate) fn readiness(server: &Server) -> u16 {
    http::Request::get("/health/ready").send(server.address()).expect("a response").status
}

/// Waits until the server says that it is ready, or that it is not.
#[track_caller]
pub(crate) fn wait_for_readiness(server: &Server, status: u16) {
    wait_until(&format!("/health/ready says {status}"), || readiness(server) == status);
}

/// Asserts that a reply says `unavailable`, and when to try again.
#[track_caller]
pub(crate) fn assert_unavailable(reply: &Reply) {
    assert_eq!(reply.refused(), "unavailable");
    assert!(reply.response["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{}", reply.text);
}

/// Bob sends a request again and again until it is stored, and returns the response. If his topic
/// starts anew meanwhile, he joins it again.
#[track_caller]
pub(crate) fn ask_until_stored(scene: &mut Scene, request: &Request) -> Value {
    let (rid, topic, payload) = (scene.room.rid(), scene.topic.clone(), json!(request));
    let mut stored = None;
    wait_until("the request is stored", || {
        let reply = call_or_rejoin(&mut scene.guest, &topic, "request", &payload, |guest| {
            guest.visit(&rid);
        });
        match reply {
            Some(reply) if reply.status == "ok" => stored = Some(reply.response),
            Some(reply) => assert_unavailable(&reply),
            None => {}
        }
        stored.is_some()
    });
    stored.expect("a response")
}

/// Sends a message and waits for its reply. If the topic starts anew instead, joins it again and
/// returns nothing.
#[track_caller]
pub(crate) fn call_or_rejoin(
    device: &mut Device,
    topic: &str,
    event: &str,
    payload: &Value,
    rejoin: impl FnOnce(&mut Device),
) -> Option<Reply> {
    let reference = device.send(topic, event, payload).expect("an open connection");
    loop {
        let message = device.receive().expect("an open connection");
        if message.event == "phx_reply" && message.reference.as_deref() == Some(&reference) {
            return Some(Reply::of(message));
        }
        if message.event == "phx_error" && message.topic == topic {
            rejoin(device);
            return None;
        }
    }
}

/// The ids of the requests in a list.
pub(crate) fn ids(requests: &Value) -> Vec<Value> {
    let requests = requests.as_array().expect("a list");
    requests.iter().map(|request| request["request_id"].clone()).collect()
}
