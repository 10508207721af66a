//! The fields that are written, and their formats.

use std::fmt::{self, Debug};

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitOutput as _},
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
};

/// The fields that may be logged. Add one only if it never contains what somebody sent, except ids.
pub const ALLOWED: [&str; 28] = [
    "address",
    "admin",
    "applied",
    "connection",
    "connections",
    "duration_ms",
    "error",
    "from",
    "left",
    "message",
    "method",
    "path",
    "place",
    "request",
    "route",
    "setting",
    "settings",
    "signal",
    "source",
    "status",
    "to",
    "tokens",
    "topic",
    "transport",
    "until",
    "value",
    "version",
    "why",
];

fn is_allowed(field: &Field) -> bool {
    ALLOWED.contains(&field.name())
}

/// Text: `message name=value`.
#[derive(Debug)]
pub(super) struct TextFields;

impl<'writer> FormatFields<'writer> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut allowed = Allowed(DefaultVisitor::new(writer, true));
        fields.record(&mut allowed);
        allowed.0.finish()
    }
}

/// `,"name":value` for each field, to follow another member of an object.
#[derive(Debug)]
pub(super) struct JsonFields;

impl<'writer> FormatFields<'writer> for JsonFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut allowed = Allowed(Members { writer, result: Ok(()) });
        fields.record(&mut allowed);
        allowed.0.result
    }
}

/// Passes on the fields that may be logged.
struct Allowed<V>(V);

impl<V: Visit> Visit for Allowed<V> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if is_allowed(field) {
            self.0.record_f64(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if is_allowed(field) {
            self.0.record_i64(field, value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if is_allowed(field) {
            self.0.record_u64(field, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if is_allowed(field) {
            self.0.record_bool(field, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_allowed(field) {
            self.0.record_str(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if is_allowed(field) {
            self.0.record_debug(field, value);
        }
    }
}

/// Writes members of an object.
struct Members<'writer> {
    writer: Writer<'writer>,
    result: fmt::Result,
}

impl Members<'_> {
    fn member(&mut self, field: &Field, value: impl Serialize) {
        let Ok(value) = serde_json::to_string(&value) else { return };
        self.result = self.result.and_then(|()| write!(self.writer, ",\"{}\":{value}", field.name()));
    }
}

impl Visit for Members<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, format!("{value:?}"));
    }
}
