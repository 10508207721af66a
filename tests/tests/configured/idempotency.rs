//! A back end repeats a request under its `Idempotency-Key`: nothing is published twice.

use std::thread;

use serde_json::{Value, json};
use vestibule_tests::admin::{OPERATOR, limited};
use vestibule_tests::http::{Request, Response};
use vestibule_tests::people::Device;

use crate::publish::{CHANNELS, message};
use crate::site::Site;

fn publish(site: &Site, event: &str, key: &str, token: &str) -> Response {
    let body =
        json!({ "messages": [message("chat:1", event, &json!({})), message("nothing", event, &json!({}))] });
    site.admin.ask(Request::post("/admin/v1/publish").header("idempotency-key", key).json(&body), token)
}

/// A server, and a client in `chat:1`.
fn scene() -> (Site, Device) {
    let site = Site::new(CHANNELS);
    let mut device = site.stranger();
    device.join("chat:1").ok();
    (site, device)
}

/// How often the device was sent this event.
fn count(device: &mut Device, event: &str) -> usize {
    assert_eq!(device.call("chat:1", "fence", json!({})).refused(), "not_allowed");
    device.drain().iter().filter(|message| message.event == event).count()
}

#[test]
fn a_repeated_request_gets_the_first_answer() {
    let (site, mut device) = scene();
    let publisher = limited("publisher");
    let first = publish(&site, "one", "\"a-1\"", publisher);
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, None), "{}", first.text());
    // The same key without quotation marks, after the topic has another subscriber.
    for key in ["\"a-1\"", "a-1"] {
        let again = publish(&site, "one", key, publisher);
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(
            (again.text(), again.header("content-type")),
            (first.text(), first.header("content-type"))
        );
    }
    assert_eq!(count(&mut device, "one"), 1);

    // Another key, another operator, and no key: each is a request of its own.
    publish(&site, "one", "a-2", publisher);
    publish(&site, "one", "a-1", OPERATOR);
    assert_eq!(count(&mut device, "one"), 2);
    let other = publish(&site, "two", "a-1", publisher);
    assert_eq!((other.status, count(&mut device, "two")), (422, 0), "{}", other.text());
}

#[test]
fn a_single_broadcast_can_be_repeated_too() {
    let (site, mut device) = scene();
    let broadcast = |topic: &str| {
        let body = json!({ "event": "one", "payload": {} });
        let request = Request::post(&format!("/admin/v1/topics/{topic}/broadcast")).json(&body);
        site.admin.ask(request.header("idempotency-key", "b"), OPERATOR)
    };
    assert_eq!([broadcast("chat:1").text(), broadcast("chat:1").text()], [r#"{"heard":true}"#; 2]);
    assert_eq!(count(&mut device, "one"), 1);
    assert_eq!(broadcast("chat:2").status, 422, "the same body for another topic");
}

#[test]
fn a_request_that_failed_can_be_sent_again() {
    let (site, mut device) = scene();
    let publisher = limited("publisher");
    let send = |body: &Value| {
        let request = Request::post("/admin/v1/publish").header("idempotency-key", "c").json(body);
        site.admin.ask(request, publisher).status
    };
    assert_eq!(send(&json!({ "messages": [] })), 422);
    assert_eq!(send(&json!({ "messages": [message("chat:1", "one", &json!({}))] })), 200);
    assert_eq!(count(&mut device, "one"), 1);
    for key in ["", "\"\"", "two words", &"x".repeat(129)] {
        let response = publish(&site, "one", key, publisher);
        assert_eq!(response.status, 400, "{key}: {}", response.text());
    }
    let large = json!({ "messages": [message("chat:1", "one", &json!({ "text": "x".repeat(70_000) }))] });
    assert_eq!(send(&large), 413);
    assert_eq!(count(&mut device, "one"), 0);
}

#[test]
fn requests_sent_at_once_publish_once() {
    let (site, mut device) = scene();
    for round in 0..5 {
        let (site, key) = (&site, format!("d-{round}"));
        let statuses: Vec<u16> = thread::scope(|scope| {
            let send = || publish(site, "one", &key, limited("publisher")).status;
            let all: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
            all.into_iter().map(|sent| sent.join().expect("a status")).collect()
        });
        assert!(statuses.contains(&200), "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
        assert_eq!(count(&mut device, "one"), 1, "{statuses:?}");
    }
}
