//! Behaviour of Phoenix that the recorded transcripts do not show: read from its source, and tested
//! on the playground and the server.

mod bytes;
mod join_refs;
mod maps;
mod numbers;
mod presence;
mod refused;
mod terminate;

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use serde_json::{Value, json};
use vestibule_tests::{
    process::{Server, Shared},
    ws::{Handshake, Socket},
};

/// The playground that all tests here share: each uses topics of its own.
fn playground() -> Arc<Server> {
    static SERVER: Shared = Shared::playground();
    SERVER.server()
}

/// A connection to the playground, which runs at least as long.
struct Client {
    socket: Socket,
    _server: Arc<Server>,
}

impl Deref for Client {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

/// A connection that speaks V2.
fn connect() -> Client {
    connect_with("vsn=2.0.0")
}

/// A connection whose URL has this query.
fn connect_with(query: &str) -> Client {
    let server = playground();
    let handshake = Handshake::new("/socket/websocket").query(query);
    Client { socket: handshake.open(server.address()).expect("a connection").accepted(), _server: server }
}

/// A connection that has joined a topic with `"1"` as `ref` and `join_ref`.
fn joined(topic: &str) -> Client {
    joined_with(topic, &json!({}))
}

/// Like [`joined`], with parameters.
fn joined_with(topic: &str, params: &Value) -> Client {
    let mut socket = connect();
    socket.send_json(&json!(["1", "1", topic, "phx_join", params]));
    let reply = socket.expect_json();
    assert_eq!((&reply[1], &reply[4]["status"]), (&json!("1"), &json!("ok")), "{reply}");
    socket
}

/// Checks that the next message answers a heartbeat: nothing else waits, and the connection is
/// open.
fn assert_quiet(socket: &mut Client) {
    socket.send_json(&json!([null, "hb", "phoenix", "heartbeat", {}]));
    assert_eq!(socket.expect_json(), reply(Value::Null, "hb", "phoenix", json!({})));
}

/// An ok reply.
fn reply(join_ref: impl Into<Value>, reference: &str, topic: &str, response: impl Into<Value>) -> Value {
    json!([join_ref.into(), reference, topic, "phx_reply", { "response": response.into(), "status": "ok" }])
}

/// The message that tells a client of a crash of the join with this `join_ref`.
fn crashed(join_ref: impl Into<Value>, topic: &str) -> Value {
    let join_ref = join_ref.into();
    json!([join_ref, join_ref, topic, "phx_error", { "reason": "channel_crash" }])
}
