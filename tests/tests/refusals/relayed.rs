//! Proofs obtained through a relay, which has its victims sign the server's challenges under the
//! name by which they address the relay.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::{Request, Response};
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::relay::relay_to;
use vestibule_tests::ws::Handshake;

use crate::server;

const EVIL: &str = "evil.example";
/// Paths of the calls and sockets that carry a proof or depend on one.
const PATHS: [&str; 6] = [
    "/v1/challenge",
    "/v1/rooms",
    "/%76%31/rooms",
    "/socket/websocket?vsn=2.0.0",
    "/socket/longpoll?vsn=2.0.0",
    "/msgpack/websocket",
];

fn post_session(server: SocketAddr, host: &str, body: &Value) -> Response {
    Request::post("/v1/session").header("host", host).json(body).send(server).expect("a response")
}

/// A handshake with a valid token that addresses this host.
fn handshake(person: &Person, server: SocketAddr, host: &str) -> Handshake {
    let token = STANDARD.encode(person.sign_in(server));
    let protocol = format!("phoenix, base64url.bearer.phx.{token}");
    Handshake::new("/socket/websocket").query("vsn=2.0.0").protocol(&protocol).header("host", host)
}

#[track_caller]
fn assert_misdirected(response: &Response) {
    assert_eq!(response.status, 421, "{}", response.text());
    let answer = response.json();
    assert_eq!(answer["reason"], "misdirected");
    let detail = answer["detail"].as_str().expect("a sentence");
    assert!(detail.contains("set --name") && detail.ends_with('.'), "{detail}");
}

#[test]
fn a_sign_in_for_another_host_gets_no_token() {
    let server = server();
    let victim = Person::new(Alg::Ed25519);
    let nonce = victim.challenge(server.address());
    let signed_for_evil = victim.session(EVIL, &nonce);
    assert_misdirected(&post_session(server.address(), EVIL, &signed_for_evil));
    let own = server.address().to_string();
    assert_eq!(post_session(server.address(), &own, &signed_for_evil).json()["reason"], "bad_sig");
}

#[test]
fn a_proof_for_another_host_makes_no_member() {
    let server = server();
    let (victim, room) = (Person::new(Alg::Ed25519), Room::published(server.address(), Policy::Request));
    let opened = handshake(&victim, server.address(), EVIL).open(server.address()).expect("a response");
    assert_misdirected(&opened.response);
    let mut device = Device::connect(server.address(), &victim);
    let joined = device.visit(&room.rid());
    let nonce = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let proof = room.prove(EVIL, &victim.uid(), &nonce);
    assert_eq!(device.call(&room.topic(), "prove", proof).refused(), "bad_proof");
}

#[test]
fn clients_sign_nothing_for_a_plain_relay() {
    let server = server();
    let relay = relay_to(server.address());
    for path in PATHS {
        assert_misdirected(&Request::get(path).send(relay).expect("a response"));
    }
    assert_eq!(Request::get("/health/ready").send(relay).expect("a response").status, 200);
}

#[test]
fn every_entry_point_checks_the_host() {
    let server = server();
    let port = server.address().port();
    let ask = |path: &str, host: &str| {
        Request::get(path).header("host", host).send(server.address()).expect("a response")
    };
    for path in PATHS {
        for host in [EVIL, "localhost", &format!("{EVIL}:{port}"), &format!("127.0.0.1:{}", port ^ 1)] {
            assert_misdirected(&ask(path, host));
        }
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"] {
            let response = ask(path, &format!("{host}:{port}"));
            assert_ne!(response.status, 421, "{path} of {host}");
        }
    }
    // A page from the server itself can read why it is refused.
    let page = Request::get("/v1/rooms").header("host", EVIL).header("origin", "http://evil.example");
    let refused = page.send(server.address()).expect("a response");
    assert_eq!(refused.header("access-control-allow-origin"), Some("http://evil.example"));
    // Load balancers probe by address, and the page tells its visitors what is wrong.
    for path in ["/health/live", "/health/ready", "/"] {
        assert_ne!(ask(path, EVIL).status, 421, "{path}");
    }
    let says = "refused a request, and will refuse others like it without logging";
    assert_eq!(server.log().matches(says).count(), 1, "{}", server.log());
}

/// HTTP/1.0 allows requests without a host.
#[test]
fn a_missing_host_is_refused() {
    let ask = |server: &Server, path: &str| {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).expect("an open connection");
        io::read_to_string(stream).expect("a response")
    };
    let nameless = server();
    assert!(ask(&nameless, "/v1/rooms").starts_with("HTTP/1.0 421 "));
    assert!(ask(&nameless, "/health/ready").starts_with("HTTP/1.0 200 "));
    let named = Server::start(Launch::vestibule().options(&[("--name", "a.example")]));
    assert!(ask(&named, "/v1/rooms").starts_with("HTTP/1.0 200 "));
}

#[test]
fn a_proof_is_valid_for_any_of_the_servers_names() {
    let server =
        Server::start(Launch::vestibule().options(&[("--name", "a.example"), ("--name", "b.example:1")]));
    let address = server.address();
    let person = Person::new(Alg::P256);
    for (host, told) in [("b.example:1", "b.example:1"), ("A.example", "a.example"), (EVIL, "a.example")] {
        let challenge =
            Request::post("/v1/challenge").header("host", host).json(&json!({ "uid": person.uid() }));
        assert_eq!(challenge.send(address).expect("a response").json()["server"], told, "{host}");
        for (name, status) in [("a.example", 200), ("b.example:1", 200), (EVIL, 400), ("b.example", 400)] {
            let body = person.session(name, &person.challenge(address));
            assert_eq!(post_session(address, host, &body).status, status, "{name} at {host}");
        }
    }
    let room = Room::new(Alg::Secp256k1);
    let token = {
        let body = person.session("b.example:1", &person.challenge(address));
        post_session(address, EVIL, &body).json()["token"].as_str().expect("a token").to_owned()
    };
    let mut device = Device::with_token(address, &person, Some(&token));
    let joined = device.visit(&room.rid());
    assert_eq!(joined["server"], "a.example");
    let nonce = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
    let proof = |name: &str| room.prove(name, &person.uid(), &nonce);
    assert_eq!(device.call(&room.topic(), "prove", proof(EVIL)).refused(), "bad_proof");
    for name in ["b.example:1", "a.example"] {
        device.call(&room.topic(), "prove", proof(name)).ok();
    }
}

#[test]
fn the_log_warns_if_a_name_is_needed() {
    let says = "no --name is set";
    for (options, is_warned) in [
        (&[][..], false),
        (&[("--trusted-proxy", "127.0.0.1")], true),
        (&[("--trusted-proxy", "127.0.0.1"), ("--name", "a.example")], false),
    ] {
        let server = Server::start(Launch::vestibule().options(options));
        assert_eq!(server.log().contains(says), is_warned, "{options:?}: {}", server.log());
    }
    // As systemd passes it: this address is reached under none of the loopback's names.
    let socket = Arc::new(TcpListener::bind(("0.0.0.0", 0)).expect("a free port"));
    let server = Server::start(Launch::bare().arg("--data").arg("./data").socket(socket));
    assert!(server.log().contains(says), "{}", server.log());
    let port = server.address().port();
    for (host, status) in [(format!("localhost:{port}"), 200), ("localhost:4000".to_owned(), 421)] {
        let asked = Request::get("/v1/rooms").header("host", &host).send(server.address());
        assert_eq!(asked.expect("a response").status, status, "{host}");
    }
}
