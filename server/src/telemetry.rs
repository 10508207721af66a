//! The log: to standard error, and never a secret in it.
//!
//! What is logged is said field by field at each place; payloads, tokens, keys and URLs (whose query may hold a token) are
//! not among them, at any level.

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// The filter of the log is malformed.
#[derive(Debug, Error)]
#[error("not a log filter: {0}")]
pub struct BadFilter(String);

/// The part of the HTTP library that quotes header values which it does not understand, and so is kept from doing it.
const QUOTING: &str = "actix_http::h1::decoder=info";

/// Starts logging what `filter` lets through.
pub fn init(filter: &str) -> Result<(), BadFilter> {
    let filter = EnvFilter::try_new(filter).map_err(|error| BadFilter(error.to_string()))?;
    let filter = filter.add_directive(QUOTING.parse().map_err(|_| BadFilter(QUOTING.to_owned()))?);
    let is_terminal = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(is_terminal).init();
    // A panic's message may hold whatever was being worked on; where it happened is enough to find it.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}
