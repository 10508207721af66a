//! HTTP calls of one address.

use std::thread::sleep;

use serde_json::json;
use vestibule_tests::http::{Request, Response};
use vestibule_tests::process::Server;

use crate::{connect, retry, server};

fn challenge(server: &Server) -> Response {
    let request = Request::post("/v1/challenge").json(&json!({ "uid": "A".repeat(43) }));
    request
        .header("origin", &format!("http://{}", server.address()))
        .send(server.address())
        .expect("a response")
}

#[test]
fn one_http_call_too_many_is_refused() {
    let server = server(&[("--max-calls-per-second", "1"), ("--max-calls-at-once", "3")]);
    let get = |target| Request::get(target).send(server.address()).expect("a response");
    assert_eq!(challenge(&server).status, 200);
    assert_eq!(get("/v1/rooms").status, 200);
    assert_eq!(get("/v1/rooms/unknown").status, 404);
    let refused = challenge(&server);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{}", refused.text());
    assert!(refused.header("access-control-allow-origin").is_some(), "a page cannot read it");
    // Sockets do not count as calls.
    connect(&server);
    sleep(retry(&refused.json()));
    assert_eq!(challenge(&server).status, 200);
    assert_eq!(challenge(&server).status, 429);
}
