//! Which pages may connect, beyond those of the web.

use vestibule_tests::http::Request;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::ws::Handshake;

use crate::server;

/// The status of a handshake from a page of this origin.
fn handshake(server: &Server, path: &str, origin: &str) -> u16 {
    let handshake = Handshake::new(path).query("vsn=2.0.0").header("origin", origin);
    handshake.open(server.address()).expect("a response").response.status
}

#[test]
fn a_mount_without_a_check_takes_any_origin() {
    let server = Server::start(Launch::playground());
    for origin in ["null", "file://", "about:blank", "https://evil.example", "not an origin"] {
        assert_eq!(handshake(&server, "/socket/websocket", origin), 101, "{origin}");
    }
}

#[test]
fn null_and_other_schemes_are_accepted_if_listed() {
    let server = server(&[("--origin", "null,file://,capacitor://localhost,//example.com")]);
    for (origin, status) in [
        ("null", 101),
        ("file://", 101),
        ("capacitor://localhost", 101),
        ("https://EXAMPLE.com", 101),
        ("//example.com", 101),
        ("about:blank", 403),
        ("ionic://localhost", 403),
        ("https://evil.example", 403),
    ] {
        assert_eq!(handshake(&server, "/socket/websocket", origin), status, "{origin}");
        let asked = Request::get("/v1/rooms").header("origin", origin).send(server.address());
        let told = asked.expect("a response").header("access-control-allow-origin").map(str::to_owned);
        assert_eq!(told.as_deref(), (status == 101).then_some(origin), "{origin}");
    }
}

#[test]
fn the_default_check_ignores_case_in_hosts() {
    let server = server(&[("--name", "chat.example.com")]);
    for (origin, status) in [
        ("https://Chat.Example.COM", 101),
        ("//chat.example.com", 101),
        ("https://chat.example.com.evil.example", 403),
        ("null", 403),
    ] {
        let handshake = Handshake::new("/socket/websocket")
            .query("vsn=2.0.0")
            .header("host", "CHAT.example.com")
            .header("origin", origin);
        let opened = handshake.open(server.address()).expect("a response");
        assert_eq!(opened.response.status, status, "{origin}");
    }
}

/// As in Phoenix, the origin is checked before the method.
#[test]
fn a_refused_long_poll_allows_no_headers() {
    let server = server(&[]);
    for method in ["OPTIONS", "GET", "POST"] {
        let refused = Request::new(method, "/socket/longpoll?vsn=2.0.0")
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-phoenix-authtoken")
            .send(server.address())
            .expect("a response");
        assert_eq!((refused.status, refused.text().as_str()), (200, r#"{"status":403}"#), "{method}");
        let allowed: Vec<_> =
            refused.headers.iter().filter(|(name, _)| name.starts_with("access-control-")).collect();
        assert_eq!(allowed, [("access-control-allow-origin", "*")], "{method}");
    }
}
