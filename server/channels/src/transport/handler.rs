//! The application's decision on connections.

use std::net::IpAddr;

use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use super::Refused;

/// A client that asks to connect.
#[derive(Debug)]
pub struct ConnectInfo<'a> {
    /// The parameters of the URL: the `params` of phoenix.js's `Socket`.
    pub params: &'a Map<String, Value>,
    /// The token that comes beside the URL: phoenix.js's `authToken`.
    pub auth_token: Option<&'a str>,
    /// The host that the client addressed, with its port.
    pub host: &'a str,
    /// The client's address, also behind trusted proxies; `None` where it is not known.
    pub address: Option<IpAddr>,
}

/// Decides who may connect. Phoenix's `UserSocket`.
pub trait SocketHandler: Send + Sync + 'static {
    /// The data of a connection that its channels can read: a Phoenix socket's `assigns`.
    type Assigns: Send + Sync + 'static;

    /// Accepts a client, or refuses it with HTTP 403 unless [`Refused`] says otherwise. Phoenix's
    /// `connect/3`.
    ///
    /// A browser learns nothing from a 403 and retries for ever. If the client should learn the
    /// reason, accept the connection and refuse its joins.
    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected<Self::Assigns>, Refused>;

    /// Where the decision takes time: it is asked first, and the client waits for the future. With
    /// `None`, as by default, [`connect`](Self::connect) decides at once.
    ///
    /// The handler bounds how long it takes and how many wait: until then a client counts only as a
    /// TCP connection.
    fn connect_later(&self, _: &ConnectInfo<'_>) -> Option<ConnectFuture<Self::Assigns>> {
        None
    }
}

/// A decision on a connection that takes time. See
/// [`connect_later`](SocketHandler::connect_later).
pub type ConnectFuture<A> = LocalBoxFuture<'static, Result<Connected<A>, Refused>>;

/// A client that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected<A> {
    /// The socket id, by which [`Connections::disconnect`](super::Connections::disconnect) ends all
    /// connections of a user. Phoenix's `id/1`.
    pub id: Option<String>,
    /// The data that channels can read.
    pub assigns: A,
}

impl<A> Connected<A> {
    /// A connection without a socket id.
    pub fn new(assigns: A) -> Self {
        Self { id: None, assigns }
    }

    /// The same connection with a socket id.
    #[must_use]
    pub fn with_id(self, id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

/// A [`SocketHandler`] that accepts every client and keeps nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptAll;

impl SocketHandler for AcceptAll {
    type Assigns = ();

    fn connect(&self, _: &ConnectInfo<'_>) -> Result<Connected<()>, Refused> {
        Ok(Connected::new(()))
    }
}
