//! The log, on standard error. It never contains a secret.
//!
//! Each place that logs names its fields. Payloads, tokens, keys and URLs (whose query may contain
//! a token) are never logged, at any level. A field that is not in [`ALLOWED`] is not written,
//! whichever crate logs it.
//!
//! Lines are text, or JSON objects. Under journald they have no time and no colours, and begin with
//! their priority (sd-daemon(3)).

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

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// The filter of the log is malformed.
#[derive(Debug, Error)]
#[error("not a log filter: {0}")]
pub struct BadFilter(String);

/// Keeps the HTTP library from logging header values that it does not understand.
const QUOTING: &str = "actix_http::h1::decoder=info";

/// Parses an operator's filter, and adds the rule for what is never logged.
pub fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    let filter = EnvFilter::try_new(text).map_err(|error| BadFilter(error.to_string()))?;
    Ok(filter.add_directive(QUOTING.parse().map_err(|_| BadFilter(QUOTING.to_owned()))?))
}

/// The running log.
pub struct Log(reload::Handle<EnvFilter, Registry>);

impl Log {
    /// Replaces the filter.
    pub fn set_filter(&self, text: &str) -> Result<(), BadFilter> {
        self.0.reload(filter(text)?).map_err(|error| BadFilter(error.to_string()))
    }
}

/// Starts the log with this filter and format.
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
    // A panic's message may contain anything; its place is enough to find it.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(Log(handle))
}
