//! Where bytes come in: the only code that touches sockets.
//!
//! An [`Endpoint`] has a router of channels, a [`SocketHandler`] that decides who may connect, and
//! limits. [`websocket`] and [`longpoll`] serve it; both drive a `connection`. [`serve`] listens
//! for the TCP connections that they come over.
//!
//! An application needs little of this module: [`Endpoint`], [`SocketHandler`] and [`Limits`],
//! which the crate's root re-exports. The rest is for servers that put the parts together
//! themselves, where [`Server`](crate::Server) does not do.

mod address;
mod address_rate;
mod closed_connection;
mod connect_policy;
pub(crate) mod connection;
mod connection_counter;
pub(crate) mod connections;
mod edges;
mod endpoint;
mod frame_rate_limit;
mod handler;
mod head;
mod headers;
mod host;
mod http_rate_limit;
mod limits;
pub mod longpoll;
mod memory;
mod origin;
mod params;
mod path;
mod rate;
mod refused;
mod request;
mod silence;
mod socket;
mod tcp;
pub mod websocket;

pub use self::{
    address::{Grain, Proxies},
    address_rate::AddressRate,
    closed_connection::{ClosedConnection, RecentlyClosed},
    connect_policy::ConnectPolicy,
    connection_counter::ConnectionCounter,
    connections::{ConnectionInfo, Connections},
    edges::{edges, other_methods},
    endpoint::{Endpoint, EndpointBuilder},
    handler::{AcceptAll, ConnectFuture, ConnectInfo, Connected, SocketHandler},
    head::head_as_get,
    headers::{Over, harden},
    host::{is_loopback, split_port, without_brackets},
    http_rate_limit::HttpRateLimit,
    limits::{ConnectionLimits, Limits},
    memory::give_back_memory,
    origin::{Origin, OriginSyntax, Origins},
    rate::{Period, Rate},
    refused::Refused,
    request::host,
    socket::prepare_socket,
    tcp::{HttpTimeouts, Scheme, TcpConnections, serve},
};
pub use crate::outbox::OutboxLimits;
