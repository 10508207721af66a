//! The endpoint that is mounted at a path such as `/socket`, and its settings.

use std::sync::Arc;

use actix_web::web;
use arc_swap::ArcSwap;
use bytestring::ByteString;
use vestibule_phoenix::message::Payload;

use super::{
    AddressRate, ConnectInfo, ConnectPolicy, Connected, ConnectionCounter, ConnectionLimits, Connections,
    Grain, Limits, Origin, Origins, Proxies, Rate, Refused, SocketHandler, longpoll, websocket,
};
use crate::{
    metrics::Traffic,
    topic::{Route, Router},
};

/// What clients connect to: a [`SocketHandler`] that decides who may connect, routes to channels,
/// and limits. Phoenix's `socket "/socket", UserSocket` in an endpoint. All threads share it.
///
/// `S` is the handler's [`Assigns`](SocketHandler::Assigns); only channels with the same
/// [`ConnectAssigns`](crate::Channel::ConnectAssigns) can be routed to.
///
/// ```
/// # use vestibule_channels::{AcceptAll, Endpoint, Limits, Rate};
/// let endpoint = Endpoint::builder(AcceptAll)
///     .origins(["https://chat.example.com".parse().unwrap()])
///     .limits(Limits { frames: Rate::new(10, 50), ..Limits::default() })
///     .build();
/// ```
pub struct Endpoint<S: 'static> {
    pub(crate) router: Router<S>,
    pub(crate) handler: Box<dyn SocketHandler<Assigns = S>>,
    pub(super) has_auth_token: bool,
    pub(super) subprotocols: Vec<&'static str>,
    pub(super) websockets: Arc<ConnectionCounter>,
    pub(super) connect_rate: Arc<AddressRate>,
    pub(super) long_polls: Arc<longpoll::Sessions>,
    connect_policy: Arc<ArcSwap<ConnectPolicy>>,
    connections: Arc<Connections>,
    traffic: Arc<Traffic>,
}

/// Settings of an [`Endpoint`]. The defaults are Phoenix's, except that tokens beside the URL are
/// read, and that connections have limits.
pub struct EndpointBuilder<S: 'static> {
    endpoint: Endpoint<S>,
    policy: ConnectPolicy,
}

impl<S: Send + Sync + 'static> EndpointBuilder<S> {
    /// Adds channels: see [`Router::route`].
    #[must_use]
    pub fn route(mut self, pattern: &'static str, topics: impl Route<S> + 'static) -> Self {
        self.endpoint.router = self.endpoint.router.route(pattern, topics);
        self
    }

    /// Replaces all routes.
    #[must_use]
    pub fn router(mut self, router: Router<S>) -> Self {
        self.endpoint.router = router;
        self
    }

    /// Which web pages may connect from a browser: those of these origins. By default, pages of the
    /// host that they connect to. Phoenix's `check_origin`.
    #[must_use]
    pub fn origins(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.policy.origins = Origins::Listed(origins.into_iter().collect());
        self
    }

    /// Lets every web page connect. Phoenix's `check_origin: false`.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.policy.origins = Origins::Any;
        self
    }

    /// How much one connection may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.policy.limits = limits;
        self
    }

    /// The proxies whose `X-Forwarded-For` is trusted. By default none is.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.policy.proxies = proxies;
        self
    }

    /// Origins, limits and proxies together.
    #[must_use]
    pub fn connect_policy(mut self, policy: ConnectPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether to read the token that comes beside the URL: phoenix.js's `authToken`, for which a
    /// client over WebSocket offers the sub-protocol `phoenix`. Phoenix's `auth_token`. True by
    /// default.
    #[must_use]
    pub fn auth_token(mut self, is_read: bool) -> Self {
        self.endpoint.has_auth_token = is_read;
        self
    }

    /// Adds a WebSocket sub-protocol that clients may choose. Phoenix's `subprotocols`.
    #[must_use]
    pub fn subprotocol(mut self, name: &'static str) -> Self {
        self.endpoint.subprotocols.push(name);
        self
    }

    /// How many WebSockets one address and one user may have;
    /// [`ConnectionLimits::WEBSOCKETS`] by default.
    #[must_use]
    pub fn websocket_limits(mut self, limits: ConnectionLimits) -> Self {
        self.endpoint.websockets = ConnectionCounter::new(limits);
        self
    }

    /// How many long-poll sessions one address and one user may have;
    /// [`ConnectionLimits::LONG_POLLS`] by default.
    #[must_use]
    pub fn long_poll_limits(mut self, limits: ConnectionLimits) -> Self {
        self.endpoint.long_polls = Arc::new(longpoll::Sessions::new(limits));
        self
    }

    /// How often one address may try to connect, over WebSocket or long poll: 100 times a second by
    /// default, and 4000 times at once.
    #[must_use]
    pub fn connect_rate(mut self, rate: Rate) -> Self {
        self.endpoint.connect_rate = Arc::new(AddressRate::new(rate, Grain::Network));
        self
    }

    /// Shares the list of connections, their counts against limits, long-poll sessions and metrics
    /// with another endpoint: as one application that is mounted at several paths.
    #[must_use]
    pub fn shared_with<T>(mut self, other: &Endpoint<T>) -> Self {
        let Endpoint { websockets, connect_rate, long_polls, connections, traffic, .. } = other;
        self.endpoint.websockets = Arc::clone(websockets);
        self.endpoint.connect_rate = Arc::clone(connect_rate);
        self.endpoint.long_polls = Arc::clone(long_polls);
        self.endpoint.connections = Arc::clone(connections);
        self.endpoint.traffic = Arc::clone(traffic);
        self
    }

    /// Makes the endpoint.
    pub fn build(self) -> Arc<Endpoint<S>> {
        let Self { endpoint, policy } = self;
        endpoint.connect_policy.store(Arc::new(policy));
        Arc::new(endpoint)
    }
}

