//! Strict reading of JSON objects: a field that nobody has taken is an error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

#[derive(Debug)]
pub(super) struct Fields {
    what: &'static str,
    fields: Map<String, Value>,
}

impl Fields {
    /// The fields of a value that must be an object; `what` names it in errors.
    pub(super) fn of(value: Value, what: &'static str) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Self { what, fields }),
            other => Err(format!("{what} is no object: {other}")),
        }
    }

    /// Takes a field that may be missing.
    pub(super) fn optional(&mut self, key: &str) -> Option<Value> {
        self.fields.remove(key)
    }

    pub(super) fn required(&mut self, key: &str) -> Result<Value, String> {
        self.optional(key).ok_or_else(|| format!("{} without {key:?}", self.what))
    }

    pub(super) fn text(&mut self, key: &str) -> Result<String, String> {
        text(self.required(key)?)
    }

    /// Takes a boolean, which is false if it is missing.
    pub(super) fn flag(&mut self, key: &str) -> Result<bool, String> {
        match self.optional(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(format!("{key:?} is neither true nor false: {other}")),
        }
    }

    /// Takes a number that fits the type.
    pub(super) fn number<N: TryFrom<u64>>(&mut self, key: &str) -> Result<N, String> {
        let value = self.required(key)?;
        number(&value).ok_or_else(|| format!("{key:?} is no such number: {value}"))
    }

    /// Refuses fields that were not taken.
    pub(super) fn done(self) -> Result<(), String> {
        if self.fields.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = self.fields.keys().map(String::as_str).collect();
        Err(format!("{} with what the runner does not understand: {}", self.what, keys.join(", ")))
    }
}

pub(super) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("no text: {other}")),
    }
}

/// Decodes bytes from base64.
pub(super) fn bytes(value: Value) -> Result<Vec<u8>, String> {
    let text = text(value)?;
    STANDARD.decode(&text).map_err(|error| format!("no base64: {text:?} ({error})"))
}

pub(super) fn number<N: TryFrom<u64>>(value: &Value) -> Option<N> {
    value.as_u64().and_then(|number| number.try_into().ok())
}

/// The fields of an object whose values are all strings.
pub(super) fn texts(value: Value) -> Result<Vec<(String, String)>, String> {
    match value {
        Value::Object(fields) => fields.into_iter().map(|(key, value)| Ok((key, text(value)?))).collect(),
        other => Err(format!("no object of texts: {other}")),
    }
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(values) => Ok(values),
        other => Err(format!("no list: {other}")),
    }
}
