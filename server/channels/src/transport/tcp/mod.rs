//! TCP connections of clients, before there is a WebSocket and between requests: how many there may
//! be, how long a request may take, and which connection is ended first when the system allows no
//! more.
//!
//! actix-web's own server knows nothing of a connection but its socket. So this module builds the
//! HTTP service from the same parts, around a [`Stream`] that knows what its connection is doing.

mod arriving;
mod conn;
mod connections;
mod counted;
mod first_request;
mod replay;
mod stream;
mod timeouts;
mod upgrade;

use std::{fmt, future::ready, io, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_http::{HttpService, Request, Response, error::DispatchError};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, fn_factory,
};
#[cfg(feature = "tls")]
use actix_tls::accept::{
    TlsError, max_concurrent_tls_connect,
    rustls_0_23::{Acceptor, TlsStream},
};
use actix_web::{
    body::MessageBody,
    dev::{AppConfig, Server, fn_service},
    rt::net::TcpStream,
};
use futures_util::future::Either;
#[cfg(feature = "tls")]
use rustls::ServerConfig;

pub(super) use self::{
    arriving::Arriving,
    conn::Conn,
    counted::Counted,
    upgrade::{Bare, Takeover, read_to_end},
};
pub use self::{connections::TcpConnections, timeouts::HttpTimeouts};
use self::{first_request::FirstRequest, replay::Replay, stream::Stream, upgrade::GiveAway as _};
use super::socket::prepare_listener;

/// How long to read from a connection that has ended, so that the client sees the last answer.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// How clients' bytes travel.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// In the clear: for a server behind a proxy.
    Http,
    /// Over TLS. With the crate's feature `tls`.
    #[cfg(feature = "tls")]
    Https(Box<ServerConfig>),
}

/// The HTTP service of one thread, around its application. With and without TLS only the type of
/// the connection differs; the bounds of a generic function would be longer than this macro.
macro_rules! http_service {
    ($io:ty, $stopping:ident, $connections:ident, $timeouts:ident, $factory:ident) => {{
        let (stopping, connections, factory) =
            ($stopping.clone(), Arc::clone(&$connections), $factory.clone());
        fn_factory(move || {
            let (stopping, connections) = (stopping.clone(), Arc::clone(&connections));
            let application = factory().into_factory().map_err(|error| error.into().error_response());
            let application = application.new_service(AppConfig::default());
            async move {
                let failed = |error: S::InitError| tracing::error!(?error, "the application cannot start");
                let application = Rc::new(application.await.map_err(failed)?);
                let (at_first, later) = (Rc::clone(&application), Rc::clone(&application));
                let stop = stopping.clone();
                let http = HttpService::build()
                    .graceful_shutdown_signal(move || {
                        let stopping = stopping.clone();
                        async move { stopping.notified().await }
                    })
                    .keep_alive($timeouts.keep_alive)
                    .client_request_timeout($timeouts.request)
                    .client_disconnect_timeout(GOODBYE)
                    .upgrade(fn_service(move |(request, framed)| {
                        upgrade::answer_later(Rc::clone(&later), request, framed)
                    }))
                    .on_connect_ext(|io: &Replay<$io>, data| {
                        data.insert(Arc::clone(io.connection().stream().conn()));
                    })
                    .h1(fn_factory(move || ready(Ok::<_, ()>(Rc::clone(&application)))));
                let http = http.new_service(()).await?;
                let watched = Arc::clone(&connections);
                actix_web::rt::spawn(async move {
                    stop.notified().await;
                    watched.stop();
                });
                Ok::<_, ()>(FirstRequest::<_, _, B>::new(at_first, http, $timeouts, connections))
            }
        })
    }};
}

/// Serves the applications that `factory` makes, one for each thread. Each thread may have
/// `blocking` more threads for blocking calls; by default they have 512 together. Signals are left
/// to the caller, who stops the server by its handle.
#[cfg_attr(
    not(feature = "tls"),
    expect(clippy::needless_pass_by_value, reason = "the configuration of TLS is taken")
)]
pub fn serve<F, I, S, B>(
    listener: TcpListener,
    scheme: Scheme,
    timeouts: HttpTimeouts,
    connections: Arc<TcpConnections>,
    blocking: u32,
    factory: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    prepare_listener(&listener);
    // `connections` has the limits. The library has its own for each thread, at which everybody
    // waits: for the handshakes of 256 silent connections, and for ever at 25,600 connections.
    let builder = Server::build()
        .disable_signals()
        .max_concurrent_connections(usize::MAX)
        .worker_max_blocking_threads(blocking as usize);
    #[cfg(feature = "tls")]
    max_concurrent_tls_connect(usize::MAX);
    let stopping = builder.graceful_shutdown_signal();
    let server = match scheme {
        Scheme::Http => builder.listen("clients", listener, move || {
            // One service: `and_then` would keep a future for each step.
            let admitting = Arc::clone(&connections);
            let http = http_service!(Stream, stopping, connections, timeouts, factory);
            apply_fn_factory(http, move |socket: TcpStream, http| match admitting.admit(socket) {
                Ok(stream) => Either::Left(http.call(stream)),
                Err(error) => Either::Right(ready(Err(DispatchError::Io(error)))),
            })
        })?,
        #[cfg(feature = "tls")]
        Scheme::Https(mut tls) => {
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            let admitting = Arc::clone(&connections);
            let admit = move |socket: TcpStream| ready(admitting.admit(socket).map_err(DispatchError::Io));
            builder.listen("clients", listener, move || {
                let acceptor = Acceptor::new(ServerConfig::clone(&tls)).map_init_err(|()| ());
                let acceptor = acceptor.map_err(|error| DispatchError::Io(handshake(error)));
                let http = http_service!(TlsStream<Stream>, stopping, connections, timeouts, factory);
                fn_service(admit.clone()).and_then(acceptor).and_then(http)
            })?
        }
    };
    Ok(server.run())
}

#[cfg(feature = "tls")]
fn handshake(error: TlsError<io::Error, std::convert::Infallible>) -> io::Error {
    match error {
        TlsError::Timeout => io::ErrorKind::TimedOut.into(),
        TlsError::Tls(error) => error,
        TlsError::Service(never) => match never {},
    }
}
