//! What connections and calls may use.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;

use super::values::{count, count_or_none, duration, rate, size};
use crate::{
    outbox::OutboxLimits,
    transport::{Limits, Rate},
};

/// The limits of connections.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits of connections")]
pub struct ConnectionOptions {
    /// Frames of one connection, a second
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = rate)]
    max_frames_per_second: NonZeroU32,

    /// Frames of one connection at once, after a silence
    #[arg(long, value_name = "COUNT", default_value = "400", value_parser = rate)]
    max_frames_at_once: NonZeroU32,

    /// Joins of one connection, a second
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = rate)]
    max_joins_per_second: NonZeroU32,

    /// Joins of one connection at once
    #[arg(long, value_name = "COUNT", default_value = "200", value_parser = rate)]
    max_joins_at_once: NonZeroU32,

    /// HTTP calls of one address, a second
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = rate)]
    max_calls_per_second: NonZeroU32,

    /// HTTP calls of one address at once
    #[arg(long, value_name = "COUNT", default_value = "500", value_parser = rate)]
    max_calls_at_once: NonZeroU32,

    /// WebSockets of one user
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = count)]
    max_sockets_per_user: usize,

    /// WebSockets of one address
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = count)]
    max_sockets_per_address: usize,

    /// Long-poll sessions of one user; 0 for no long poll
    #[arg(long, value_name = "COUNT", default_value = "32", value_parser = count_or_none)]
    max_polls_per_user: usize,

    /// Long-poll sessions of one address; 0 for no long poll
    #[arg(long, value_name = "COUNT", default_value = "512", value_parser = count_or_none)]
    max_polls_per_address: usize,

    /// Batches that wait for one long-poll session
    #[arg(long, value_name = "COUNT", default_value = "4", value_parser = count)]
    max_batches: usize,

    /// Topics that one connection has joined
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = count)]
    max_channels: usize,

    /// A WebSocket frame
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    pub(super) max_frame: usize,

    /// A message, of however many frames; a long poll's POST
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    pub(super) max_message: usize,

    /// Frames that wait for a client that reads slowly
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count)]
    max_outbox_frames: usize,

    /// Bytes that wait for a client that reads slowly
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub(super) max_outbox: usize,

    /// How long a client may be silent; heartbeats come every 30s
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    idle: Duration,

    /// How long a long poll waits for messages
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    poll: Duration,

    /// How long a connection may last
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = duration)]
    lifetime: Duration,
}

impl ConnectionOptions {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            frame: self.max_frame,
            message: self.max_message,
            channels: self.max_channels,
            frames: Rate { per_second: self.max_frames_per_second, at_once: self.max_frames_at_once },
            joins: Rate { per_second: self.max_joins_per_second, at_once: self.max_joins_at_once },
            idle: self.idle,
            window: self.poll,
            batches: self.max_batches,
            lifetime: self.lifetime,
            outbox: OutboxLimits { frames: self.max_outbox_frames, bytes: self.max_outbox },
        }
    }

    /// How many WebSockets one address and one user may have.
    pub fn socket_caps(&self) -> (usize, usize) {
        (self.max_sockets_per_address, self.max_sockets_per_user)
    }

    /// How many long-poll sessions one address and one user may have.
    pub fn poll_caps(&self) -> (usize, usize) {
        (self.max_polls_per_address, self.max_polls_per_user)
    }

    /// How many HTTP calls one address may make.
    pub fn calls(&self) -> Rate {
        Rate { per_second: self.max_calls_per_second, at_once: self.max_calls_at_once }
    }
}
