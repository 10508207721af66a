//! Signed frames with one field altered, each field in turn. Last comes the frame as it was signed,
//! which must be accepted: otherwise the alterations would have been refused for another reason.

use serde_json::{Value, json};
use vestibule_approve::base64url::{self, Blob};
use vestibule_approve::frames::Policy;
use vestibule_approve::signed::{Alg, room_id, user_id};
use vestibule_tests::http;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::scene::Scene;

use crate::server;

const ALGS: [Alg; 3] = [Alg::Ed25519, Alg::P256, Alg::Secp256k1];
const TEXTS: [&str; 4] = ["box_alg", "code", "name", "note"];

/// Every field altered once: the field's name, and the altered frame.
fn alterations(frame: &Value) -> Vec<(String, Value)> {
    let mut altered = Vec::new();
    for (field, value) in frame.as_object().expect("a frame is an object") {
        let mut add = |other: Value| {
            let mut frame = frame.clone();
            frame[field] = other;
            altered.push((field.clone(), frame));
        };
        match value {
            Value::Number(number) => add(json!(number.as_i64().expect("an integer") + 1)),
            Value::Bool(flag) => add((!flag).into()),
            Value::String(text) if TEXTS.contains(&field.as_str()) => add(format!("{text}!").into()),
            Value::String(text) => match text.as_str() {
                "p256" => add("secp256k1".into()),
                "ed25519" | "secp256k1" => add("p256".into()),
                "request" => add("open".into()),
                // The approve's algorithm, which the server does not know.
                text if text.starts_with("hpke") => add(format!("{text}!").into()),
                text => {
                    let bytes = base64url::decode(text).expect("a binary field");
                    for place in [0, bytes.len() - 1] {
                        let mut bytes = bytes.clone();
                        bytes[place] ^= 1;
                        add(json!(Blob(bytes)));
                    }
                }
            },
            other => panic!("{field} is {other}"),
        }
    }
    for optional in ["name", "note"].into_iter().filter(|field| frame.get(field).is_some()) {
        let mut frame = frame.clone();
        frame.as_object_mut().expect("an object").remove(optional);
        altered.push((optional.to_owned(), frame));
    }
    altered
}

/// Checks that a table has exactly these fields, so that a new field is not forgotten here.
fn assert_fields(altered: &[(String, Value)], fields: &[&str]) {
    let mut names: Vec<_> = altered.iter().map(|(field, _)| field.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, fields);
}

#[test]
fn an_altered_session_is_refused() {
    let server = server();
    for alg in ALGS {
        let person = Person::new(alg);
        let nonce = person.challenge(server.address());
        let body = person.session(&server.address().to_string(), &nonce);
        let altered = alterations(&body);
        assert_fields(&altered, &["alg", "nonce", "sig", "sign_pub"]);
        let send = |body: &Value| {
            let response = http::Request::post("/v1/session").json(body).send(server.address());
            let response = response.expect("a response");
            let json = response.json();
            assert_eq!(json.get("token").is_some(), response.status == 200, "{json}");
            (response.status, json["reason"].as_str().unwrap_or_default().to_owned())
        };
        for (field, body) in altered {
            // A challenge is for one uid, which is derived from the key, so a different key meets a
            // stale nonce first.
            let reason = if field == "sig" { "bad_sig" } else { "stale_nonce" };
            assert_eq!(send(&body), (400, reason.to_owned()), "{alg}: {field}");
        }
        let elsewhere = person.session("vestibule.example", &nonce);
        assert_eq!(send(&elsewhere), (400, "bad_sig".to_owned()), "{alg}: server");
        let somebody_elses = Person::new(alg).challenge(server.address());
        let body_with_it = person.session(&server.address().to_string(), &somebody_elses);
        assert_eq!(send(&body_with_it), (400, "stale_nonce".to_owned()), "{alg}: somebody else's nonce");
        assert_eq!(send(&body), (200, String::new()), "{alg}");
    }
}

