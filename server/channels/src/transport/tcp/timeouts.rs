//! How long the server waits for requests.

use std::time::Duration;

/// How long an idle HTTP connection lasts, and how long a request may take to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// How long a connection is kept open between two requests.
    pub keep_alive: Duration,
    /// How long a request may take to arrive, with its body.
    pub request: Duration,
}

impl Default for HttpTimeouts {
    fn default() -> Self {
        Self { keep_alive: Duration::from_secs(75), request: Duration::from_secs(30) }
    }
}
