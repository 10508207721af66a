//! The limits of connections and calls, each at its edge: what is allowed passes, one more is
//! refused and told when to retry, and then it passes.
//!
//! Rates are set to one a second, so that a slow machine does not stay below them.

mod addresses;
mod calls;
mod connects;
mod fan_out;
mod frames;
mod longpoll;
mod others;
mod pages;
mod settings;
mod sockets;

use std::time::Duration;

use serde_json::Value;
use vestibule_tests::process::{Launch, Server};
use vestibule_tests::ws::{Handshake, Socket};

/// A server with these options.
fn server(options: &[(&str, &str)]) -> Server {
    Server::start(Launch::vestibule().options(options))
}

/// A handshake without a token.
fn handshake() -> Handshake {
    Handshake::new("/socket/websocket").query("vsn=2.0.0")
}

/// A connection without a token, which is enough to send frames.
fn connect(server: &Server) -> Socket {
    handshake().open(server.address()).expect("a response").accepted()
}

/// The time after which a refusal invites a retry.
#[track_caller]
fn retry(refusal: &Value) -> Duration {
    assert_eq!(refusal["reason"], "rate_limited", "{refusal}");
    assert_eq!(refusal.as_object().expect("an object").len(), 2, "{refusal}");
    Duration::from_millis(refusal["retry_ms"].as_u64().expect("retry_ms"))
}
