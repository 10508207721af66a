//! Long polls: the same rates, limits of their own, and a queue of batches.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::http::Request;
use vestibule_tests::people::Person;
use vestibule_tests::process::Server;

use crate::{retry, server};

const PATH: &str = "/socket/longpoll?vsn=2.0.0";

#[derive(Clone)]
struct Session {
    server: SocketAddr,
    target: String,
}

impl Session {
    fn open(server: &Server) -> Self {
        let server = server.address();
        let opened = Request::get(PATH).send(server).expect("a response").json();
        assert_eq!(opened["status"], 410, "{opened}");
        Self { server, target: format!("{PATH}&token={}", opened["token"].as_str().expect("a token")) }
    }

    /// Posts a batch; returns the status once it is handled.
    fn post(&self, messages: &[Value]) -> Value {
        let lines: Vec<String> = messages.iter().map(Value::to_string).collect();
        let post =
            Request::post(&self.target).header("content-type", "application/x-ndjson").body(lines.join("\n"));
        post.send(self.server).expect("a response").json()["status"].clone()
    }

    /// The messages of one poll.
    fn poll(&self) -> Vec<Value> {
        let polled = Request::get(&self.target).send(self.server).expect("a response").json();
        let texts = polled["messages"].as_array().unwrap_or_else(|| panic!("no messages: {polled}"));
        texts.iter().map(|text| serde_json::from_str(text.as_str().expect("a text")).expect("JSON")).collect()
    }

    /// Polls until this many messages have come.
    fn take(&self, count: usize) -> Vec<Value> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.extend(self.poll());
        }
        taken
    }
}

fn message(reference: usize) -> Value {
    json!(["1", reference.to_string(), "room:x", "event", {}])
}

fn heartbeat(reference: &str) -> Value {
    json!([null, reference, "phoenix", "heartbeat", {}])
}

#[test]
fn a_batch_is_slowed_down_but_not_its_replies() {
    let server = server(&[("--max-frames-per-second", "1"), ("--max-frames-at-once", "5")]);
    let session = Session::open(&server);
    let start = Instant::now();
    let batch: Vec<Value> = (1..=7).map(message).collect();
    let posting = thread::spawn({
        let session = session.clone();
        move || session.post(&batch)
    });
    let replies = session.take(6);
    let references: Vec<_> = replies.iter().map(|reply| reply[1].as_str().expect("a ref")).collect();
    assert_eq!(references, ["1", "2", "3", "4", "5", "6"]);
    assert!(replies[..5].iter().all(|reply| reply[4]["response"]["reason"] == "unmatched topic"));
    retry(&replies[5][4]["response"]);
    assert_eq!(posting.join().expect("a status"), 200);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let last = &session.take(1)[0];
    assert_eq!((&last[1], &last[4]["response"]["reason"]), (&json!("7"), &json!("unmatched topic")));
}

#[test]
fn sessions_per_address_are_limited() {
    let server = server(&[("--max-polls-per-address", "2")]);
    let open = || Request::get(PATH).send(server.address()).expect("a response").json()["status"].clone();
    assert_eq!([open(), open(), open()], [410, 410, 403]);
}

#[test]
fn sessions_per_user_are_limited() {
    let server = server(&[("--max-polls-per-user", "2")]);
    let [bob, eve] = [(); 2].map(|()| Person::new(Alg::Ed25519).sign_in(server.address()));
    let open = |token: &str| {
        let request = Request::get(PATH).header("x-phoenix-authtoken", token);
        request.send(server.address()).expect("a response").json()["status"].clone()
    };
    assert_eq!([open(&bob), open(&bob), open(&bob), open(&eve)], [410, 410, 403, 410]);
}

#[test]
fn a_session_without_polls_frees_its_place() {
    let server = server(&[("--max-polls-per-address", "1"), ("--poll", "200ms")]);
    let session = Session::open(&server);
    let open = || Request::get(PATH).send(server.address()).expect("a response").json()["status"].clone();
    assert_eq!(open(), 403);
    let deadline = Instant::now() + Duration::from_secs(20);
    while open() == 403 {
        assert!(Instant::now() < deadline, "the place is not given back");
        // A flood of batches does not extend it.
        session.post(&[heartbeat("1")]);
    }
}

/// One batch is being handled and one waits; later ones get no place, and each is told so.
#[test]
fn a_full_batch_queue_returns_408_and_handles_nothing() {
    let server = server(&[
        ("--max-frames-per-second", "1"),
        ("--max-frames-at-once", "1"),
        ("--max-batches", "1"),
        ("--poll", "2s"),
    ]);
    let session = Session::open(&server);
    let post = |messages: Vec<Value>| {
        let session = session.clone();
        thread::spawn(move || session.post(&messages))
    };
    // The last of these is handled after three seconds.
    let slow = post(["a1", "a2", "a3", "a4"].map(heartbeat).to_vec());
    assert_eq!(session.take(1)[0][1], "a1");
    let late: Vec<_> =
        ["b1", "b2", "b3"].map(|reference| post(vec![heartbeat(reference)])).into_iter().collect();
    let mut seen = Vec::new();
    while !seen.iter().any(|reference: &String| reference.starts_with('b')) {
        let references = session.poll().into_iter().map(|reply| reply[1].as_str().expect("a ref").to_owned());
        seen.extend(references);
    }
    assert_eq!(slow.join().expect("a status"), 408);
    for late in late {
        assert_eq!(late.join().expect("a status"), 408);
    }
    assert_eq!(seen[..3], ["a2", "a3", "a4"]);
    assert_eq!(seen.len(), 4, "one batch had the place: {seen:?}");
    assert_eq!(session.post(&[heartbeat("c")]), 200, "there is place again");
    assert_eq!(session.take(1)[0][1], "c", "the others were not handled");
}
