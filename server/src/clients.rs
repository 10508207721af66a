//! The clients' listener: what clients reach there, and the limits on them.

use std::{io, net::TcpListener, sync::Arc};

use actix_web::{
    App,
    dev::Server,
    middleware::from_fn,
    rt::{self, task::JoinHandle},
    web,
};
use vestibule_channels::{
    Endpoint,
    transport::{
        self, ConnectionCounter, Connections, HttpRateLimit, Over, Scheme, TcpConnections, edges,
        give_back_memory, harden, websocket,
    },
};
use vestibule_store::READERS;

use crate::{
    approve::{self, Flow, Identity, Services},
    config::{Config, Settings},
    configured::ConfiguredChannels,
    health::{self, Audience, Health},
    hosts::Hosts,
    pages::{Demo, Page},
    telemetry,
    tls::Certificate,
};

/// The clients' endpoints and their limits. Clones share everything.
#[derive(Clone)]
pub(crate) struct Clients {
    endpoint: Arc<Endpoint<Identity>>,
    services: Arc<Services>,
    channels: Arc<ConfiguredChannels>,
    health: Arc<Health>,
    hosts: Arc<Hosts>,
    demo: Option<Arc<Page>>,
    tcp_connections: Arc<ConnectionCounter>,
    calls: Arc<HttpRateLimit>,
}

impl Clients {
    /// Builds the endpoints as the settings say. Requests must be addressed to one of the `hosts`.
    pub(crate) fn new(settings: &Settings, flow: &Flow, hosts: Arc<Hosts>) -> Self {
        let config = &settings.config;
        let connections = &config.connections;
        let channels = ConfiguredChannels::new(
            settings.channels(),
            flow.auth().accounts(),
            config.connect_policy().limits.outbox,
            config.approve_flow().mailbox,
        );
        let endpoint = Endpoint::builder(flow.socket_auth())
            .router(channels.route(flow.router()))
            .connect_policy(config.connect_policy())
            .websocket_limits(connections.websocket_limits())
            .long_poll_limits(connections.long_poll_limits())
            .connect_rate(connections.connects())
            .build();
        let (policy, traffic) = (Arc::clone(endpoint.connect_policy()), Arc::clone(endpoint.traffic()));
        Self {
            services: flow.services(),
            channels: Arc::new(channels),
            health: Health::new(Arc::clone(endpoint.connections()), config.database.durability),
            hosts,
            demo: config.demo.then(demo),
            tcp_connections: ConnectionCounter::new(connections.tcp_limits()),
            calls: HttpRateLimit::new(connections.calls(), policy, traffic),
            endpoint,
        }
    }

    /// The mount of clients' WebSockets and long polls.
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint<Identity>> {
        &self.endpoint
    }

    /// The configured channels.
    pub(crate) fn channels(&self) -> &Arc<ConfiguredChannels> {
        &self.channels
    }

    /// All clients' connections.
    pub(crate) fn connections(&self) -> &Arc<Connections> {
        self.endpoint.connections()
    }

    /// Whether the server is ready for clients.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Changes the limits and the configured channels to what the settings say. Limits that are the
    /// same go on counting.
    pub(crate) fn apply(&self, settings: &Settings) {
        let config = &settings.config;
        let connections = &config.connections;
        self.channels.apply(settings.channels());
        self.endpoint.connect_policy().store(Arc::new(config.connect_policy()));
        self.endpoint.set_websocket_limits(connections.websocket_limits());
        self.endpoint.set_long_poll_limits(connections.long_poll_limits());
        self.endpoint.set_connect_rate(connections.connects());
        self.tcp_connections.set_limits(connections.tcp_limits());
        self.calls.change(connections.calls());
    }

    /// Starts to serve clients, over TLS if there is a certificate, and to give memory back to the
    /// system after many have gone.
    pub(crate) fn listen(
        &self,
        config: &Config,
        listener: TcpListener,
        certificate: Option<Arc<Certificate>>,
    ) -> io::Result<(Server, JoinHandle<()>)> {
        let timeouts = config.connections.http_timeouts();
        let policy = Arc::clone(self.endpoint.connect_policy());
        let traffic = Arc::clone(self.endpoint.traffic());
        let tcp_connections =
            TcpConnections::new(Arc::clone(&self.tcp_connections), policy, traffic, timeouts);
        let (over, scheme) = match certificate {
            None => (Over::Http, Scheme::Http),
            Some(certificate) => {
                let config = certificate.server_config().map_err(io::Error::other)?;
                (Over::Tls, Scheme::Https(Box::new(config)))
            }
        };
        let memory = rt::spawn(give_back_memory(Arc::clone(&self.endpoint), Arc::clone(&tcp_connections)));
        let clients = self.clone();
        let application = move || {
            let clients = clients.clone();
            App::new()
                .wrap(from_fn(move |request, next| edges(timeouts.request, request, next)))
                .wrap(from_fn(telemetry::trace))
                .wrap(from_fn(move |request, next| harden(over, request, next)))
                .configure(|config| clients.mount(config))
        };
        let server = transport::serve(listener, scheme, timeouts, tcp_connections, READERS, application)?;
        Ok((server, memory))
    }

    fn mount(self, config: &mut web::ServiceConfig) {
        let Self { endpoint, services, health, hosts, demo, calls, .. } = self;
        let addressed = || {
            let hosts = Arc::clone(&hosts);
            from_fn(move |request, next| Arc::clone(&hosts).check(request, next))
        };
        let msgpack = web::scope("/msgpack").wrap(addressed()).configure(|config| {
            websocket::mount_msgpack(config, "/websocket", Arc::clone(&endpoint));
        });
        let socket = web::scope("/socket").wrap(addressed()).configure(|config| endpoint.mount(config, ""));
        health::mount(config, health, Audience::Public);
        approve::http::mount(config, services, Arc::clone(endpoint.connect_policy()), calls, hosts);
        config.service(msgpack).service(socket);
        if let Some(demo) = demo {
            demo.mount(config, "/");
        }
    }
}

/// The demo page, or the hint in its place.
fn demo() -> Arc<Page> {
    let demo = Page::embedded::<Demo>("demo");
    if !demo.is_built() {
        tracing::info!("built without its demo page; the page at / says how to build it");
    }
    Arc::new(demo)
}
