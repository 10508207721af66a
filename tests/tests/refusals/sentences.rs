//! Input errors are described in sentences, which name the field and quote nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_approve::limits::FieldLimits;
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::{Person, now_ms};
use vestibule_tests::scene::Scene;

use crate::server;

/// A payload without this field, and with this field of another type.
fn spoiled(payload: &Value, field: &str) -> [Value; 2] {
    let [mut without, mut other] = [(); 2].map(|()| payload.clone());
    without.as_object_mut().expect("an object").remove(field);
    other[field] = json!({ "hush": "hush, expected `hush` at line 1 column 2" });
    [without, other]
}

#[track_caller]
fn assert_sentence(detail: &Value, start: &str) {
    let detail = detail.as_str().expect("a detail");
    assert!(detail.starts_with(start) && detail.ends_with('.'), "{start}: {detail}");
    for odd in ["hush", "line", "column", "deserialize", "expected"] {
        assert!(!detail.contains(odd), "{detail}");
    }
}

#[test]
fn channel_errors_are_sentences() {
    let server = server();
    let mut scene = Scene::new(&server);
    let request = json!(scene.bob.request(&scene.room.rid()));
    let approve =
        json!(scene.room.approve(&scene.alice, &scene.bob.uid(), &scene.bob.request(&scene.room.rid())));
    let last = json!({ "v": 1, "device": "AAAAAAAAAAAAAAAAAAAAAA", "last": {} });
    let joined = scene.guest.call(&scene.topic, "phx_join", last);
    assert_sentence(&joined.response["detail"], "The field `last.epoch` is missing.");
    scene.guest.visit(&scene.room.rid());
    for (event, payload, fields) in [
        (
            "request",
            &request,
            &["request_id", "sign_pub", "sign_alg", "box_pub", "box_alg", "exp", "sig"][..],
        ),
        ("approve", &approve, &["approve_id", "to", "box", "ct", "exp", "room_sig", "user_sig"]),
        (
            "ack",
            &json!({ "approve_id": approve["approve_id"], "device": scene.guest.id }),
            &["approve_id", "device"],
        ),
    ] {
        let device = if event == "approve" { &mut scene.member } else { &mut scene.guest };
        for field in fields {
            let [missing, wrong] = spoiled(payload, field).map(|payload| {
                let reply = device.call(&scene.topic, event, payload);
                assert_eq!(reply.response["reason"], "bad_payload", "{event} {field}");
                reply.response["detail"].clone()
            });
            assert_sentence(&missing, &format!("The field `{field}` is missing."));
            assert_sentence(&wrong, &format!("The field `{field}` must be "));
        }
        let nothing = device.call(&scene.topic, event, json!(["hush"]));
        assert_sentence(&nothing.response["detail"], "The payload must be an object, not an array.");
    }
}

/// A device cannot see that its clock is wrong; the server's answer tells the right time.
#[test]
fn exp_errors_tell_the_servers_time() {
    let server = server();
    let mut scene = Scene::new(&server);
    let (rid, asked) = (scene.room.rid(), scene.ask());
    for (exp, reason, start) in [
        (now_ms() - 60_000, "expired", "The exp lies before the server's clock, "),
        (
            now_ms() + FieldLimits::default().exp_ms + 60_000,
            "bad_payload",
            "The exp lies more than 2592000000 ms (`limits.exp_ms`) ahead of the server's clock, ",
        ),
    ] {
        let mut request = scene.bob.request(&rid);
        request.exp = exp;
        scene.bob.sign_request(&rid, &mut request);
        let mut approve = scene.room.approve(&scene.alice, &scene.bob.uid(), &asked);
        approve.exp = exp;
        scene.room.sign_approve(&scene.alice, &mut approve);
        for reply in [
            scene.guest.call(&scene.topic, "request", &request),
            scene.member.call(&scene.topic, "approve", &approve),
        ] {
            let (detail, refused) = (&reply.response["detail"], &reply.response["reason"]);
            assert_eq!(refused, reason);
            assert_sentence(detail, start);
            let said = detail.as_str().and_then(|detail| detail.strip_prefix(start)).expect("a time");
            let (time, advice) = said.split_at("2026-11-26T22:45:34Z".len());
            assert_eq!(advice, ": check this device's clock.");
            let time =
                humantime::parse_rfc3339(time).expect("a time in UTC").elapsed().expect("a time before now");
            assert!(time < Duration::from_secs(30), "{detail}");
        }
    }
}

#[test]
fn http_errors_are_sentences() {
    let server = server();
    let token = Person::new(Alg::Ed25519).sign_in(server.address());
    let post = |path: &str, body: &str| {
        let request = Request::post(path).header("authorization", &format!("Bearer {token}"));
        request.header("content-type", "application/json").body(body)
    };
    for (request, status, reason, start) in [
        (post("/v1/challenge", "{}"), 400, "bad_payload", "The field `uid` is missing."),
        (
            post("/v1/challenge", r#"{"uid":"hush"}"#),
            400,
            "bad_payload",
            "The field `uid` must be exactly 32 bytes",
        ),
        (post("/v1/challenge", "{hush"), 400, "bad_payload", "The body is not valid JSON."),
        (post("/v1/challenge", "7"), 400, "bad_payload", "The body must be an object, not an integer."),
        (post("/v1/challenge", &" ".repeat(20_000)), 413, "too_large", "The body is too large."),
        (
            Request::post("/v1/challenge").body("{}"),
            400,
            "bad_payload",
            "The body must be JSON, with the content type",
        ),
        (post("/v1/session", "{}"), 400, "bad_payload", "The field `sign_pub` is missing."),
        (
            post("/v1/rooms", r#"{"policy":"hush"}"#),
            400,
            "bad_payload",
            "The field `policy` must be one of `open`",
        ),
        (
            Request::get("/v1/rooms?limit=hush"),
            400,
            "bad_payload",
            "The parameter `limit` must be an integer of at least 0.",
        ),
        (Request::get("/v1/rooms?policy=hush"), 400, "bad_payload", "The parameter `policy` must be one of"),
        (
            Request::get("/v1/rooms?after=hush"),
            400,
            "bad_payload",
            "The parameter `after` must be exactly 32 bytes",
        ),
    ] {
        let response = request.send(server.address()).expect("a response");
        let answer = response.json();
        assert_eq!((response.status, answer["reason"].as_str()), (status, Some(reason)), "{answer}");
        assert_sentence(&answer["detail"], start);
    }
}
