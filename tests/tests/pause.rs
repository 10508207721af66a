//! The process stands still for longer than clients may be silent, as in a suspended laptop: its
//! clients stay connected.

use std::{fs, thread, time::Duration};

use serde_json::json;
use vestibule_tests::{
    http::Request,
    process::{Launch, Server},
    ws::{Handshake, Received, Socket},
};

/// How long clients may be silent, and the pause, which is longer.
const IDLE: &str = "1s";
const PAUSE: Duration = Duration::from_millis(1600);

const CLIENTS: usize = 50;

fn connect(server: &Server) -> Socket {
    Handshake::new("/socket/websocket")
        .query("vsn=2.0.0")
        .open(server.address())
        .expect("a connection")
        .accepted()
}

/// Stops the server while `meanwhile` runs, and for longer than clients may be silent.
fn pause(server: &Server, meanwhile: impl FnOnce()) {
    server.signal("STOP");
    let state = || fs::read_to_string(format!("/proc/{}/stat", server.id())).expect("a process");
    while !state().rsplit(')').next().expect("a state").trim_start().starts_with('T') {
        thread::yield_now();
    }
    meanwhile();
    // The length of the pause is what is tested.
    thread::sleep(PAUSE);
    server.signal("CONT");
}

#[test]
fn waiting_input_is_read_before_a_client_counts_as_idle() {
    let server = Server::start(Launch::vestibule().options(&[("--idle", IDLE)]));
    let mut sockets: Vec<Socket> = (0..CLIENTS).map(|_| connect(&server)).collect();
    pause(&server, || {
        for socket in &mut sockets {
            socket.send_json(&json!([null, "1", "phoenix", "heartbeat", {}]));
        }
    });
    for socket in &mut sockets {
        assert_eq!(socket.expect_json()[1], "1");
    }
    // A client that really is silent is still noticed.
    let close = sockets[0].expect_close();
    assert_eq!(close.code, Some(1002));
}

#[test]
fn long_poll_sessions_outlive_a_pause() {
    let server = Server::start(Launch::vestibule().options(&[("--poll", "300ms")]));
    let poll = |query: &str| {
        let request = Request::get(&format!("/socket/longpoll?vsn=2.0.0{query}"));
        request.send(server.address()).expect("an answer").json()
    };
    let token = poll("")["token"].as_str().expect("a token").to_owned();
    // A poll that has ended leaves a session that waits for the next one.
    assert_eq!(poll(&format!("&token={token}"))["status"], 204);
    pause(&server, || {});
    assert_eq!(poll(&format!("&token={token}"))["status"], 204);
}

#[test]
fn a_silent_client_is_disconnected_as_idle() {
    let server = Server::start(Launch::vestibule().options(&[("--idle", "300ms")]));
    let mut socket = connect(&server);
    match socket.receive(Duration::from_secs(5)) {
        Ok(Received::Close(close)) => assert_eq!(close.code, Some(1002)),
        other => panic!("expected a close frame, got {other:?}"),
    }
}
