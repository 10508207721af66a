//! Limits on connections and HTTP calls.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use vestibule_channels::{
    ConnectionLimits, Limits, Rate,
    transport::{HttpTimeouts, OutboxLimits, Period},
};

use super::{
    live::LIVE,
    values::{count, count_or_none, duration, rate, size},
};

/// The limits of connections.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits on connections")]
pub struct ConnectionOptions {
    /// Frames per second from one connection
    ///
    /// Further frames get `rate_limited`, and the server stops reading from the connection until
    /// the rate allows more. This is the sustained rate; `--max-frames-at-once` allows bursts.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "100", value_parser = rate)]
    max_frames_per_second: NonZeroU32,

    /// Frames that one connection may send at once, after a pause
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "400", value_parser = rate)]
    max_frames_at_once: NonZeroU32,

    /// Joins per second from one connection
    ///
    /// Joins also count as frames, but cost more. Further joins are answered like further frames.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "20", value_parser = rate)]
    max_joins_per_second: NonZeroU32,

    /// Joins that one connection may send at once
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "200", value_parser = rate)]
    max_joins_at_once: NonZeroU32,

    /// HTTP calls of /v1 per second from one address
    ///
    /// Further calls get HTTP 429. Behind a proxy, set `--trusted-proxy`; otherwise all clients
    /// share one address.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "50", value_parser = rate)]
    max_calls_per_second: NonZeroU32,

    /// HTTP calls that one address may make at once
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "500", value_parser = rate)]
    max_calls_at_once: NonZeroU32,

    /// Attempts to connect per second from one address
    ///
    /// Counts WebSocket upgrades and new long-poll sessions, including refused ones. Further
    /// attempts get HTTP 429.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "100", value_parser = rate)]
    max_connects_per_second: NonZeroU32,

    /// Attempts to connect that one address may make at once
    ///
    /// After a restart, all clients behind an address reconnect at once, and some try repeatedly.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "4000", value_parser = rate)]
    max_connects_at_once: NonZeroU32,

    /// WebSockets of one user
    ///
    /// Further ones get HTTP 429. Clients that are not signed in count only at their address.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "64", value_parser = count)]
    max_sockets_per_user: usize,

    /// WebSockets of one address
    ///
    /// Further ones get HTTP 429. An IPv6 address counts as its /64 network. Behind a carrier's
    /// NAT, many people share one address.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "1024", value_parser = count)]
    max_sockets_per_address: usize,

    /// Long-poll sessions of one user; 0 disables long poll
    ///
    /// Further ones get status 403.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "32", value_parser = count_or_none)]
    max_polls_per_user: usize,

    /// Long-poll sessions of one address; 0 disables long poll
    ///
    /// Further ones get status 403.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "512", value_parser = count_or_none)]
    max_polls_per_address: usize,

    /// TCP connections of one address that carry no WebSocket
    ///
    /// The server closes further ones. Trusted proxies have no such limit.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "2048", value_parser = count)]
    max_connections_per_address: usize,

    /// Batches that may wait in one long-poll session
    ///
    /// A further POST waits for as long as `--poll`, then gets status 408.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "4", value_parser = count)]
    max_batches: usize,

    /// Topics that one connection may join
    ///
    /// Further joins get `too many channels joined`.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "100", value_parser = count)]
    max_channels: usize,

    /// Size of a WebSocket frame
    ///
    /// The server closes a connection that sends a larger one with 1009. The largest field of the
    /// approve flow must fit.
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    pub(super) max_frame: usize,

    /// Size of a message, which may span several frames, or of a long poll's POST
    ///
    /// The server closes a connection that sends a larger message with 1009; a larger POST gets
    /// HTTP 400. The largest field of the approve flow must fit.
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    pub(super) max_message: usize,

    /// Frames that may wait for a client that reads slowly
    ///
    /// If more would wait, the server disconnects the client with 1008, and the client reconnects.
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count)]
    max_outbox_frames: usize,

    /// Bytes that may wait for a client that reads slowly
    ///
    /// If more would wait, the server disconnects the client with 1008, and the client reconnects.
    /// A message must fit.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub(super) max_outbox: usize,

    /// How long an HTTP connection may be idle between two requests
    ///
    /// Must be longer than a proxy in front keeps idle connections: if the server closes one while
    /// the proxy sends a request on it, the proxy answers its client 502. nginx keeps them for 60s.
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = duration)]
    keep_alive: Duration,

    /// How long an HTTP request may take to arrive, body included
    ///
    /// A request that takes longer gets HTTP 408, and the server closes the connection.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    request_time: Duration,

    /// How long a client may be silent; phoenix.js sends a heartbeat every 30s
    ///
    /// The server disconnects a client that is silent for longer with 1002.
    #[arg(long, group = LIVE, value_name = "TIME", default_value = "60s", value_parser = duration)]
    idle: Duration,

    /// How long a long poll waits for messages
    ///
    /// A session that nobody polls for one and a half times as long ends. A proxy's idle time-out
    /// must be longer.
    #[arg(long, group = LIVE, value_name = "TIME", default_value = "10s", value_parser = duration)]
    poll: Duration,

    /// How long a connection may last
    ///
    /// Then the server closes it with 1008, and the client reconnects.
    #[arg(long, group = LIVE, value_name = "TIME", default_value = "12h", value_parser = duration)]
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

    /// The rate of attempts to connect from one address.
    pub fn connects(&self) -> Rate {
        a_second(self.max_connects_per_second, self.max_connects_at_once)
    }

    /// WebSockets.
    pub fn websocket_limits(&self) -> ConnectionLimits {
        ConnectionLimits { per_address: self.max_sockets_per_address, per_user: self.max_sockets_per_user }
    }

    /// Long-poll sessions.
    pub fn long_poll_limits(&self) -> ConnectionLimits {
        ConnectionLimits { per_address: self.max_polls_per_address, per_user: self.max_polls_per_user }
    }

    /// TCP connections without a WebSocket, whose user is not known.
    pub fn tcp_limits(&self) -> ConnectionLimits {
        ConnectionLimits { per_address: self.max_connections_per_address, per_user: usize::MAX }
    }

    /// How long the server waits for requests.
    pub fn http_timeouts(&self) -> HttpTimeouts {
        HttpTimeouts { keep_alive: self.keep_alive, request: self.request_time }
    }

    /// The rate of HTTP calls from one address.
    pub fn calls(&self) -> Rate {
        a_second(self.max_calls_per_second, self.max_calls_at_once)
    }
}

fn a_second(often: NonZeroU32, at_once: NonZeroU32) -> Rate {
    Rate { often, period: Period::Second, at_once }
}