impl<S: Send + Sync + 'static> Endpoint<S> {
    /// An endpoint without routes yet.
    pub fn builder(handler: impl SocketHandler<Assigns = S>) -> EndpointBuilder<S> {
        let endpoint = Endpoint {
            router: Router::new(),
            handler: Box::new(handler),
            has_auth_token: true,
            subprotocols: Vec::new(),
            websockets: ConnectionCounter::new(ConnectionLimits::WEBSOCKETS),
            connect_rate: Arc::new(AddressRate::new(Rate::new(100, 4000), Grain::Network)),
            long_polls: Arc::default(),
            connect_policy: Arc::default(),
            connections: Arc::default(),
            traffic: Arc::default(),
        };
        EndpointBuilder { endpoint, policy: ConnectPolicy::default() }
    }

    /// Asks the handler about a client.
    pub(super) async fn decide(&self, info: &ConnectInfo<'_>) -> Result<Connected<S>, Refused> {
        match self.handler.connect_later(info) {
            Some(later) => later.await,
            None => self.handler.connect(info),
        }
    }

    /// Mounts both transports below `path`, where phoenix.js looks for them: `/websocket` and
    /// `/longpoll`. To mount only one, see [`websocket::mount`] and [`longpoll::mount`].
    pub fn mount(self: &Arc<Self>, config: &mut web::ServiceConfig, path: &str) {
        websocket::mount(config, &format!("{path}/websocket"), Arc::clone(self));
        longpoll::mount(config, &format!("{path}/longpoll"), Arc::clone(self));
    }

    /// Sends to all subscribers of a topic; does nothing if there are none. Phoenix's
    /// `Endpoint.broadcast/3`.
    pub fn broadcast(&self, topic: &str, event: impl Into<ByteString>, payload: Payload) {
        if let Some(topics) = self.router.find(topic) {
            topics.broadcast(topic, event.into(), payload);
        }
    }

    /// The open connections.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// What the endpoint counts, for metrics.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Origins, limits and proxies, which may be replaced while the endpoint serves: new
    /// connections get the new ones, open connections keep theirs.
    pub fn connect_policy(&self) -> &Arc<ArcSwap<ConnectPolicy>> {
        &self.connect_policy
    }

    /// Changes how many WebSockets one address and one user may have. Open ones stay.
    pub fn set_websocket_limits(&self, limits: ConnectionLimits) {
        self.websockets.set_limits(limits);
    }

    /// Changes how many long-poll sessions one address and one user may have. Open ones stay.
    pub fn set_long_poll_limits(&self, limits: ConnectionLimits) {
        self.long_polls.counter().set_limits(limits);
    }

    /// Changes how often one address may try to connect.
    pub fn set_connect_rate(&self, rate: Rate) {
        self.connect_rate.change(rate);
    }

    /// Frees the room that tables have for what they no longer hold.
    pub(super) fn shrink(&self) {
        self.connections.shrink();
        self.websockets.shrink();
        self.long_polls.shrink();
        self.connect_rate.shrink();
        self.router.shrink();
    }

    /// All sub-protocols that a client may choose.
    pub(super) fn protocols(&self) -> Vec<&'static str> {
        let phoenix = self.has_auth_token.then_some("phoenix");
        self.subprotocols.iter().copied().chain(phoenix).collect()
    }
}