/// Under Ed25519's neutral element the neutral signature is valid for any message: of a user whom
/// everybody can impersonate, and of a room whose key everybody has.
#[test]
fn a_key_that_signs_anything_is_refused() {
    let server = server();
    let neutral = |length: usize| {
        let mut bytes = vec![0; length];
        bytes[0] = 1;
        Blob(bytes)
    };
    let (key, sig) = (neutral(32), neutral(64));
    let post = |path: &str, body: &Value| {
        http::Request::post(path).json(body).send(server.address()).expect("a response").json()
    };
    let nonce = post("/v1/challenge", &json!({ "uid": user_id(Alg::Ed25519, &key.0) }))["nonce"].take();
    let session = json!({ "sign_pub": key, "alg": "ed25519", "nonce": nonce, "sig": sig });
    assert_eq!(post("/v1/session", &session), json!({ "reason": "bad_sig" }));

    let rid = room_id(Alg::Ed25519, &key.0);
    let mut device = Device::connect(server.address(), &Person::new(Alg::P256));
    let nonce = device.visit(&rid)["nonce"].take();
    let proof = json!({ "room_pub": key, "alg": "ed25519", "nonce": nonce, "sig": sig });
    assert_eq!(device.call(&format!("room:{rid}"), "prove", proof).refused(), "bad_proof");
}

#[test]
fn an_altered_proof_is_refused() {
    let server = server();
    for alg in ALGS {
        let (room, person) = (Room::new(alg), Person::new(alg));
        let mut device = Device::connect(server.address(), &person);
        let joined = device.visit(&room.rid());
        let nonce = joined["nonce"].as_str().expect("a nonce").parse().expect("32 bytes");
        let proof = room.prove(&device.server, &device.uid, &nonce);
        let mut altered = alterations(&proof);
        assert_fields(&altered, &["alg", "nonce", "room_pub", "sig"]);
        let elsewhere = room.prove("vestibule.example", &device.uid, &nonce);
        altered.push(("server".to_owned(), elsewhere));
        let somebody_elses = room.prove(&device.server, &Person::new(alg).uid(), &nonce);
        altered.push(("uid".to_owned(), somebody_elses));
        let other_rooms = Room::new(alg).prove(&device.server, &device.uid, &nonce);
        altered.push(("the whole key".to_owned(), other_rooms));
        for (field, proof) in altered {
            let reason = if field == "nonce" { "stale_nonce" } else { "bad_proof" };
            let reply = device.call(&room.topic(), "prove", proof);
            assert_eq!(reply.refused(), reason, "{alg}: {field}");
            let pending = device.call(&room.topic(), "pending", json!({}));
            assert_eq!(pending.refused(), "not_member", "{alg}: {field}");
        }
        assert_eq!(device.call(&room.topic(), "prove", proof).ok()["role"], "member", "{alg}");
        device.call(&room.topic(), "pending", json!({})).ok();
    }
}

#[test]
fn an_altered_card_is_refused() {
    let server = server();
    for alg in ALGS {
        let room = Room::new(alg);
        let mut device = Device::connect(server.address(), &Person::new(alg));
        device.enter(&room);
        let card = room.card(1, Policy::Request, Some("Gärten"));
        let mut altered = alterations(&card);
        assert_fields(&altered, &["name", "policy", "sig", "version"]);
        altered.push(("the whole key".to_owned(), Room::new(alg).card(1, Policy::Request, Some("Gärten"))));
        for (field, card) in altered {
            let reply = device.call(&room.topic(), "card", card);
            assert_eq!(reply.refused(), "bad_sig", "{alg}: {field}");
            let shown = Device::connect(server.address(), &Person::new(alg)).visit(&room.rid());
            assert_eq!(shown.get("card"), None, "{alg}: {field}");
        }
        let published = device.call(&room.topic(), "card", card).ok();
        assert_eq!(published, json!({ "version": 1, "dup": false }), "{alg}");
    }
}

#[test]
fn an_altered_request_is_refused() {
    let server = server();
    for alg in ALGS {
        let mut scene = Scene::with(&server, alg);
        let request = scene.bob.request(&scene.room.rid());
        let altered = alterations(&json!(request));
        assert_fields(
            &altered,
            &["box_alg", "box_pub", "exp", "note", "request_id", "sig", "sign_alg", "sign_pub"],
        );
        for (field, request) in altered {
            let reason = if field.starts_with("sign_") { "unauthorized" } else { "bad_sig" };
            let reply = scene.guest.call(&scene.topic, "request", request);
            assert_eq!(reply.refused(), reason, "{alg}: {field}");
        }
        // For another room, which exists too.
        let other = Scene::new(&server);
        scene.guest.visit(&other.room.rid());
        assert_eq!(scene.guest.call(&other.topic, "request", &request).refused(), "bad_sig", "{alg}: rid");
        assert_eq!(other.pending(), [json!(null); 0], "{alg}: rid");
        scene.assert_untouched();
        let stored = scene.guest.call(&scene.topic, "request", &request).ok();
        assert_eq!(stored["dup"], false, "{alg}");
        assert_eq!(scene.pending()[0]["sig"], json!(request.sig), "{alg}");
    }
}

