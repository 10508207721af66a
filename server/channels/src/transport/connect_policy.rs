//! What an endpoint asks of whoever connects, and may ask differently of the next.

use super::{Limits, Origins, Proxies};

/// The rules for connections that come. Those that are there keep the limits that they began with.
#[derive(Clone, Debug, Default)]
pub struct ConnectPolicy {
    /// Which pages may connect from a browser.
    pub origins: Origins,
    /// How much a connection may use.
    pub limits: Limits,
    /// Whose word on a client's address is taken.
    pub proxies: Proxies,
}
