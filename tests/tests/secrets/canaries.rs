//! Canaries: unique texts, sent to the server by every way in, in valid and invalid messages. None
//! of them is in the log or sent to another client, and the database has only those that belong
//! there.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vestibule_approve::base64url;
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, PATIENCE, Person, Room, random};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::query;
use vestibule_tests::ws::{Frame, Handshake, Received, opcode};

use crate::malformed::{bodies, events, frames, spoiled};
use crate::search::{files, find, is_stored};

/// A text that names the place where it was put.
pub(crate) fn canary(place: &str) -> String {
    format!("canary{place}{}", base64url::encode(random::<12>().as_bytes()).replace(['-', '_'], "x"))
}

/// The canaries, by where they are put.
struct Canaries {
    /// In valid payloads, where clients may write what they like.
    kept: String,
    /// In refused messages, or in fields that are ignored.
    refused: String,
    /// In place of tokens and passwords.
    token: String,
}

impl Canaries {
    fn new() -> Self {
        Self { kept: canary("kept"), refused: canary("refused"), token: canary("token") }
    }

    fn all(&self) -> [(&'static str, &str); 3] {
        [("payload", &self.kept), ("refused payload", &self.refused), ("token", &self.token)]
    }
}

/// Panics if the log or standard output has one of them.
#[track_caller]
pub(crate) fn assert_not_logged(server: &Server, canaries: &[(&'static str, &str)]) {
    for (name, text) in [("log", server.log()), ("standard output", server.output())] {
        for (what, canary) in canaries {
            if let Some(spelling) = find(text.as_bytes(), canary.as_bytes()) {
                let line = text.lines().find(|line| find(line.as_bytes(), canary.as_bytes()).is_some());
                panic!("the {name} has a {what}, {spelling}: {line:?}");
            }
        }
    }
}

/// Sends every event, valid and spoiled, as a member, as a guest and in the inbox.
fn through_channels(server: &Server, room: &Room, canaries: &Canaries) {
    let address = server.address();
    let person = Person::new(Alg::Ed25519);
    let token = person.sign_in(address);
    for (event, payload) in events(room, &person, &canaries.kept) {
        let mut member = Device::with_token(address, &person, Some(&token));
        member.enter(room);
        let mut listener = Device::with_token(address, &person, Some(&token));
        listener.join(&person.inbox()).ok();
        for payload in spoiled(&payload, &canaries.refused) {
            member.call(&room.topic(), event, &payload);
            listener.call(&person.inbox(), event, &payload);
        }
    }
    let mut stranger = Device::with_token(address, &person, Some(&canaries.token));
    assert_eq!(stranger.join(&room.topic()).refused(), "unauthorized");
}

/// Sends frames that are not messages, on each mount and over long poll.
fn through_frames(server: &Server, canaries: &Canaries) {
    let address = server.address();
    for bytes in frames(&canaries.refused) {
        for (path, version) in
            [("/socket/websocket", "2.0.0"), ("/socket/websocket", "1.0.0"), ("/msgpack/websocket", "2.0.0")]
        {
            for kind in [opcode::TEXT, opcode::BINARY] {
                let query = format!("vsn={version}");
                let mut socket =
                    Handshake::new(path).query(&query).open(address).expect("a response").accepted();
                let frame = Frame { opcode: kind, ..Frame::binary(bytes.clone()) };
                socket.send(&frame).expect("an open connection");
                socket.send_text("[null,\"1\",\"phoenix\",\"heartbeat\",{}]").expect("an open connection");
                // Answered or closed: either way it was read.
                assert_ne!(socket.receive(PATIENCE).expect("no broken framing"), Received::Nothing);
            }
        }
        let path = "/socket/longpoll?vsn=2.0.0";
        let opened = Request::get(path).header("x-phoenix-authtoken", &canaries.token).send(address);
        let session = opened.expect("a response").json()["token"].as_str().expect("a token").to_owned();
        let post =
            Request::post(&format!("{path}&token={session}")).header("content-type", "application/x-ndjson");
        post.body(bytes).send(address).expect("a response");
    }
}

/// Sends tokens and passwords, wherever a client may put them when it connects.
fn through_handshakes(server: &Server, canaries: &Canaries) {
    let (address, token) = (server.address(), canaries.token.as_str());
    let encoded = STANDARD.encode(token);
    let queries = [
        query::encode(&[("vsn", "2.0.0"), ("token", token), ("password", token), ("params[a][b]", token)]),
        query::encode(&[("vsn", token)]),
        format!("vsn=2.0.0&token={token}&{token}[=%ff"),
    ];
    for query in &queries {
        for path in ["/socket/websocket", "/msgpack/websocket"] {
            Handshake::new(path).query(query).open(address).expect("a response");
            Handshake::new(path).query(query).omit("sec-websocket-key").open(address).expect("a response");
        }
        Request::get(&query::target("/socket/longpoll", query)).send(address).expect("a response");
        Request::post(&query::target("/socket/longpoll", query))
            .body(token)
            .send(address)
            .expect("a response");
        Request::get(&query::target("/nowhere", query)).send(address).expect("a response");
    }
    for protocol in [
        format!("phoenix, base64url.bearer.phx.{encoded}"),
        format!("phoenix, base64url.bearer.phx.{token}!"),
        format!("{token}, base64url.bearer.phx.{encoded}, base64url.bearer.phx.{encoded}"),
    ] {
        Handshake::new("/socket/websocket")
            .query("vsn=2.0.0")
            .protocol(&protocol)
            .open(address)
            .expect("a response");
    }
    for (name, value) in [
        ("origin", format!("https://{token}.example")),
        ("origin", token.to_owned()),
        ("cookie", format!("session={token}")),
        ("authorization", format!("Basic {}", STANDARD.encode(format!("alice:{token}")))),
        ("referer", format!("https://alice:{token}@example.com/?token={token}")),
        ("x-phoenix-authtoken", token.to_owned()),
        ("x-forwarded-for", token.to_owned()),
        ("sec-websocket-version", token.to_owned()),
    ] {
        Handshake::new("/socket/websocket").header(name, &value).open(address).expect("a response");
        Request::get("/socket/longpoll?vsn=2.0.0").header(name, &value).send(address).expect("a response");
        Request::get("/v1/rooms").header(name, &value).send(address).expect("a response");
    }
}

/// Calls the endpoints, with valid and spoiled bodies, headers and queries.
fn through_http(server: &Server, canaries: &Canaries) {
    let address = server.address();
    let person = Person::new(Alg::P256);
    let tokens = [person.sign_in(address), canaries.token.clone()];
    for (path, body) in bodies(&person, &address.to_string(), &canaries.refused) {
        let post = || Request::post(path).header("authorization", &format!("Bearer {}", tokens[1]));
        for body in spoiled(&body, &canaries.refused) {
            for token in &tokens {
                let post =
                    Request::post(path).header("authorization", &format!("Bearer {token}")).json(&body);
                post.send(address).expect("a response");
            }
        }
        let huge = canaries.refused.repeat(4096);
        for body in [&canaries.refused, &format!("{{\"{}\":", canaries.refused), &huge] {
            let post = post().header("content-type", "application/json").body(body.as_str());
            post.send(address).expect("a response");
            Request::post(path).body(body.as_str()).send(address).expect("a response");
        }
        Request::new("DELETE", path)
            .header("authorization", &canaries.token)
            .send(address)
            .expect("a response");
    }
    let refused = &canaries.refused;
    for target in [
        format!("/v1/rooms?policy={refused}"),
        format!("/v1/rooms?after={refused}"),
        format!("/v1/rooms?limit={refused}"),
        format!("/v1/rooms/{refused}"),
        format!("/v1/{refused}?token={refused}"),
        format!("http://alice:{refused}@{address}/v1/rooms?token={refused}"),
    ] {
        Request::get(&target).send(address).expect("a response");
    }
    // Not even HTTP. The answer, if any, does not matter.
    for bytes in [
        format!("{refused}\r\n\r\n"),
        format!("GET /{refused} HTTP/9.9\r\nhost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{refused}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{refused} : {refused}\r\n\r\n"),
        format!("POST /v1/rooms HTTP/1.1\r\nhost: x\r\ncontent-length: {refused}\r\n\r\n"),
        format!("POST /v1/rooms HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{refused}\r\n"),
    ] {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
        // The server may have closed already.
        let _ = stream.write_all(bytes.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn secrets_are_not_logged_shared_or_stored_elsewhere() {
    assert_kept("text", " TRACE ");
}

#[test]
fn secrets_do_not_leak_with_the_json_log() {
    assert_kept("json", "\"level\":\"TRACE\"");
}

/// Sends canaries by every way in, to a server whose log has this format, with `talkative` as its
/// level.
fn assert_kept(log_format: &str, talkative: &str) {
    let options = [("--log", "trace"), ("--log-format", log_format)];
    let mut server = Server::start(Launch::vestibule().options(&options));
    let address = server.address();
    let canaries = Canaries::new();
    let room = Room::published(address, Policy::Request);
    let mut guest = Device::connect(address, &Person::new(Alg::Ed25519));
    guest.visit(&room.rid());

    through_channels(&server, &room, &canaries);
    through_frames(&server, &canaries);
    through_handshakes(&server, &canaries);
    through_http(&server, &canaries);

    // A client's mistakes are answered with its own words only, and other clients hear nothing.
    let mut heard: Vec<String> = guest.fence(&room.topic()).into_iter().map(|message| message.text).collect();
    heard.push(guest.call(&room.topic(), "request", json!({ "note": 1 })).text);
    heard.push(guest.call(&room.topic(), "prove", Value::Null).text);
    for (what, canary) in canaries.all() {
        for text in &heard {
            assert_eq!(find(text.as_bytes(), canary.as_bytes()), None, "a guest is told a {what}: {text}");
        }
    }

    let stored = files(&server.data());
    assert!(is_stored(&stored, canaries.kept.as_bytes()), "the note and the ciphertext are stored");
    for (name, content) in &stored {
        for (what, canary) in &canaries.all()[1..] {
            assert_eq!(find(content, canary.as_bytes()), None, "{name} has a {what}");
        }
    }
    assert_eq!(server.terminate().code(), Some(0));
    assert!(server.log().contains(talkative), "the log is as talkative as can be");
    assert_not_logged(&server, &canaries.all());
}
