//! Puts the house together, and runs it until it is told to stop.

use std::{io, net::SocketAddr, sync::Arc};

use actix_web::{
    App,
    middleware::{NormalizePath, from_fn},
    web,
};
use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::Notify;
use vestibule_channels::{
    metrics::Traffic,
    transport::{
        self, Accepted, AddressRate, ConnectionLimits, Endpoint, Grain, HttpRateLimit, Over, Patience,
        arriving, edges, harden, longpoll, websocket,
    },
};
use vestibule_store::{self as store, OpenError, Store, clock};

use crate::{
    admin::{self, Admin, Administered, Listen, TokenFile},
    approve::{self, Flow, SocketAuth},
    config::{Config, Settings, Sources},
    health::{self, Detail, Health},
    hosts::Hosts,
    metrics::Metrics,
    pages::{Demo, Page},
    reload::Reload,
    session::{SecretError, Secrets, Sessions},
    shutdown::{self, Signals},
    startup::Files,
    systemd,
    telemetry::{self, Log},
    tls::Certificate,
};

/// Why the server does not run. Each says in one line what is wrong and where.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The port is taken, or the address is not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The same of the operators' listener.
    #[error("cannot listen on {at} for operators: {source}")]
    ListenForOperators {
        /// Where.
        at: Listen,
        /// What the system says.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The secrets cannot be used.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The system does not let the server run.
    #[error("cannot serve: {0}")]
    Io(#[from] io::Error),
}

/// Runs the server until SIGTERM or SIGINT. `started` hears the address once it accepts connections, and where operators
/// connect. `files` were read by [`Startup`](crate::startup::Startup). On SIGHUP the settings are read again from their sources.
pub async fn serve(
    settings: Settings,
    sources: Sources,
    files: Files,
    log: Log,
    started: impl FnOnce(SocketAddr, Option<&Listen>),
) -> Result<(), ServeError> {
    let config = &settings.config;
    let modes = config.file_modes();
    let admin_listen = config.admin.admin_listen.clone();
    let listen_error = |source| ServeError::Listen { address: config.listen, source };
    let listener = systemd::listener(config.listen).map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    if let Some(warning) = files.name_warning(config, address.ip()) {
        tracing::warn!("{warning}");
    }
    let Files { tokens, certificate, secrets } = files;
    let hosts = hosts(config, address, certificate.as_ref());
    let (store, writer) = Store::open(&config.database(), &config.store())?;
    let secrets = secrets.map_or_else(|| Secrets::load_or_create(&config.secrets(), modes), Ok)?;
    let sessions = Sessions::new(&secrets);
    let flow = Flow::new(store, sessions, config.terms());
    let sweeper = actix_web::rt::spawn(approve::sweep::run(Arc::clone(&flow)));
    let endpoint = endpoint(config, &flow);
    let connections = Arc::clone(&endpoint.connections);
    let health = Health::new(Arc::clone(&connections));
    let watcher = actix_web::rt::spawn(Arc::clone(&health).watch(Arc::clone(&flow)));
    let patience = config.connections.patience();
    let tcp_caps = ConnectionLimits::new(config.connections.connection_cap(), usize::MAX);
    let traffic = Arc::clone(&endpoint.traffic);
    let accepted = Accepted::new(Arc::clone(&tcp_caps), endpoint.rules.clone(), traffic, patience);
    let poll_caps = caps(config.connections.poll_caps());
    let polls = Arc::new(longpoll::Sessions::new(Arc::clone(&poll_caps)));
    let calls =
        HttpRateLimit::new(config.connections.calls(), endpoint.rules.clone(), Arc::clone(&endpoint.traffic));
    let demo = config.demo.then(demo);
    let drain = Arc::new(Notify::new());
    let administered = Administered {
        connections: Arc::clone(&connections),
        rules: endpoint.rules.clone(),
        listens_at: address,
        started: clock::now_ms(),
        drain: Arc::clone(&drain),
    };
    let admin = tokens.map(|tokens| {
        start_admin(&admin_listen, tokens, &flow, &health, &endpoint.traffic, administered, patience)
    });
    let admin = admin.transpose()?;
    let mut reload = Reload {
        sources,
        settings,
        log,
        flow: Arc::clone(&flow),
        endpoint: Arc::clone(&endpoint),
        certificate: certificate.clone(),
        admission: admin.as_ref().map(|admin| admin.admission().clone()),
        polls: poll_caps,
        calls: Arc::clone(&calls),
        tcp: Arc::clone(&tcp_caps),
    };

    let over = if certificate.is_some() { Over::Tls } else { Over::Http };
    let reached = Reached { flow, endpoint, polls, calls, hosts, health, demo };
    let application = move || {
        let reached = reached.clone();
        App::new()
            .wrap(NormalizePath::trim())
            .wrap(from_fn(edges))
            .wrap(from_fn(move |request, next| arriving(patience.request, request, next)))
            .wrap(from_fn(telemetry::trace))
            .wrap(from_fn(move |request, next| harden(over, request, next)))
            .configure(|config| reached.mount(config))
    };
    let tls = certificate.clone().map(Certificate::server_config).transpose().map_err(io::Error::other)?;
    let server = transport::serve(listener, tls, patience, accepted, store::READERS, application)?;
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);
    let signals = Signals::take_over()?;
    let administered_at = admin.as_ref().map(admin::Running::at);
    let listens = say_where(address, certificate.as_deref(), administered_at);
    started(address, administered_at);
    systemd::ready();
    let status = systemd::Status { connections: Arc::clone(&connections), listens, reloaded: Arc::default() };
    let watchdog = systemd::watch(status.clone());

    let on_hangup = || {
        systemd::reloading();
        status.reloaded(reload.run());
    };
    shutdown::wait_and_drain(signals, on_hangup, &drain, &handle, &connections).await;
    // The server's task ends with its workers; a panic in it was logged.
    let _ = server.await;
    if let Some(admin) = admin {
        admin.stop().await;
    }
    watcher.abort();
    sweeper.abort();
    watchdog.abort();
    writer.stop();
    tracing::info!("stopped");
    Ok(())
}

