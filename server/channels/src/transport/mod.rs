//! Where bytes come in: the only code that touches sockets.
//!
//! An [`Endpoint`] is a mount such as `/socket`: a router of channels, a [`SocketHandler`] that decides who may connect, and
//! limits. [`websocket`] and [`longpoll`] serve it; a `connection` is what both of them drive. [`serve`] listens for the TCP connections that
//! they come over.

mod address;
mod address_rate;
mod closed_connection;
mod connect_policy;
mod connection;
mod connection_limits;
mod connections;
mod edges;
mod frame_rate_limit;
mod head;
mod headers;
mod host;
mod http_rate_limit;
pub mod longpoll;
mod origin;
mod params;
mod rate;
mod refused;
mod request;
mod silence;
mod socket;
mod tcp;
pub mod websocket;

use std::{any::Any, net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use serde_json::{Map, Value};

pub use self::{
    address::{Grain, Proxies},
    address_rate::AddressRate,
    closed_connection::{ClosedConnection, RecentlyClosed},
    connect_policy::ConnectPolicy,
    connection_limits::ConnectionLimits,
    connections::{ConnectionInfo, Connections},
    edges::{edges, other_methods},
    head::head_as_get,
    headers::{Over, harden},
    host::{is_loopback, split_port, without_brackets},
    http_rate_limit::HttpRateLimit,
    origin::{Origin, OriginSyntax, Origins},
    rate::{Period, Rate},
    refused::Refused,
    request::host,
    socket::prepare_socket,
    tcp::{Accepted, Patience, arriving, serve},
};
use crate::{metrics::Traffic, outbox::OutboxLimits, topic::Router};

/// One mount. Shared by all threads.
pub struct Endpoint {
    /// Which topics there are.
    pub router: Router,
    /// Who may connect.
    pub handler: Box<dyn SocketHandler>,
    /// What is asked of whoever connects. May be replaced while the endpoint serves.
    pub rules: Arc<ArcSwap<ConnectPolicy>>,
    /// Whether a token is read that comes beside the URL: phoenix.js's `authToken`, for which a client over WebSocket offers
    /// the sub-protocol `phoenix`.
    pub auth_token: bool,
    /// Further sub-protocols that a client may choose among.
    pub subprotocols: Vec<&'static str>,
    /// How many WebSockets one address and one user may have; [`longpoll::Sessions`] has its own.
    pub caps: Arc<ConnectionLimits>,
    /// How often one address may try to connect, over WebSocket or long poll.
    pub connects: Arc<AddressRate>,
    /// Everybody connected.
    pub connections: Arc<Connections>,
    /// What is counted of it.
    pub traffic: Arc<Traffic>,
}

impl Endpoint {
    /// A mount with Phoenix's defaults, but that tokens beside the URL are read, and that there are limits.
    pub fn new(router: Router, handler: impl SocketHandler + 'static) -> Self {
        Self {
            router,
            handler: Box::new(handler),
            rules: Arc::default(),
            auth_token: true,
            subprotocols: Vec::new(),
            caps: ConnectionLimits::new(1024, 64),
            connects: Arc::new(AddressRate::new(Rate::new(100, 4000), Grain::Network)),
            connections: Arc::default(),
            traffic: Arc::default(),
        }
    }

    /// All sub-protocols that a client may choose.
    fn protocols(&self) -> Vec<&'static str> {
        let phoenix = self.auth_token.then_some("phoenix");
        self.subprotocols.iter().copied().chain(phoenix).collect()
    }
}

/// How much one connection may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest WebSocket frame, in bytes.
    pub frame: usize,
    /// The largest message of several frames, in bytes.
    pub message: usize,
    /// Channels joined at once; Phoenix has 100.
    pub channels: usize,
    /// Frames; a client that sends more is refused, and not read from until it may go on.
    pub frames: Rate,
    /// Joins among them.
    pub joins: Rate,
    /// How long a client may be silent; Phoenix has 60 s.
    pub idle: Duration,
    /// How long a long poll waits for messages; Phoenix has 10 s. A session that is not polled for one and a half times
    /// that is over.
    pub window: Duration,
    /// Batches that wait for one long-poll session. phoenix.js sends one after the other; older versions send some at once.
    pub batches: usize,
    /// How long a connection may last.
    pub lifetime: Duration,
    /// What may wait for a client that reads slowly.
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

/// What is known of a client that wants to connect.
#[derive(Debug)]
pub struct ConnectInfo<'a> {
    /// The parameters of the URL.
    pub params: &'a Map<String, Value>,
    /// The token that came beside the URL: phoenix.js's `authToken`.
    pub auth_token: Option<&'a str>,
    /// The host that the client addressed, with its port.
    pub host: &'a str,
    /// The client's address, behind trusted proxies too, where it is known.
    pub address: Option<IpAddr>,
}

/// Decides who may connect.
pub trait SocketHandler: Send + Sync {
    /// Lets a client in, or refuses it: with HTTP 403, unless [`Refused`] says otherwise.
    ///
    /// A browser learns nothing from a 403 and tries again for ever: where the client should know the reason, let it in and
    /// refuse its joins.
    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected, Refused>;
}

/// What becomes of a client that is let in.
pub struct Connected {
    /// The socket id; see [`Connections::disconnect`].
    pub id: Option<String>,
    /// What channels get to know; see [`Client::assigns`](crate::channel::Client::assigns).
    pub assigns: Arc<dyn Any + Send + Sync>,
}
