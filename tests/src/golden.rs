//! Golden transcripts: conversations recorded from a real Phoenix server, replayed against this
//! one.
//!
//! A transcript lists what the client sends and everything the server answers. The [`Runner`] plays
//! the client's part and compares the rest. To be trusted it refuses whatever it does not know: an
//! unknown step, key or placeholder fails the transcript, and so does a frame that is not listed.
//! `tests/golden/README.md` describes the format.

mod bindings;
mod connection;
mod expected;
mod fields;
mod model;
mod parse;
mod pattern;
mod response;
mod runner;

use std::io;
use std::path::Path;

use serde_json::Value;

pub use runner::Runner;

/// Reads a file of transcripts.
pub fn load(file: &Path) -> io::Result<Vec<Value>> {
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// A transcript's name. In a client's recording, which has none, its scenario.
pub fn name(transcript: &Value) -> &str {
    transcript["name"].as_str().or_else(|| transcript["scenario"].as_str()).unwrap_or("(unnamed)")
}