#[test]
fn an_altered_approve_is_refused() {
    let server = server();
    for alg in ALGS {
        let mut scene = Scene::with(&server, alg);
        let request = scene.ask();
        let approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &request);
        let mut altered = alterations(&json!(approve));
        assert_fields(
            &altered,
            &[
                "alg",
                "approve_id",
                "box",
                "ct",
                "exp",
                "request_id",
                "room_sig",
                "sign_alg",
                "sign_pub",
                "to",
                "user_sig",
            ],
        );
        let mut swapped = approve.clone();
        (swapped.room_sig, swapped.user_sig) = (approve.user_sig, approve.room_sig);
        altered.push(("both signatures, swapped".to_owned(), json!(swapped)));
        for (field, approve) in altered {
            let reason = if field.starts_with("sign_") { "unauthorized" } else { "bad_sig" };
            let reply = scene.member.call(&scene.topic, "approve", approve);
            assert_eq!(reply.refused(), reason, "{alg}: {field}");
        }
        // For another room, of which Alice is a member too.
        let other = Scene::new(&server);
        scene.member.enter(&other.room);
        let reply = scene.member.call(&other.topic, "approve", &approve);
        assert_eq!(reply.refused(), "bad_sig", "{alg}: rid");
        let (mine, approves) = scene.bobs();
        assert_eq!((mine[0]["state"].as_str(), approves.len()), (Some("pending"), 0), "{alg}");
        assert_eq!(scene.guest.fence(&scene.topic), [], "{alg}");
        let stored = scene.member.call(&scene.topic, "approve", &approve).ok();
        assert_eq!((&stored["state"], &stored["dup"]), (&json!("approved"), &json!(false)), "{alg}");
        assert_eq!(scene.guest.push(&scene.topic, "approve")["ct"], json!(approve.ct), "{alg}");
    }
}

#[test]
fn an_altered_denial_is_refused() {
    let server = server();
    for alg in ALGS {
        let mut scene = Scene::with(&server, alg);
        let (first, second) = (scene.ask(), scene.ask());
        let deny = scene.room.deny(&scene.alice, &scene.bob.uid(), &first.request_id, true);
        let mut altered = alterations(&json!(deny));
        assert_fields(&altered, &["block", "code", "request_id", "room_sig", "to"]);
        // Without `block` it is a temporary denial.
        let mut without = json!(deny);
        without.as_object_mut().expect("an object").remove("block");
        altered.push(("no block".to_owned(), without));
        let mut of_another = json!(deny);
        of_another["request_id"] = json!(second.request_id);
        altered.push(("another request's id".to_owned(), of_another));
        let other = Room::new(alg);
        let others = other.deny(&scene.alice, &scene.bob.uid(), &first.request_id, true);
        altered.push(("the whole key, and rid".to_owned(), json!(others)));
        for (field, deny) in altered {
            let reply = scene.member.call(&scene.topic, "deny", deny);
            assert_eq!(reply.refused(), "bad_sig", "{alg}: {field}");
        }
        // Sent by another member, who has not signed it: `by` is the connection's user.
        let (_, mut carol, pending) = scene.another_member();
        assert_eq!(pending.len(), 2, "{alg}: nothing is denied");
        assert_eq!(carol.call(&scene.topic, "deny", &deny).refused(), "bad_sig", "{alg}: by");
        assert_eq!(scene.guest.fence(&scene.topic), [], "{alg}");
        let stored = scene.member.call(&scene.topic, "deny", &deny).ok();
        assert_eq!(stored, json!({ "state": "denied", "dup": false }), "{alg}");
        assert_eq!(scene.guest.push(&scene.topic, "denied")["room_sig"], json!(deny.room_sig), "{alg}");
    }
}
