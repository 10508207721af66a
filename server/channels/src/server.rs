//! A whole server for one endpoint, from its address to its end.

use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use actix_web::{App, dev::ServerHandle, middleware::from_fn, rt, web};
use tokio::signal::unix::{SignalKind, signal};

use crate::transport::{
    self, ConnectionCounter, ConnectionLimits, Connections, Endpoint, HttpTimeouts, Scheme, TcpConnections,
    edges, give_back_memory,
};

/// How long clients may take to go when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How many TCP connections without a WebSocket one address may have.
const TCP_LIMITS: ConnectionLimits = ConnectionLimits { per_address: 2048, per_user: usize::MAX };

/// The path that phoenix.js connects to by custom.
const PATH: &str = "/socket";

/// How many calls that block may run at once on one thread, for [`actix_web::web::block`].
const BLOCKING_THREADS: u32 = 8;

/// Serves an endpoint until SIGTERM or SIGINT, then drains it: a [`Server`] with the default
/// settings.
///
/// ```no_run
/// # use vestibule_channels::{AcceptAll, Endpoint};
/// # #[actix_web::main]
/// # async fn main() -> std::io::Result<()> {
/// let endpoint = Endpoint::builder(AcceptAll).build();
/// vestibule_channels::serve(endpoint, "127.0.0.1:4000").await
/// # }
/// ```
pub async fn serve<S: Send + Sync + 'static>(
    endpoint: Arc<Endpoint<S>>,
    address: impl ToSocketAddrs,
) -> io::Result<()> {
    Server::new(endpoint).bind(address)?.run().await
}

/// A server for one endpoint: WebSocket and long poll, and HTTP routes of the application's own.
///
/// It ends on SIGTERM and SIGINT. Then it accepts no more connections, closes the open ones in
/// batches with close code 1012, upon which phoenix.js reconnects, and returns once they are gone.
/// That takes some two seconds for many clients, and no longer than [`Server::drain_timeout`].
///
/// ```no_run
/// # use std::time::Duration;
/// # use actix_web::{HttpResponse, web};
/// # use vestibule_channels::{AcceptAll, Endpoint, Server};
/// # #[actix_web::main]
/// # async fn main() -> std::io::Result<()> {
/// # let endpoint = Endpoint::builder(AcceptAll).build();
/// Server::new(endpoint)
///     .path("/live")
///     .routes(|config| {
///         config.route("/health", web::get().to(HttpResponse::Ok));
///     })
///     .drain_timeout(Duration::from_secs(5))
///     .bind("0.0.0.0:4000")?
///     .run()
///     .await
/// # }
/// ```
pub struct Server<S: 'static> {
    endpoint: Arc<Endpoint<S>>,
    path: String,
    routes: Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>,
    scheme: Scheme,
    drain_timeout: Duration,
    gives_back_memory: bool,
}

/// A [`Server`] that has its port and is ready to run.
pub struct BoundServer<S: 'static> {
    server: Server<S>,
    listener: TcpListener,
    address: SocketAddr,
}

impl<S: Send + Sync + 'static> Server<S> {
    /// A server with the default settings.
    pub fn new(endpoint: Arc<Endpoint<S>>) -> Self {
        let routes = Arc::new(|_: &mut web::ServiceConfig| {});
        Self {
            endpoint,
            path: PATH.to_owned(),
            routes,
            scheme: Scheme::Http,
            drain_timeout: DRAIN_TIMEOUT,
            gives_back_memory: true,
        }
    }

    /// Where to mount the endpoint: the URL that phoenix.js's `Socket` gets. `/socket` by default.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.trim_end_matches('/').clone_into(&mut self.path);
        self
    }

    /// Adds HTTP routes of the application.
    #[must_use]
    pub fn routes(mut self, routes: impl Fn(&mut web::ServiceConfig) + Send + Sync + 'static) -> Self {
        self.routes = Arc::new(routes);
        self
    }

    /// Serves over TLS. With the crate's feature `tls`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: rustls::ServerConfig) -> Self {
        self.scheme = Scheme::Https(Box::new(config));
        self
    }

    /// How long clients may take to go when the server stops: 10 s by default.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Whether to give free memory back to the system after many connections have gone: the whole
    /// process's, by [`give_back_memory`]. True by default; a process
    /// that does more than serve may want to decide that itself.
    #[must_use]
    pub fn gives_back_memory(mut self, gives_back: bool) -> Self {
        self.gives_back_memory = gives_back;
        self
    }

    /// Takes the address. Port 0 picks a free one, which [`BoundServer::address`] tells.
    pub fn bind(self, address: impl ToSocketAddrs) -> io::Result<BoundServer<S>> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok(BoundServer { server: self, listener, address })
    }
}

impl<S: Send + Sync + 'static> BoundServer<S> {
    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until SIGTERM or SIGINT, then drains.
    pub async fn run(self) -> io::Result<()> {
        let stop = stop_signal()?;
        self.run_until(stop).await
    }

    /// Serves until `stop` is done, then drains. Signals are left to the caller.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { server, listener, .. } = self;
        let Server { endpoint, path, routes, scheme, drain_timeout, gives_back_memory } = server;
        let timeouts = HttpTimeouts::default();
        let (policy, traffic) = (Arc::clone(endpoint.connect_policy()), Arc::clone(endpoint.traffic()));
        let tcp_connections =
            TcpConnections::new(ConnectionCounter::new(TCP_LIMITS), policy, traffic, timeouts);
        let connections = Arc::clone(endpoint.connections());
        let memory = gives_back_memory
            .then(|| rt::spawn(give_back_memory(Arc::clone(&endpoint), Arc::clone(&tcp_connections))));
        let application = move || {
            let (endpoint, path, routes) = (Arc::clone(&endpoint), path.clone(), Arc::clone(&routes));
            App::new()
                .wrap(from_fn(move |request, next| edges(timeouts.request, request, next)))
                .configure(move |config| endpoint.mount(config, &path))
                .configure(move |config| routes(config))
        };
        let http =
            transport::serve(listener, scheme, timeouts, tcp_connections, BLOCKING_THREADS, application)?;
        let handle = http.handle();
        let http = rt::spawn(http);
        stop.await;
        drain(&connections, &handle, drain_timeout).await;
        if let Some(memory) = memory {
            memory.abort();
        }
        http.await.map_err(io::Error::other)?
    }
}

/// Accepts no more connections, closes those of clients with 1012, in batches, and stops the HTTP
/// server behind `handle` once it has answered the requests that it has begun. Returns how many
/// connections are left after `timeout`.
pub async fn drain(connections: &Connections, handle: &ServerHandle, timeout: Duration) -> usize {
    // The server knows nothing of WebSockets, which have left it, and would end their threads.
    handle.pause().await;
    let left = connections.drain(timeout).await;
    handle.stop(true).await;
    left
}

/// Done at the first SIGTERM or SIGINT. From the call on, these signals no longer end the process.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
