//! How much connections may use.

use std::time::Duration;

use super::Rate;
use crate::outbox::OutboxLimits;

/// How much one connection may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest WebSocket frame, in bytes. A larger one closes the connection with 1009.
    pub frame: usize,
    /// The largest message of several frames, and the largest body of a long poll's POST, in bytes.
    pub message: usize,
    /// Topics joined at once. Phoenix allows 100.
    pub channels: usize,
    /// Frames. A faster client gets error replies, and is not read from until it may go on.
    pub frames: Rate,
    /// Joins among the frames.
    pub joins: Rate,
    /// How long a client may be silent. Phoenix allows 60 s.
    pub idle: Duration,
    /// How long a long poll waits for messages; Phoenix waits 10 s. A session that is not polled
    /// for one and a half times that ends.
    pub window: Duration,
    /// Batches that wait for one long-poll session. phoenix.js sends one after the other; older
    /// versions send some at once.
    pub batches: usize,
    /// How long a connection may last.
    pub lifetime: Duration,
    /// How much may wait for a client that reads slowly.
    pub outbox: OutboxLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame: 256 * 1024,
            message: 256 * 1024,
            channels: 100,
            frames: Rate::new(100, 400),
            joins: Rate::new(20, 200),
            idle: Duration::from_secs(60),
            window: Duration::from_secs(10),
            batches: 4,
            lifetime: Duration::from_secs(12 * 60 * 60),
            outbox: OutboxLimits { frames: 4096, bytes: 1024 * 1024 },
        }
    }
}

/// How many connections one address and one user may have at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections of one address; for IPv6, of one network /64.
    pub per_address: usize,
    /// Connections of one user, by socket id. A connection without one counts for its address
    /// alone.
    pub per_user: usize,
}

impl ConnectionLimits {
    /// The defaults for WebSockets: 1024 of one address, 64 of one user.
    pub const WEBSOCKETS: Self = Self { per_address: 1024, per_user: 64 };

    /// The defaults for long-poll sessions: 512 of one address, 32 of one user.
    pub const LONG_POLLS: Self = Self { per_address: 512, per_user: 32 };
}
