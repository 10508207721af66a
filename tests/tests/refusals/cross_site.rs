//! A page of another site, in the browser of a user who has signed in here.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person};
use vestibule_tests::ws::Handshake;

use crate::server;

const EVIL: &str = "https://evil.example";

#[test]
fn another_sites_page_cannot_connect() {
    let server = server();
    for path in ["/socket/websocket", "/msgpack/websocket"] {
        for (origin, status) in [(EVIL, 403), ("null", 403), ("http://127.0.0.1:3000", 101)] {
            let opened =
                Handshake::new(path).query("vsn=2.0.0").header("origin", origin).open(server.address());
            assert_eq!(opened.expect("a response").response.status, status, "{path} from {origin}");
        }
    }
    for (origin, status) in [(EVIL, 403), ("null", 403), ("http://127.0.0.1:3000", 410)] {
        let opened =
            Request::get("/socket/longpoll?vsn=2.0.0").header("origin", origin).send(server.address());
        assert_eq!(opened.expect("a response").json()["status"], status, "long poll from {origin}");
    }
}

#[test]
fn another_sites_page_cannot_read_answers() {
    let server = server();
    let asked = |origin: &str| {
        let preflight = Request::new("OPTIONS", "/v1/session")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let posted = Request::post("/v1/challenge").header("origin", origin).json(&json!({ "uid": "x" }));
        [preflight, posted].map(|request| {
            let response = request.send(server.address()).expect("a response");
            response.header("access-control-allow-origin").map(str::to_owned)
        })
    };
    assert_eq!(asked(EVIL), [None, None]);
    let own = "http://127.0.0.1:3000";
    assert_eq!(asked(own), [Some(own.to_owned()), Some(own.to_owned())]);
}

/// Cookies, which a browser adds to any page's request, are worth nothing.
#[test]
fn a_cookie_is_not_a_token() {
    let server = server();
    let person = Person::new(Alg::Ed25519);
    let token = person.sign_in(server.address());
    let cookie = format!("token={token}; authToken={token}");
    let made = Request::post("/v1/rooms")
        .header("cookie", &cookie)
        .json(&json!({ "alg": "p256", "policy": "open" }));
    assert_eq!(made.send(server.address()).expect("a response").status, 401);
    let mut device = Device::with_token(server.address(), &person, None);
    let opened = Handshake::new("/socket/websocket").query("vsn=2.0.0").header("cookie", &cookie);
    device.socket = opened.open(server.address()).expect("a response").accepted();
    assert_eq!(device.join(&person.inbox()).refused(), "unauthorized");
}
