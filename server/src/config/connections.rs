//! What connections and calls may use.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use vestibule_channels::{
    outbox::OutboxLimits,
    transport::{Limits, Patience, Period, Rate},
};

use super::values::{count, count_or_none, duration, rate, size};

/// The limits of connections.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits of connections")]
pub struct ConnectionOptions {
    /// Frames of one connection, a second
    ///
    /// Frames over it are answered `rate_limited`, and the connection is not read from until it may go on. This many come
    /// through in the long run; how many at once, `--max-frames-at-once` says.
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = rate)]
    max_frames_per_second: NonZeroU32,

    /// Frames of one connection at once, after a silence
    #[arg(long, value_name = "COUNT", default_value = "400", value_parser = rate)]
    max_frames_at_once: NonZeroU32,

    /// Joins of one connection, a second
    ///
    /// Joins are frames too, and cost more: what goes over it is answered as for frames.
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = rate)]
    max_joins_per_second: NonZeroU32,

    /// Joins of one connection at once
    #[arg(long, value_name = "COUNT", default_value = "200", value_parser = rate)]
    max_joins_at_once: NonZeroU32,

    /// HTTP calls of one address, a second
    ///
    /// Those of /v1: what goes over it is answered HTTP 429. Behind a proxy, set `--trusted-proxy`: else all clients are
    /// one address.
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = rate)]
    max_calls_per_second: NonZeroU32,

    /// HTTP calls of one address at once
    #[arg(long, value_name = "COUNT", default_value = "500", value_parser = rate)]
    max_calls_at_once: NonZeroU32,

    /// Attempts of one address to connect, a second
    ///
    /// WebSocket upgrades and new long-poll sessions count, also those that are refused. Further attempts are
    /// answered HTTP 429.
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = rate)]
    max_connects_per_second: NonZeroU32,

    /// Attempts of one address to connect at once
    ///
    /// After a restart, all clients behind an address reconnect at once, and some try more than once.
    #[arg(long, value_name = "COUNT", default_value = "4000", value_parser = rate)]
    max_connects_at_once: NonZeroU32,

    /// WebSockets of one user
    ///
    /// One more is answered HTTP 429. Who is not signed in counts at an address alone.
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = count)]
    max_sockets_per_user: usize,

    /// WebSockets of one address
    ///
    /// One more is answered HTTP 429. An address of IPv6 is a network /64. Behind a carrier's NAT many people have one
    /// address.
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = count)]
    max_sockets_per_address: usize,

    /// Long-poll sessions of one user; 0 for no long poll
    ///
    /// One more is refused with status 403.
    #[arg(long, value_name = "COUNT", default_value = "32", value_parser = count_or_none)]
    max_polls_per_user: usize,

    /// Long-poll sessions of one address; 0 for no long poll
    ///
    /// One more is refused with status 403.
    #[arg(long, value_name = "COUNT", default_value = "512", value_parser = count_or_none)]
    max_polls_per_address: usize,

    /// TCP connections of one address that carry no WebSocket
    ///
    /// One more is closed. A trusted proxy may have any number, as it has everybody's.
    #[arg(long, value_name = "COUNT", default_value = "2048", value_parser = count)]
    max_connections_per_address: usize,

    /// Batches that wait for one long-poll session
    ///
    /// A POST that finds no place waits for one as long as a poll does.
    #[arg(long, value_name = "COUNT", default_value = "4", value_parser = count)]
    max_batches: usize,

    /// Topics that one connection has joined
    ///
    /// One more join is refused: `too many channels joined`.
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = count)]
    max_channels: usize,

    /// A WebSocket frame
    ///
    /// A connection with a larger one is closed with 1009. Fields of the approve flow have to fit.
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    pub(super) max_frame: usize,

    /// A message, of however many frames; a long poll's POST
    ///
    /// A connection with a larger one is closed with 1009, a larger POST is answered HTTP 400. Fields of the approve flow
    /// have to fit.
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    pub(super) max_message: usize,

    /// Frames that wait for a client that reads slowly
    ///
    /// A client that lets more wait is disconnected with 1008, and connects anew.
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count)]
    max_outbox_frames: usize,

    /// Bytes that wait for a client that reads slowly
    ///
    /// A client that lets more wait is disconnected with 1008, and connects anew. A message has to fit.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub(super) max_outbox: usize,

    /// How long an HTTP connection is kept open between two requests
    ///
    /// Longer than a proxy in front keeps it: a proxy that sends a request on a connection that is just being closed answers its
    /// client 502. nginx keeps them for 60s.
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = duration)]
    keep_alive: Duration,

    /// How long an HTTP request may take to come, with its body
    ///
    /// One that takes longer is answered HTTP 408, and the connection is closed.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    request_time: Duration,

    /// How long a client may be silent; heartbeats come every 30s
    ///
    /// Who is silent for longer is disconnected with 1002.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    idle: Duration,

    /// How long a long poll waits for messages
    ///
    /// A session that nobody polls for one and a half times that ends. A proxy's idle time-out has to be longer.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    poll: Duration,

    /// How long a connection may last
    ///
    /// Then it is closed with 1008, and the client connects anew.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = duration)]
    lifetime: Duration,
}

impl ConnectionOptions {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            frame: self.max_frame,
            message: self.max_message,
            channels: self.max_channels,
            frames: a_second(self.max_frames_per_second, self.max_frames_at_once),
            joins: a_second(self.max_joins_per_second, self.max_joins_at_once),
            idle: self.idle,
            window: self.poll,
            batches: self.max_batches,
            lifetime: self.lifetime,
            outbox: OutboxLimits { frames: self.max_outbox_frames, bytes: self.max_outbox },
        }
    }

    /// How often one address may try to connect.
    pub fn connects(&self) -> Rate {
        a_second(self.max_connects_per_second, self.max_connects_at_once)
    }

    /// How many WebSockets one address and one user may have.
    pub fn socket_caps(&self) -> (usize, usize) {
        (self.max_sockets_per_address, self.max_sockets_per_user)
    }

    /// How many long-poll sessions one address and one user may have.
    pub fn poll_caps(&self) -> (usize, usize) {
        (self.max_polls_per_address, self.max_polls_per_user)
    }

    /// How many TCP connections without a WebSocket one address may have.
    pub fn connection_cap(&self) -> usize {
        self.max_connections_per_address
    }

    /// How long HTTP connections last.
    pub fn patience(&self) -> Patience {
        Patience { keep_alive: self.keep_alive, request: self.request_time }
    }

    /// How many HTTP calls one address may make.
    pub fn calls(&self) -> Rate {
        a_second(self.max_calls_per_second, self.max_calls_at_once)
    }
}

fn a_second(often: NonZeroU32, at_once: NonZeroU32) -> Rate {
    Rate { often, period: Period::Second, at_once }
}
