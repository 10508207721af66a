//! What is set on every TCP connection, whoever serves it.

#[cfg(test)]
mod tests;

use std::{any::Any, time::Duration};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// How long a client may leave what was sent unacknowledged, or its receive window shut
/// (`TCP_USER_TIMEOUT`).
const STALL: Duration = Duration::from_secs(30);

/// Prepares a connection's socket; to be given to
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect).
///
/// Turns Nagle's algorithm off, since a reply must not wait for the acknowledgement of the frame
/// before it; and lets the kernel give up on a client that takes nothing for half a minute. The
/// HTTP dispatcher waits for such a client for ever, even after its outbox has ended.
pub fn prepare_socket(connection: &dyn Any, _: &mut Extensions) {
    let over_tls = || connection.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
    if let Some(stream) = connection.downcast_ref::<TcpStream>().or_else(over_tls) {
        prepare(stream);
    }
}

/// As [`prepare_socket`].
pub(super) fn prepare(socket: &TcpStream) {
    let prepared =
        socket.set_nodelay(true).and_then(|()| SockRef::from(socket).set_tcp_user_timeout(Some(STALL)));
    if let Err(error) = prepared {
        tracing::debug!(%error, "cannot prepare a socket");
    }
}
