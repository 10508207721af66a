//! The headers that tell browsers how to treat an answer, on both listeners. `tests/service` checks
//! them over TLS.

use std::net::SocketAddr;

use serde_json::json;
use vestibule_tests::admin::{AdminServer, OPERATOR, authorized};
use vestibule_tests::http::{Request, Response};
use vestibule_tests::process::{Launch, Server};

#[track_caller]
fn assert_hardened(request: &Request, to: SocketAddr, status: u16) -> Response {
    let response = request.send(to).expect("a response");
    let told = (response.status, response.header("x-content-type-options"));
    assert_eq!(told, (status, Some("nosniff")), "{request:?}: {}", response.text());
    assert_eq!(response.header("strict-transport-security"), None, "over HTTP it is not to be told");
    response
}

#[test]
fn every_response_has_its_content_type_and_nosniff() {
    let server = Server::start(Launch::untouched().options(&[
        ("--max-calls-per-second", "1"),
        ("--max-calls-at-once", "20"),
        ("--demo", "off"),
    ]));
    let elsewhere = |request: Request| request.header("host", "evil.example");
    let by_a_page = |request: Request| request.header("origin", "http://evil.example");
    let preflight =
        by_a_page(Request::new("OPTIONS", "/v1/rooms").header("access-control-request-method", "POST"));
    for (request, status) in [
        (Request::post("/v1/challenge").json(&json!({ "uid": "A".repeat(43) })), 200),
        (Request::post("/v1/challenge").json(&json!({})), 400),
        (Request::post("/v1/challenge").body("x"), 400),
        (Request::post("/v1/challenge").json(&json!("x".repeat(20_000))), 413),
        (Request::post("/v1/rooms").json(&json!({ "alg": "p256", "policy": "open" })), 401),
        (Request::get("/v1/rooms"), 200),
        (Request::get("/v1/rooms?limit=x"), 400),
        (Request::get("/v1/rooms/x"), 404),
        (Request::get("/v1/nothing"), 404),
        (elsewhere(Request::get("/v1/rooms")), 421),
        (by_a_page(Request::new("OPTIONS", "/v1/rooms")), 204),
        (preflight, 400),
        (Request::get("/socket/longpoll?vsn=2.0.0"), 200),
        (Request::post("/socket/longpoll?vsn=2.0.0&token=x"), 200),
        (Request::new("PUT", "/socket/longpoll"), 400),
        (Request::get("/socket/longpoll?vsn=%ff"), 400),
        (by_a_page(Request::get("/socket/longpoll")), 200),
        (elsewhere(Request::get("/socket/longpoll")), 421),
        (Request::get("/socket/websocket?vsn=9"), 403),
        (Request::post("/socket/websocket"), 400),
        (Request::get("/health/live"), 200),
        (Request::get("/nothing"), 404),
        (Request::get("/"), 404),
    ] {
        assert_hardened(&request, server.address(), status);
    }
    let call = Request::get("/v1/rooms");
    while call.send(server.address()).expect("a response").status != 429 {}
    assert_hardened(&call, server.address(), 429);
}

#[test]
fn every_admin_response_has_its_content_type() {
    let admin = AdminServer::launch(Launch::untouched());
    let asked = |target: &str| authorized(Request::get(target), OPERATOR);
    for (request, status) in [
        (Request::get("/health/ready"), 200),
        (Request::get("/metrics"), 401),
        (asked("/metrics"), 200),
        (asked("/admin/v1/nothing"), 404),
        (asked("/admin/v1/rooms"), 200),
        (asked("/admin/v1/rooms?limit=x"), 400),
        (Request::get("/socket/websocket?vsn=9"), 403),
    ] {
        assert_hardened(&request, admin.admin(), status);
    }
}
