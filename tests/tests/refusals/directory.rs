//! Rooms that do not want to be found, and HTTP requests for rooms that are refused.

use std::time::{Duration, Instant};

use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::limits::FieldLimits;
use vestibule_approve::signed::{Alg, Rid};
use vestibule_tests::http::{Request, Response};
use vestibule_tests::people::{Device, Person, Room, random};

use crate::server;

/// The answer without the parts that may differ: the room's id, the join's nonce and time.
fn anonymous(text: &str, rid: &Rid, nonce: Option<&str>) -> String {
    let text = text.replace(&rid.to_string(), "RID");
    nonce.map_or(text.clone(), |nonce| text.replace(nonce, "NONCE"))
}

#[test]
fn a_secret_room_answers_like_an_unknown_one() {
    let server = server();
    let secret = Room::published(server.address(), Policy::Secret);
    // A member is there, and a request has been tried: neither may show.
    let mut member = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    member.enter(&secret);
    let unknown = Room::new(Alg::Ed25519);
    let [first, second] = [&secret, &unknown].map(|room| {
        let bob = Person::new(Alg::Ed25519);
        let mut device = Device::connect(server.address(), &bob);
        let joined = device.join(&room.topic());
        let nonce = joined.response["nonce"].as_str().expect("a nonce").to_owned();
        let now = joined.response["now"].to_string();
        let request = bob.request(&room.rid());
        let refused = device.call(&room.topic(), "request", &request);
        let again = device.call(&room.topic(), "request", &request);
        assert_eq!(refused.refused(), "unknown_room");
        let status = device.call(&room.topic(), "status", json!({ "request_id": request.request_id }));
        let withdrawn = device.call(&room.topic(), "withdraw", json!({ "request_id": request.request_id }));
        let own_event = device.call(&room.topic(), "hello", json!({}));
        let mut texts: Vec<_> = [joined, refused, again, status, withdrawn, own_event]
            .iter()
            .map(|reply| anonymous(&reply.text, &room.rid(), Some(&nonce)).replace(&now, "NOW"))
            .collect();
        let pushes = device.fence(&room.topic());
        texts.extend(pushes.iter().map(|push| anonymous(&push.text, &room.rid(), None)));
        texts
    });
    assert_eq!(first, second);
    assert_eq!(first.len(), 7, "six replies and caught_up: {first:?}");
    let told = member.fence(&secret.topic());
    assert!(!told.iter().any(|message| message.event == "request"), "{told:?}");
    let mut later = Device::connect(server.address(), &Person::new(Alg::Ed25519));
    assert_eq!(later.enter(&secret)["pending"], json!([]));
}

/// Nobody may measure whether a room is secret or unknown: each answer that says so takes at least
/// this long.
#[test]
fn a_hidden_room_is_answered_after_50_ms() {
    let server = server();
    let rooms = [Room::published(server.address(), Policy::Secret), Room::new(Alg::Ed25519)];
    let bob = Person::new(Alg::Ed25519);
    let mut device = Device::connect(server.address(), &bob);
    let slow = |what: &str, start: Instant| {
        assert!(start.elapsed() >= Duration::from_millis(50), "{what}: {:?}", start.elapsed());
    };
    for room in &rooms {
        let start = Instant::now();
        device.join(&room.topic()).ok();
        slow("join", start);
        let request = bob.request(&room.rid());
        let start = Instant::now();
        assert_eq!(device.call(&room.topic(), "request", request).refused(), "unknown_room");
        slow("request", start);
        let start = Instant::now();
        let get = Request::get(&format!("/v1/rooms/{}", room.rid())).send(server.address());
        assert_eq!(get.expect("a response").status, 404);
        slow("card", start);
    }
}

#[test]
fn the_directory_omits_secret_rooms() {
    let server = server();
    let secret = Room::published(server.address(), Policy::Secret).rid();
    let get = |target: &str| Request::get(target).send(server.address()).expect("a response");
    let [first, second, third] =
        [secret.to_string(), random::<32>().to_string(), "no-id".to_owned()].map(|rid| {
            let response = get(&format!("/v1/rooms/{rid}"));
            assert_eq!(response.json(), json!({ "reason": "unknown_room" }));
            seen(response)
        });
    assert_eq!(first, second);
    assert_eq!(first, third);
    let open = Room::published(server.address(), Policy::Open).rid();
    assert_eq!(get(&format!("/v1/rooms/{open}")).json()["rid"], json!(open));
    for query in ["", "?policy=open", "?policy=request", "?policy=secret"] {
        let response = get(&format!("/v1/rooms{query}"));
        assert_eq!(response.status, 200);
        assert!(!response.text().contains(&secret.to_string()), "{query}");
    }
    assert_eq!(get("/v1/rooms?policy=secret").json(), json!({ "rooms": [], "after": null }));
}

/// Everything of a response except its time, with headers sorted, since their order varies.
fn seen(mut response: Response) -> (u16, Vec<String>, Vec<u8>) {
    response.headers.remove("date");
    let headers = response.headers.to_string();
    let mut headers: Vec<String> = headers.lines().map(str::to_owned).collect();
    headers.sort();
    (response.status, headers, response.body)
}

#[test]
fn bad_http_requests_are_refused() {
    let server = server();
    let token = Person::new(Alg::Ed25519).sign_in(server.address());
    let bearer = format!("Bearer {token}");
    let room = json!({ "alg": "ed25519", "policy": "open", "name": "Too Large" });
    let with_name = |length: usize| json!({ "alg": "p256", "policy": "open", "name": "é".repeat(length) });
    let post = |target: &str| Request::post(target).header("authorization", &bearer);
    let fitting = post("/v1/rooms").json(&with_name(FieldLimits::default().name));
    assert_eq!(fitting.send(server.address()).expect("a response").status, 201);
    let padded = format!("{}{room}", " ".repeat(16 * 1024));
    for (what, request, status, reason) in [
        (
            "a long name",
            post("/v1/rooms").json(&with_name(FieldLimits::default().name + 1)),
            413,
            "too_large",
        ),
        ("a long body", post("/v1/rooms").json(&room).body(padded), 413, "too_large"),
        ("no body", post("/v1/rooms"), 400, "bad_payload"),
        ("broken JSON", post("/v1/rooms").json(&room).body("{"), 400, "bad_payload"),
        ("no policy", post("/v1/rooms").json(&json!({ "alg": "p256" })), 400, "bad_payload"),
        (
            "another alg",
            post("/v1/rooms").json(&json!({ "alg": "rsa", "policy": "open" })),
            400,
            "bad_payload",
        ),
        ("no uid", Request::post("/v1/challenge").json(&json!({})), 400, "bad_payload"),
        ("a short uid", Request::post("/v1/challenge").json(&json!({ "uid": "AAAA" })), 400, "bad_payload"),
        ("an empty session", Request::post("/v1/session").json(&json!({})), 400, "bad_payload"),
        ("another policy", Request::get("/v1/rooms?policy=closed"), 400, "bad_payload"),
        ("a bad place", Request::get("/v1/rooms?after=x"), 400, "bad_payload"),
    ] {
        let response = request.send(server.address()).expect("a response");
        assert_eq!(response.status, status, "{what}: {}", response.text());
        assert_eq!(response.json()["reason"], reason, "{what}");
    }
    let directory = Request::get("/v1/rooms").send(server.address()).expect("a response");
    assert!(!directory.text().contains("Too Large"), "a refused room is listed");
}
