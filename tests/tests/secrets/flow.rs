//! Keys of rooms, tokens and proofs, in a flow without errors: neither on the disk nor in the log,
//! at the most talkative level.

use std::fs;

use serde_json::{Value, json};
use vestibule_approve::base64url::{self, Blob, Fixed};
use vestibule_approve::frames::Approve;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::{Request, Response};
use vestibule_tests::people::{Device, Key, Person, Room, random};
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::ws::Handshake;

use crate::search::{files, find, is_stored};

/// Secrets that the server was told, and must not repeat.
#[derive(Default)]
struct Secrets {
    /// Never stored, never logged.
    keys: Vec<(&'static str, Vec<u8>)>,
    /// Never logged, and not stored either.
    proofs: Vec<(&'static str, Vec<u8>)>,
}

impl Secrets {
    fn note_binary(&mut self, what: &'static str, value: &Value) {
        let text = value.as_str().expect("a binary field");
        self.proofs.push((what, base64url::decode(text).expect("base64url")));
    }

    fn sign_in(&mut self, server: &Server, person: &Person) -> String {
        let nonce = person.challenge(server.address());
        let body = person.session(&server.address().to_string(), &nonce);
        self.proofs.push(("challenge", nonce));
        self.note_binary("session signature", &body["sig"]);
        let response = Request::post("/v1/session").json(&body).send(server.address()).expect("a response");
        let token = response.json()["token"].as_str().expect("a token").to_owned();
        self.note_binary("token", &response.json()["token"]);
        token
    }

    fn enter(&mut self, device: &mut Device, room: &Room) {
        let joined = device.visit(&room.rid());
        let nonce: Fixed<32> = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
        let proof = room.prove(&device.server, &device.uid, &nonce);
        self.note_binary("proof", &proof["sig"]);
        device.call(&room.topic(), "prove", proof).ok();
    }

    /// Asserts that the log has none of them.
    fn assert_not_logged(&self, server: &Server) {
        let log = [server.output(), server.log()].concat().into_bytes();
        for (what, secret) in self.keys.iter().chain(&self.proofs) {
            assert_eq!(find(&log, secret), None, "the log has a {what}");
        }
    }

    /// Asserts that no file has any of them.
    fn assert_not_stored(&self, files: &[(String, Vec<u8>)]) {
        for (name, content) in files {
            for (what, secret) in self.keys.iter().chain(&self.proofs) {
                assert_eq!(find(content, secret), None, "{name} has a {what}");
            }
        }
    }
}

fn create(server: &Server, token: &str, alg: Alg) -> Response {
    Request::post("/v1/rooms")
        .header("authorization", &format!("Bearer {token}"))
        .json(&json!({ "alg": alg, "policy": "request" }))
        .send(server.address())
        .expect("a response")
}

/// The online flow in a room made by the server, up to the approve that waits for Bob.
fn flow(server: &Server, alg: Alg, secrets: &mut Secrets) -> (Device, Room, Approve) {
    let (alice, bob) = (Person::new(alg), Person::new(alg));
    let (alices, bobs) = (secrets.sign_in(server, &alice), secrets.sign_in(server, &bob));
    let made = create(server, &alices, alg).json();
    let binary = |field: &str| base64url::decode(made[field].as_str().expect("text")).expect("base64url");
    let private = binary("room_key");
    let key = Key::from_private(alg, &private, &binary("room_pub")).expect("a key pair");
    let room = Room { key };
    let mut member = Device::with_token(server.address(), &alice, Some(&alices));
    secrets.enter(&mut member, &room);
    let mut guest = Device::with_token(server.address(), &bob, Some(&bobs));
    guest.visit(&room.rid());
    let request = bob.request(&room.rid());
    guest.call(&room.topic(), "request", &request).ok();
    member.push(&room.topic(), "request");
    // A one-time pad stands in for sealing: the server sees neither the pad nor the key.
    let pad = random::<32>();
    let mut approve = room.approve(&alice, &bob.uid(), &request);
    approve.ct = Blob(private.iter().zip(pad.as_bytes()).map(|(byte, pad)| byte ^ pad).collect());
    room.sign_approve(&alice, &mut approve);
    member.call(&room.topic(), "approve", &approve).ok();
    let received = guest.push(&room.topic(), "approve");
    let ct = base64url::decode(received["ct"].as_str().expect("a ciphertext")).expect("base64url");
    let opened: Vec<u8> = ct.iter().zip(pad.as_bytes()).map(|(byte, pad)| byte ^ pad).collect();
    assert_eq!(opened, private);
    secrets.keys.push(("room key", opened));
    // Older clients have the token in the URL.
    let query = format!("vsn=2.0.0&token={bobs}");
    Handshake::new("/socket/websocket").query(&query).open(server.address()).expect("a response").accepted();
    (guest, room, approve)
}

#[test]
fn keys_tokens_and_proofs_are_neither_stored_nor_logged() {
    let mut server = Server::start(Launch::vestibule().arg("--log").arg("trace"));
    let mut secrets = Secrets::default();
    let mut flows = [Alg::Ed25519, Alg::P256, Alg::Secp256k1].map(|alg| flow(&server, alg, &mut secrets));
    // Refused secrets might be logged more readily than accepted ones.
    let stranger = Person::new(Alg::Ed25519);
    let token = secrets.sign_in(&server, &stranger);
    let mut device = Device::with_token(server.address(), &stranger, Some(&token));
    let room = Room::new(Alg::Ed25519);
    let joined = device.visit(&room.rid());
    let proof = flows[0].1.prove(&device.server, &device.uid, &random());
    secrets.note_binary("refused proof", &proof["sig"]);
    assert_eq!(device.call(&room.topic(), "prove", proof).refused(), "stale_nonce");
    assert!(joined["nonce"].is_string());
    assert_eq!(create(&server, "no token", Alg::P256).status, 401);

    // Waiting approves are found, so the search looks at the right files.
    let waiting = files(&server.data());
    for (_, room, approve) in &flows {
        assert!(is_stored(&waiting, room.rid().as_bytes()), "a room's id is stored");
        assert!(is_stored(&waiting, &approve.ct.0), "a sealed key is stored");
    }
    assert!(
        waiting.iter().any(|(name, _)| name == "vestibule.db-wal"),
        "the log of the database is searched too"
    );
    secrets.assert_not_stored(&waiting);
    for (guest, room, approve) in &mut flows {
        assert_eq!(guest.ack(&room.topic(), &approve.approve_id).ok()["deleted"], true);
    }
    secrets.assert_not_stored(&files(&server.data()));
    server.kill();
    server.restart();
    secrets.assert_not_stored(&files(&server.data()));
    assert_eq!(server.terminate().code(), Some(0));
    let at_rest = files(&server.data());
    assert!(is_stored(&at_rest, flows[0].1.rid().as_bytes()));
    secrets.assert_not_stored(&at_rest);

    let log = server.log();
    assert!(log.contains(" TRACE ") && log.contains(" INFO "), "the log is as talkative as can be");
    assert!(server.output().contains(" listens on "));
    secrets.assert_not_logged(&server);
    let own = fs::read_to_string(server.data().join("secrets")).expect("the server's secrets");
    let own = base64url::decode(own.trim_end()).expect("base64url");
    assert_eq!(find(log.as_bytes(), &own), None, "the log has the server's secret");
    assert_eq!(at_rest.iter().find_map(|(_, content)| find(content, &own)), None);
}
