//! What connecting clients must satisfy.

use super::{Limits, Origins, Proxies};

/// What holds for new connections. Open ones keep the limits that they began with.
#[derive(Clone, Debug, Default)]
pub struct ConnectPolicy {
    /// Which web pages may connect from a browser.
    pub origins: Origins,
    /// How much a connection may use.
    pub limits: Limits,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub proxies: Proxies,
}
