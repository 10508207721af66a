//! The clients' listener: what clients reach there, and the limits on them.

use std::{io, net::TcpListener, sync::Arc};

use actix_web::{
    App,
    dev::Server,
    middleware::{NormalizePath, from_fn},
    web,
};
use arc_swap::ArcSwap;
use vestibule_channels::transport::{
    self, Accepted, AddressRate, ConnectionLimits, Connections, Endpoint, Grain, HttpRateLimit, Over,
    arriving, edges, harden, longpoll, websocket,
};
use vestibule_store::READERS;

use crate::{
    approve::{self, Flow, Services},
    config::{Config, ConnectionCap},
    health::{self, Audience, Health},
    hosts::Hosts,
    pages::{Demo, Page},
    telemetry,
    tls::Certificate,
};

/// The clients' endpoints and their limits. Clones share everything.
#[derive(Clone)]
pub(crate) struct Clients {
    endpoint: Arc<Endpoint>,
    services: Arc<Services>,
    health: Arc<Health>,
    hosts: Arc<Hosts>,
    demo: Option<Arc<Page>>,
    polls: Arc<longpoll::Sessions>,
    poll_limits: Arc<ConnectionLimits>,
    tcp_limits: Arc<ConnectionLimits>,
    calls: Arc<HttpRateLimit>,
}

impl Clients {
    /// Builds the endpoints as the settings say. Requests must be addressed to one of the `hosts`.
    pub(crate) fn new(config: &Config, flow: &Flow, hosts: Arc<Hosts>) -> Self {
        let connections = &config.connections;
        let endpoint = Arc::new(Endpoint {
            rules: Arc::new(ArcSwap::from_pointee(config.rules())),
            caps: limits(connections.socket_cap()),
            connects: Arc::new(AddressRate::new(connections.connects(), Grain::Network)),
            ..Endpoint::new(flow.router(), flow.socket_auth())
        });
        let poll_limits = limits(connections.poll_cap());
        let (rules, traffic) = (Arc::clone(&endpoint.rules), Arc::clone(&endpoint.traffic));
        Self {
            services: flow.services(),
            health: Health::new(Arc::clone(&endpoint.connections)),
            hosts,
            demo: config.demo.then(demo),
            polls: Arc::new(longpoll::Sessions::new(Arc::clone(&poll_limits))),
            poll_limits,
            tcp_limits: limits(connections.tcp_cap()),
            calls: HttpRateLimit::new(connections.calls(), rules, traffic),
            endpoint,
        }
    }

    /// The mount of clients' WebSockets and long polls.
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// All clients' connections.
    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.endpoint.connections
    }

    /// Whether the server is ready for clients.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Changes the limits to what the settings say. Limits that are the same go on counting.
    pub(crate) fn apply(&self, config: &Config) {
        let connections = &config.connections;
        self.endpoint.rules.store(Arc::new(config.rules()));
        for (limits, ConnectionCap { per_address, per_user }) in [
            (&self.endpoint.caps, connections.socket_cap()),
            (&self.poll_limits, connections.poll_cap()),
            (&self.tcp_limits, connections.tcp_cap()),
        ] {
            limits.change(per_address, per_user);
        }
        self.calls.change(connections.calls());
        self.endpoint.connects.change(connections.connects());
    }

    /// Starts to serve clients, over TLS if there is a certificate.
    pub(crate) fn listen(
        &self,
        config: &Config,
        listener: TcpListener,
        certificate: Option<Arc<Certificate>>,
    ) -> io::Result<Server> {
        let patience = config.connections.patience();
        let (rules, traffic) = (Arc::clone(&self.endpoint.rules), Arc::clone(&self.endpoint.traffic));
        let accepted = Accepted::new(Arc::clone(&self.tcp_limits), rules, traffic, patience);
        let over = if certificate.is_some() { Over::Tls } else { Over::Http };
        let tls = certificate.map(Certificate::server_config).transpose().map_err(io::Error::other)?;
        let clients = self.clone();
        let application = move || {
            let clients = clients.clone();
            App::new()
                .wrap(NormalizePath::trim())
                .wrap(from_fn(edges))
                .wrap(from_fn(move |request, next| arriving(patience.request, request, next)))
                .wrap(from_fn(telemetry::trace))
                .wrap(from_fn(move |request, next| harden(over, request, next)))
                .configure(|config| clients.mount(config))
        };
        transport::serve(listener, tls, patience, accepted, READERS, application)
    }

    fn mount(self, config: &mut web::ServiceConfig) {
        let Self { endpoint, services, health, hosts, demo, polls, calls, .. } = self;
        let addressed = || {
            let hosts = Arc::clone(&hosts);
            from_fn(move |request, next| Arc::clone(&hosts).check(request, next))
        };
        let msgpack = web::scope("/msgpack").wrap(addressed()).configure(|config| {
            websocket::mount_msgpack(config, "/websocket", Arc::clone(&endpoint));
        });
        let socket = web::scope("/socket")
            .wrap(addressed())
            .configure(|config| websocket::mount(config, "/websocket", Arc::clone(&endpoint)))
            .configure(|config| longpoll::mount(config, "/longpoll", Arc::clone(&endpoint), polls));
        health::mount(config, health, Audience::Public);
        approve::http::mount(config, services, endpoint.rules.clone(), calls, hosts);
        config.service(msgpack).service(socket);
        if let Some(demo) = demo {
            demo.mount(config, "/");
        }
    }
}

fn limits(ConnectionCap { per_address, per_user }: ConnectionCap) -> Arc<ConnectionLimits> {
    ConnectionLimits::new(per_address, per_user)
}

/// The demo page, or the hint in its place.
fn demo() -> Arc<Page> {
    let demo = Page::embedded::<Demo>("demo");
    if !demo.is_built() {
        tracing::info!("built without its demo page; the page at / says how to build it");
    }
    Arc::new(demo)
}
