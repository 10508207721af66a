//! The golden runner itself: it must pass what is right and, above all, fail what is not.

mod canned;
mod failing;
mod http;
mod passing;
mod recordings;

use std::time::Duration;

use serde_json::{Value, json};
use vestibule_tests::golden::Runner;

use canned::Act;

/// A transcript with one connection and these steps.
fn transcript(steps: &Value) -> Value {
    json!({
        "name": "test",
        "about": "a transcript of a test",
        "transport": "websocket",
        "connect": {"path": "/socket/websocket", "query": {"vsn": "2.0.0"}, "headers": {}},
        "connect_response": response(),
        "steps": steps,
        "runs": 1,
    })
}

/// The response to a handshake, as transcripts list it.
fn response() -> Value {
    json!({
        "status": 101,
        "headers": {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": {"$any": "string"}},
    })
}

/// Runs a transcript against a server that handles its connections with these scripts.
fn run(transcript: &Value, scripts: Vec<Vec<Act>>) -> Result<(), String> {
    run_with_handshake(canned::upgrade, transcript, scripts)
}

fn run_with_handshake(
    handshake: fn(&str) -> String,
    transcript: &Value,
    scripts: Vec<Vec<Act>>,
) -> Result<(), String> {
    let server = canned::serve(handshake, scripts);
    Runner::new(server).patience(Duration::from_millis(500)).run(transcript)
}