/// Has the log say where the server listens, with which certificate, and gives the same in short.
fn say_where(address: SocketAddr, certificate: Option<&Certificate>, admin: Option<&Listen>) -> String {
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let clients = format!("{scheme}://{address}");
    tracing::info!(address = clients, "listening for clients");
    if let Some(certificate) = certificate {
        certificate.log("using certificate");
    }
    let Some(admin) = admin else { return format!("at {clients}") };
    tracing::info!(address = %admin, "listening for operators");
    format!("at {clients}, operators at {admin}")
}

/// What clients reach.
#[derive(Clone)]
struct Reached {
    flow: Arc<Flow>,
    endpoint: Arc<Endpoint>,
    polls: Arc<longpoll::Sessions>,
    calls: Arc<HttpRateLimit>,
    hosts: Arc<Hosts>,
    health: Arc<Health>,
    demo: Option<Arc<Page>>,
}

impl Reached {
    fn mount(self, config: &mut web::ServiceConfig) {
        let Self { flow, endpoint, polls, calls, hosts, health, demo } = self;
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
        health::mount(config, health, Detail::Kept);
        approve::http::mount(config, flow, endpoint.rules.clone(), calls, hosts);
        config.service(msgpack).service(socket);
        if let Some(demo) = demo {
            demo.mount(config, "/");
        }
    }
}

/// The hosts that clients may address: any where the server's names are set, else those that are its own for certain.
fn hosts(config: &Config, address: SocketAddr, certificate: Option<&Arc<Certificate>>) -> Arc<Hosts> {
    if !config.names.is_empty() {
        return Hosts::any();
    }
    Hosts::own(address.port(), certificate.cloned())
}

/// Where clients' sockets and long polls come in.
fn endpoint(config: &Config, flow: &Arc<Flow>) -> Arc<Endpoint> {
    Arc::new(Endpoint {
        rules: Arc::new(ArcSwap::from_pointee(config.rules())),
        caps: caps(config.connections.socket_caps()),
        connects: Arc::new(AddressRate::new(config.connections.connects(), Grain::Network)),
        ..Endpoint::new(flow.router(), SocketAuth(Arc::clone(flow)))
    })
}

/// The demo page, or what stands in for it.
fn demo() -> Arc<Page> {
    let demo = Page::embedded::<Demo>("demo");
    if !demo.is_built() {
        tracing::info!("built without its demo page; the page at / says how to build it");
    }
    Arc::new(demo)
}

/// Caps of one address and one user, counted from nothing.
fn caps((per_address, per_user): (usize, usize)) -> Arc<ConnectionLimits> {
    ConnectionLimits::new(per_address, per_user)
}

/// Starts the operators' listener.
fn start_admin(
    listen: &Listen,
    tokens: Arc<TokenFile>,
    flow: &Arc<Flow>,
    health: &Arc<Health>,
    traffic: &Traffic,
    server: Administered,
    patience: Patience,
) -> Result<admin::Running, ServeError> {
    let mut metrics = Metrics::default();
    metrics.add(|registry| {
        health.register(registry);
        traffic.register(registry);
        flow.register(registry);
    });
    let shared = Admin { metrics, flow: Arc::clone(flow), health: Arc::clone(health), server };
    admin::start(listen, tokens, shared, patience)
        .map_err(|source| ServeError::ListenForOperators { at: listen.clone(), source })
}
