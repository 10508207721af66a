//! Everything that a client can send, each spoiled in every way that a parser may complain about.

use serde_json::{Map, Value, json};
use vestibule_approve::base64url::Blob;
use vestibule_approve::frames::Policy;
use vestibule_tests::people::{Person, Room, random};

/// The events of a room, with valid payloads in which every text and every key is the canary where
/// possible.
pub(crate) fn events(room: &Room, person: &Person, canary: &str) -> Vec<(&'static str, Value)> {
    let blob = Blob(canary.as_bytes().to_vec());
    let mut request = person.request(&room.rid());
    request.note = Some(canary.to_owned());
    request.box_pub = blob.clone();
    canary.clone_into(&mut request.box_alg);
    person.sign_request(&room.rid(), &mut request);
    let mut approve = room.approve(person, &person.uid(), &request);
    approve.ct = blob;
    canary.clone_into(&mut approve.alg);
    room.sign_approve(person, &mut approve);
    let mut deny = room.deny(person, &person.uid(), &request.request_id, false);
    canary.clone_into(&mut deny.code);
    room.sign_deny(person, &mut deny);
    let about = json!({ "rid": room.rid(), "request_id": request.request_id, "canary": canary });
    let approve_id = approve.approve_id;
    vec![
        (
            "phx_join",
            json!({ "v": 1, "device": person.device, "last": { "epoch": random::<16>(), "seq": 0 } }),
        ),
        ("prove", room.prove(canary, &person.uid(), &random())),
        ("card", room.card(1, Policy::Request, Some(canary))),
        ("request", json!(request)),
        ("approve", json!(approve)),
        ("deny", json!(deny)),
        ("unblock", json!({ "uid": person.uid(), "canary": canary })),
        ("withdraw", about.clone()),
        ("status", about),
        ("ack", json!({ "rid": room.rid(), "approve_id": approve_id, "device": person.device })),
        (
            "nack",
            json!({ "rid": room.rid(), "approve_id": approve_id, "device": person.device, "code": "wrong_key" }),
        ),
        ("pending", json!({ "cursor": null, "limit": 1 })),
        ("denials", json!({ "cursor": null, "limit": 1 })),
        ("mine", json!({ "cursor": { "after": 0, "until": 1 } })),
        ("approved", json!({ "limit": 1 })),
        ("notices", json!({ "limit": 1 })),
        ("anything_else", json!({ "password": canary })),
    ]
}

/// The bodies of the HTTP endpoints that take one. It omits a room's name, which is stored on
/// purpose.
pub(crate) fn bodies(person: &Person, server: &str, canary: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("/v1/challenge", json!({ "uid": person.uid(), "password": canary })),
        ("/v1/session", person.session(server, canary.as_bytes())),
        ("/v1/rooms", json!({ "alg": "p256", "policy": "request" })),
    ]
}

/// A payload, spoiled in each way: a field that is missing, of another type or another word, one
/// more field, and something else altogether. The canary is in all of them.
pub(crate) fn spoiled(payload: &Value, canary: &str) -> Vec<Value> {
    let wrong = [
        json!(canary),
        json!({ canary: canary }),
        json!([canary]),
        json!(format!("{canary}\u{0}\n\"")),
        json!(-1.5),
    ];
    let mut all = vec![payload.clone(), json!(canary), json!([canary, { canary: canary }])];
    let fields = payload.as_object().cloned().unwrap_or_default();
    for name in fields.keys() {
        let with = |value: Option<Value>| {
            let mut spoiled = fields.clone();
            spoiled.remove(name);
            spoiled.insert(format!("{canary} {name}"), json!(canary));
            if let Some(value) = value {
                spoiled.insert(name.clone(), value);
            }
            Value::Object(spoiled)
        };
        all.push(with(None));
        all.extend(wrong.iter().map(|value| with(Some(value.clone()))));
    }
    let nested: Map<String, Value> =
        fields.keys().map(|name| (name.clone(), json!({ "in": canary }))).collect();
    all.push(Value::Object(nested));
    all
}

/// Frames that are not messages, as bytes.
pub(crate) fn frames(canary: &str) -> Vec<Vec<u8>> {
    let texts = [
        canary.to_owned(),
        format!("\"{canary}\""),
        format!("{{\"{canary}\":1"),
        format!("[\"{canary}\""),
        format!("[\"1\",\"2\",\"{canary}\"]"),
        format!("[\"1\",\"2\",\"room:x\",\"phx_join\",{canary}]"),
        format!("[{{\"a\":\"{canary}\"}},\"2\",[\"{canary}\"],\"e\",{{}}]"),
        format!("[\"1\",\"2\",\"phoenix\",\"{canary}\",{{\"p\":\"{canary}\"}}]"),
        format!("[\"1\",\"2\",\"room:{canary}\",\"phx_join\",{{\"p\":\"{canary}\"}}]"),
        format!("[\"1\",\"2\",\"room:{canary}\",\"{canary}\",{{\"p\":\"{canary}\"}}]"),
    ];
    let mut frames: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    // Not UTF-8, V2's binary form with wrong lengths, and MessagePack of another shape.
    frames.push([canary.as_bytes(), &[0xff, 0xfe]].concat());
    frames.push([&[0, 200, 200, 200, 200], canary.as_bytes()].concat());
    frames.push([&[0, 1, 1, 1, 1], canary.as_bytes()].concat());
    frames.push(rmp_serde::to_vec(canary).expect("text"));
    frames.push(rmp_serde::to_vec(&("1", canary, [canary], canary, canary)).expect("text"));
    frames
}
