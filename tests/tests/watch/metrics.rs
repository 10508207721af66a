//! Metrics, after events whose number is known.

use serde_json::json;
use vestibule_approve::signed::Alg;
use vestibule_tests::admin::{AdminServer, READER};
use vestibule_tests::http::Request;
use vestibule_tests::people::{Device, Person, Room};
use vestibule_tests::scene::Scene;

use crate::metrics;
use crate::openmetrics::Exposition;

#[track_caller]
fn assert_values(metrics: &Exposition, expected: &[(&str, u32)]) {
    for (sample, value) in expected {
        let found = metrics.value(&format!("vestibule_{sample}"));
        assert_eq!(found.to_bits(), f64::from(*value).to_bits(), "{sample} is {found} and not {value}");
    }
}

/// Samples once Bob has asked.
const ASKED: &[(&str, u32)] = &[
    ("requests_pending", 1),
    ("rooms_stored", 1),
    ("rooms_running{kind=\"room\"}", 1),
    ("rooms_running{kind=\"inbox\"}", 0),
    ("connections{transport=\"websocket\"}", 2),
    ("joins", 2),
    ("store_commands_total{command=\"request\",result=\"stored\"}", 1),
    ("store_queue_length", 0),
    ("first_approve_seconds_count", 0),
    ("delivery_seconds_count", 0),
    ("ready", 1),
];

/// Samples at the end of the flow.
const DONE: &[(&str, u32)] = &[
    ("store_commands_total{command=\"approve\",result=\"stored\"}", 1),
    ("store_commands_total{command=\"ack\",result=\"stored\"}", 1),
    ("store_commands_total{command=\"ack\",result=\"unchanged\"}", 1),
    ("store_commands_total{command=\"deny\",result=\"refused\"}", 1),
    ("refusals_total{reason=\"bad_payload\"}", 1),
    ("refusals_total{reason=\"no_request\"}", 1),
    ("refusals_total{reason=\"quota\"}", 0),
    ("first_approve_seconds_count", 1),
    ("joins", 3),
    ("rooms_running{kind=\"inbox\"}", 1),
    ("sign_ins_total{result=\"bad_sig\"}", 0),
    ("redeliveries_total", 0),
    ("fan_out_limited_total", 0),
    ("mailbox_overloaded_total", 0),
];

#[test]
fn metrics_count_a_whole_flow() {
    let admin = AdminServer::start(&[]);
    let mut scene = Scene::new(&admin.server);
    let request = scene.ask();
    assert_values(&metrics(&admin), ASKED);
    let approve = scene.approve(&request);
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    scene.guest.ack(&scene.topic, &approve.approve_id).ok();
    assert_eq!(scene.guest.call(&scene.topic, "request", json!({})).refused(), "bad_payload");
    let unknown = scene.room.deny(
        &scene.alice,
        &scene.bob.uid(),
        &scene.bob.request(&scene.room.rid()).request_id,
        false,
    );
    assert_eq!(scene.member.call(&scene.topic, "deny", &unknown).refused(), "no_request");
    // Bob wants to be in the inbox, and is told the rest there.
    scene.guest.join(&scene.bob.inbox()).ok();
    let metrics = metrics(&admin);
    assert_values(&metrics, DONE);
    let commands = metrics.value("vestibule_store_commit_commands_sum");
    let commits = metrics.value("vestibule_store_commits_total");
    assert!(commits >= 5.0 && commands >= commits, "{commands} commands in {commits} commits");
    // The approve to Bob, and the receipt to Alice.
    assert!(metrics.value("vestibule_delivery_seconds_count") >= 2.0);
    assert!(metrics.value("vestibule_sign_ins_total{result=\"done\"}") >= 2.0);
    for sample in ["frames_received_total", "frames_sent_total", "sent_bytes_total", "received_bytes_total"] {
        assert!(metrics.value(&format!("vestibule_{sample}")) > 5.0, "{sample}");
    }
    assert!(metrics.value("process_resident_memory_bytes") > 1e6);
    assert!(metrics.value("process_cpu_seconds_total") >= 0.0);
}

#[test]
fn metrics_count_connections() {
    let admin = AdminServer::start(&[("--max-calls-per-second", "1"), ("--max-calls-at-once", "4")]);
    let address = admin.server.address();
    // Four calls: a challenge and its answer for each of the two.
    let (one, other) = (Person::new(Alg::P256), Person::new(Alg::P256));
    let (leaving, staying) = (Device::connect(address, &one), Device::connect(address, &other));
    assert_eq!(Request::get("/v1/rooms").send(address).expect("a response").status, 429);
    let poll = Request::get("/socket/longpoll?vsn=2.0.0").send(address).expect("a response");
    assert_eq!(poll.json()["status"], 410);
    assert_values(
        &metrics(&admin),
        &[
            ("connections{transport=\"websocket\"}", 2),
            ("connections{transport=\"longpoll\"}", 1),
            ("rate_limited_total{limit=\"calls\"}", 1),
        ],
    );
    drop(leaving);
    let mut now = metrics(&admin);
    for _ in 0..100 {
        if now.value("vestibule_connections{transport=\"websocket\"}") < 2.0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        now = metrics(&admin);
    }
    assert_values(
        &now,
        &[
            ("connections{transport=\"websocket\"}", 1),
            ("connections_opened_total{transport=\"websocket\"}", 2),
            ("connections_opened_total{transport=\"longpoll\"}", 1),
            ("connections_closed_total{code=\"none\",reason=\"lost\"}", 1),
        ],
    );
    drop(staying);
}

#[test]
fn metrics_have_no_labels_for_rooms_or_users() {
    let admin = AdminServer::start(&[]);
    let before = metrics(&admin).families.len();
    let series = || admin.ask(Request::get("/metrics"), READER).text();
    let lines = series().lines().count();
    let mut scene = Scene::new(&admin.server);
    scene.ask();
    let room = Room::published(admin.server.address(), vestibule_approve::frames::Policy::Open);
    let text = series();
    assert_eq!((metrics(&admin).families.len(), text.lines().count()), (before, lines));
    for id in [room.rid().to_string(), scene.bob.uid().to_string(), "127.0.0.1".to_owned()] {
        assert!(!text.contains(&id), "{id}");
    }
}

#[test]
fn clients_without_openmetrics_get_the_text_format() {
    let admin = AdminServer::start(&[]);
    let ask = |accept: &str| admin.ask(Request::get("/metrics").header("accept", accept), READER);
    for accept in ["*/*", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"] {
        let response = ask(accept);
        let content_type = response.header("content-type").expect("a type");
        assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
    }
    let classic = ask("text/plain");
    assert_eq!(classic.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = classic.text();
    assert!(
        text.contains("\n# TYPE vestibule_frames_sent_total counter\n") && !text.contains("# EOF"),
        "{text}"
    );
}
