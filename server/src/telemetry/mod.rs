//! The log: to standard error, and never a secret in it.
//!
//! What is logged is said field by field at each place; payloads, tokens, keys and URLs (whose query may hold a token) are
//! not among them, at any level. A field that is not on the list of [`ALLOWED`] is not written, whoever logs it.
//!
//! Lines are text, or JSON, one object each. Under journald, which has its own, they have no time and no colours, but begin
//! with their priority (sd-daemon(3)).

mod fields;
mod journal;
mod json;
mod request;

use std::{
    io::{self, IsTerminal as _},
    panic,
};

use clap::ValueEnum;
use thiserror::Error;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt, fmt::format, layer::SubscriberExt as _, registry, reload,
    util::SubscriberInitExt as _,
};

pub use self::{
    fields::ALLOWED,
    request::{trace, trace_and_tell},
};
use self::{
    fields::{JsonFields, TextFields},
    journal::{Prioritized, is_journal},
    json::Json,
};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

/// The filter of the log is malformed.
#[derive(Debug, Error)]
#[error("not a log filter: {0}")]
pub struct BadFilter(String);

/// The part of the HTTP library that quotes header values which it does not understand, and so is kept from doing it.
const QUOTING: &str = "actix_http::h1::decoder=info";

/// A filter as an operator writes it, but for what is never logged.
pub fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    let filter = EnvFilter::try_new(text).map_err(|error| BadFilter(error.to_string()))?;
    Ok(filter.add_directive(QUOTING.parse().map_err(|_| BadFilter(QUOTING.to_owned()))?))
}

/// The running log.
pub struct Log(reload::Handle<EnvFilter, Registry>);

impl Log {
    /// Lets through what another filter does, from now on.
    pub fn set_filter(&self, text: &str) -> Result<(), BadFilter> {
        self.0.reload(filter(text)?).map_err(|error| BadFilter(error.to_string()))
    }
}

/// Starts logging what `filter` lets through.
pub fn init(filter: &str, format: Format) -> Result<Log, BadFilter> {
    let (filter, handle) = reload::Layer::new(self::filter(filter)?);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let lines = match (format, is_journal()) {
        (Format::Text, false) => lines.fmt_fields(TextFields).boxed(),
        (Format::Text, true) => {
            let text = format::format().without_time();
            lines.fmt_fields(TextFields).event_format(Prioritized(text)).boxed()
        }
        (Format::Json, false) => lines.fmt_fields(JsonFields).event_format(Json { has_time: true }).boxed(),
        (Format::Json, true) => {
            let json = Json { has_time: false };
            lines.fmt_fields(JsonFields).event_format(Prioritized(json)).boxed()
        }
    };
    registry().with(filter).with(lines).init();
    // A panic's message may hold whatever was being worked on; where it happened is enough to find it.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(Log(handle))
}
