//! The comparison of an HTTP response with a recorded one.

use serde_json::Value;

use super::bindings::Bindings;
use super::model::{Body, Response};
use super::pattern::Pattern;
use crate::http;

/// Whether a header's values are tokens, which are case-insensitive; they are compared in lower
/// case.
pub(super) fn is_token(header: &str) -> bool {
    ["connection", "upgrade"].contains(&header)
}

/// Headers that are not compared, since a channel client does not depend on them: they say how the
/// recorded web server framed and might have compressed its bodies. (`connection` matters in an
/// upgrade, and is compared there.)
const FRAMING: [&str; 3] = ["connection", "content-length", "vary"];

const UPGRADED: u16 = 101;

/// Statuses from here on are errors. Their bodies are pages for people, made by the recorded
/// application. Of their headers, a browser acts on those for other origins only.
const ERRORS: u16 = 400;

/// Headers by which a server selects something. If the transcript has none, the response must not
/// have one either.
const SELECTIONS: [&str; 2] = ["sec-websocket-protocol", "sec-websocket-extensions"];

impl Response {
    /// Compares status, headers and body.
    pub(super) fn check(&self, got: &http::Response, bindings: &mut Bindings) -> Result<(), String> {
        self.check_content(got, bindings)?;
        self.check_headers(got, bindings)
    }

    /// Compares the status and, except for errors, the body.
    pub(super) fn check_content(&self, got: &http::Response, bindings: &mut Bindings) -> Result<(), String> {
        if self.status != got.status {
            return Err(format!("expected the status {}, got {} {:?}", self.status, got.status, got.text()));
        }
        match &self.body {
            _ if self.status >= ERRORS => Ok(()),
            None => Ok(()),
            Some(Body::Text(text)) if text.as_bytes() == got.body => Ok(()),
            Some(Body::Text(text)) => Err(format!("expected the body {text:?}, got {:?}", got.text())),
            Some(Body::Json(pattern)) => {
                let value: Value = serde_json::from_slice(&got.body)
                    .map_err(|error| format!("expected a body of JSON, got {:?} ({error})", got.text()))?;
                self.check_json(pattern, &value, bindings)
                    .map_err(|error| format!("the body {value}: {error}"))
            }
        }
    }

    /// Whether this answers a poll with some of the expected messages, but not all.
    pub(super) fn is_short_of_messages(&self, got: &http::Response) -> bool {
        let Some(Body::Json(Pattern::Object(expected))) = &self.body else { return false };
        let Some(Pattern::List(expected)) = expected.get("messages") else { return false };
        let Ok(got) = serde_json::from_slice::<Value>(&got.body) else { return false };
        got["messages"].as_array().is_some_and(|got| !got.is_empty() && got.len() < expected.len())
    }

    /// Compares a body. Racing messages match in any order.
    fn check_json(&self, pattern: &Pattern, got: &Value, bindings: &mut Bindings) -> Result<(), String> {
        let Some(first) = self.any_order_from else { return pattern.check(got, bindings) };
        let messages = got["messages"].as_array().ok_or("no messages")?;
        let (settled, racing) = messages.split_at(first.min(messages.len()));
        let mut error = String::new();
        for racing in orders(racing) {
            let mut reordered = got.clone();
            reordered["messages"] = [settled, &racing].concat().into();
            let mut learnt = bindings.clone();
            match pattern.check(&reordered, &mut learnt) {
                Ok(()) => {
                    *bindings = learnt;
                    return Ok(());
                }
                Err(mismatch) => error = mismatch,
            }
        }
        Err(error)
    }

    fn check_headers(&self, got: &http::Response, bindings: &mut Bindings) -> Result<(), String> {
        for (name, pattern) in self.headers.iter().filter(|(name, _)| self.compares(name)) {
            let value = got
                .header(name)
                .ok_or_else(|| format!("expected a header {name}, got none in\n{}", got.headers))?;
            let value = if is_token(name) { value.to_ascii_lowercase() } else { value.to_owned() };
            pattern
                .check(&value.into(), bindings)
                .map_err(|error| format!("the header {name}, expected {pattern:?}: {error}"))?;
        }
        let listed = |name: &str| self.headers.iter().any(|(listed, _)| listed == name);
        match SELECTIONS.iter().find(|name| !listed(name) && got.header(name).is_some()) {
            None => Ok(()),
            Some(name) => Err(format!("expected no header {name}, got {:?}", got.header(name))),
        }
    }

    fn compares(&self, name: &str) -> bool {
        match self.status {
            UPGRADED => true,
            ERRORS.. => name.starts_with("access-control-"),
            _ => !FRAMING.contains(&name),
        }
    }
}

/// All orders of a few values: only a presence's diff and state race.
fn orders(values: &[Value]) -> Vec<Vec<Value>> {
    if values.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in values.iter().enumerate() {
        let others = [&values[..index], &values[index + 1..]].concat();
        all.extend(orders(&others).into_iter().map(|rest| [vec![first.clone()], rest].concat()));
    }
    all
}
