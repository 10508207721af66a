//! Starts the server, runs it, and stops it: bind, open, build, listen, run, drain.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_web::{
    dev::{Server, ServerHandle},
    rt::{self, task::JoinHandle},
};
use thiserror::Error;
use tokio::sync::Notify;
use vestibule_store::{Clock, OpenError, Store, Writer};

use crate::{
    accounts::Accounts,
    admin::{self, Admin, Listen, ServerInfo, TokenFile},
    approve::Flow,
    clients::Clients,
    config::{Config, KeyPlace, Settings, Sources},
    health::Health,
    hook::{AuthHook, HookMetrics},
    hosts::Hosts,
    login::{Issuers, KeyFetcher, KeySet, KeySource, Logins, RemoteKeys},
    metrics::Metrics,
    outgoing::Outgoing,
    reload::Reload,
    session::{SecretError, Secrets, Sessions},
    shutdown::{self, Signals},
    startup::Files,
    systemd::{self, Status},
    telemetry::Log,
    tls::Certificate,
};

/// Why the server cannot run. Each message says in one line what is wrong and where.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The port is in use, or the address is not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The same for the operators' listener.
    #[error("cannot listen on {at} for operators: {source}")]
    ListenForOperators {
        /// The address or path.
        at: Listen,
        /// The system's error.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The secrets cannot be used.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// Another error of the system.
    #[error("cannot serve: {0}")]
    Io(#[from] io::Error),
}

/// Runs the server until SIGTERM or SIGINT. Calls `started` with the address once it accepts
/// connections, and with where operators connect. `files` come from
/// [`Startup`](crate::startup::Startup). On SIGHUP the server reads its settings from `sources`
/// again.
pub async fn serve(
    settings: Settings,
    sources: Sources,
    files: Files,
    log: Log,
    started: impl FnOnce(SocketAddr, Option<&Listen>),
) -> Result<(), ServeError> {
    let config = &settings.config;
    let clock = Clock::default();
    let (listener, address) = bind(config)?;
    if let Some(warning) = files.name_warning(config, address.ip()) {
        tracing::warn!("{warning}");
    }
    let Files { tokens, certificate, secrets, login_keys, hook_secrets } = files;
    let outgoing = Outgoing::default();
    let (fetcher, hook_metrics) = (KeyFetcher::new(outgoing.clone()), HookMetrics::default());
    let logins = Logins::new(issuers(config, login_keys, &fetcher), clock.clone());
    let hook = config.hook.hook().zip(hook_secrets).map(|((settings, _), secrets)| {
        AuthHook::new(settings, secrets, outgoing, hook_metrics.clone(), clock.clone())
    });
    let accounts = Arc::new(Accounts::new(Arc::new(logins), fetcher, hook));
    let (flow, writer) = open(config, secrets, &accounts, &clock)?;
    let clients = Clients::new(&settings, &flow, hosts(config, address, certificate.as_ref()));
    let drain = Arc::new(Notify::new());
    let info = ServerInfo {
        connections: Arc::clone(clients.connections()),
        connect_policy: Arc::clone(clients.endpoint().connect_policy()),
        listens_at: address,
        started: clock.now_ms(),
        clock,
        drain: Arc::clone(&drain),
    };
    let admin = tokens
        .map(|tokens| start_admin(config, tokens, &flow, &clients, (&hook_metrics, info)))
        .transpose()?;
    let (server, memory) = clients.listen(config, listener, certificate.clone())?;
    let running = Running::start((server, memory), admin, writer, &flow, clients.health());
    let signals = Signals::take_over()?;
    let listens = log_addresses(address, certificate.as_deref(), running.admin_at());
    started(address, running.admin_at());

    let status = Status::new(Arc::clone(clients.connections()), listens);
    systemd::ready();
    let watchdog = systemd::watch(status.clone());
    let admission = running.admin.as_ref().map(|admin| admin.admission().clone());
    let mut reload =
        Reload { sources, settings, log, flow, clients: clients.clone(), certificate, admission };
    let on_hangup = || {
        systemd::reloading();
        status.reloaded(reload.run());
    };
    shutdown::wait_and_drain(signals, on_hangup, &drain, &running.handle, clients.connections()).await;
    running.stop().await;
    watchdog.abort();
    tracing::info!("stopped");
    Ok(())
}

/// Takes the clients' listener from systemd, or binds it.
fn bind(config: &Config) -> Result<(TcpListener, SocketAddr), ServeError> {
    let listen_error = |source| ServeError::Listen { address: config.listen, source };
    let listener = systemd::listener(config.listen).map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    Ok((listener, address))
}

/// Which tokens of the team's own logins are accepted, if any.
fn issuers(config: &Config, from_file: Option<Arc<KeySet>>, fetcher: &KeyFetcher) -> Option<Issuers> {
    let keys = match config.login.keys()? {
        KeyPlace::File(_) => KeySource::File(from_file?),
        KeyPlace::Address(address) => KeySource::Remote(RemoteKeys::start(address.clone(), fetcher.clone())),
    };
    Some(config.login.issuers(keys))
}

/// Opens the store, creates the secrets if there are none, and builds the flow on both.
fn open(
    config: &Config,
    secrets: Option<Secrets>,
    accounts: &Arc<Accounts>,
    clock: &Clock,
) -> Result<(Arc<Flow>, Writer), ServeError> {
    let (store, writer) = Store::open(config.database(), &config.store(clock.clone()))?;
    let load = || Secrets::load_or_create(&config.secrets(), config.file_modes());
    let secrets = secrets.map_or_else(load, Ok)?;
    let flow =
        Flow::new(store, Sessions::new(&secrets), Arc::clone(accounts), config.approve_flow(), clock.clone());
    Ok((flow, writer))
}

/// The hosts that clients may address: any if names are set, else those that are certainly this
/// server's.
fn hosts(config: &Config, address: SocketAddr, certificate: Option<&Arc<Certificate>>) -> Arc<Hosts> {
    if !config.names.is_empty() {
        return Hosts::any();
    }
    Hosts::own(address.port(), certificate.cloned())
}

/// Starts the operators' listener.
fn start_admin(
    config: &Config,
    tokens: Arc<TokenFile>,
    flow: &Arc<Flow>,
    clients: &Clients,
    (hook, server): (&HookMetrics, ServerInfo),
) -> Result<admin::Running, ServeError> {
    let listen = &config.admin.admin_listen;
    let mut metrics = Metrics::default();
    metrics.add(|registry| {
        clients.health().register(registry);
        clients.endpoint().traffic().register(registry);
        flow.register(registry);
        flow.auth().accounts().fetcher().register(registry);
        hook.register(registry);
    });
    let shared = Admin {
        metrics,
        flow: Arc::clone(flow),
        channels: Arc::clone(clients.channels()),
        health: Arc::clone(clients.health()),
        server,
    };
    admin::start(listen, tokens, shared, config.connections.http_timeouts())
        .map_err(|source| ServeError::ListenForOperators { at: listen.clone(), source })
}

/// Logs where the server listens and with which certificate, and returns the same in short.
fn log_addresses(address: SocketAddr, certificate: Option<&Certificate>, admin: Option<&Listen>) -> String {
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

/// Everything that runs until the server stops.
struct Running {
    server: JoinHandle<io::Result<()>>,
    handle: ServerHandle,
    admin: Option<admin::Running>,
    sweep: JoinHandle<()>,
    health_watch: JoinHandle<()>,
    break_watch: JoinHandle<()>,
    memory: JoinHandle<()>,
    writer: Writer,
}

impl Running {
    fn start(
        (server, memory): (Server, JoinHandle<()>),
        admin: Option<admin::Running>,
        writer: Writer,
        flow: &Arc<Flow>,
        health: &Arc<Health>,
    ) -> Self {
        Self {
            handle: server.handle(),
            server: rt::spawn(server),
            admin,
            sweep: rt::spawn(Arc::clone(flow).sweep()),
            health_watch: rt::spawn(Arc::clone(health).watch(Arc::clone(flow))),
            break_watch: rt::spawn(Arc::clone(flow).watch_breaks()),
            memory,
            writer,
        }
    }

    /// The operators' listener, if there is one.
    fn admin_at(&self) -> Option<&Listen> {
        self.admin.as_ref().map(admin::Running::at)
    }

    /// Waits for the drained server to end, and stops the rest. The store's writer comes last, so
    /// that it stores everything submitted before.
    async fn stop(self) {
        // The server's task ends with its workers; a panic in it was logged.
        let _ = self.server.await;
        if let Some(admin) = self.admin {
            admin.stop().await;
        }
        self.memory.abort();
        self.health_watch.abort();
        self.break_watch.abort();
        self.sweep.abort();
        self.writer.stop();
    }
}
