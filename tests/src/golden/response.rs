//! Comparing an HTTP response with a recorded one.

use serde_json::Value;

use super::bindings::Bindings;
use super::model::{Body, Response};
use crate::http;

/// Whether a header's values are tokens, which do not depend on the case; they are compared in lower case.
pub(super) fn is_token(header: &str) -> bool {
    ["connection", "upgrade"].contains(&header)
}

/// Headers by which a server selects something. One that is not in the transcript must not be in the response either.
const SELECTIONS: [&str; 2] = ["sec-websocket-protocol", "sec-websocket-extensions"];

impl Response {
    /// Compares the status and the body.
    pub(super) fn check(&self, got: &http::Response, bindings: &mut Bindings) -> Result<(), String> {
        if self.status != got.status {
            return Err(format!("expected the status {}, got {} {:?}", self.status, got.status, got.text()));
        }
        match &self.body {
            None => Ok(()),
            Some(Body::Text(text)) if text.as_bytes() == got.body => Ok(()),
            Some(Body::Text(text)) => Err(format!("expected the body {text:?}, got {:?}", got.text())),
            Some(Body::Json(pattern)) => {
                let value: Value = serde_json::from_slice(&got.body)
                    .map_err(|error| format!("expected a body of JSON, got {:?} ({error})", got.text()))?;
                pattern.check(&value, bindings).map_err(|error| format!("the body {value}: {error}"))
            }
        }
    }

    /// Compares the headers that are listed, and finds those that must not be there.
    pub(super) fn check_headers(&self, got: &http::Response, bindings: &mut Bindings) -> Result<(), String> {
        for (name, pattern) in &self.headers {
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
}
