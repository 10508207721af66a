//! How long is waited for clients.

use std::time::Duration;

/// How long a connection lasts that is used for nothing, and one whose client does not finish what
/// it has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Between two requests.
    pub keep_alive: Duration,
    /// For a request to come, its body included.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { keep_alive: Duration::from_secs(75), request: Duration::from_secs(30) }
    }
}
