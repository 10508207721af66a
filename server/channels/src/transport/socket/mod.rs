//! Options of every TCP connection.

#[cfg(test)]
mod tests;

use std::{any::Any, time::Duration};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// How long a client may leave data unacknowledged, or its receive window closed
/// (`TCP_USER_TIMEOUT`).
const STALL: Duration = Duration::from_secs(30);

/// Sets the options of a connection's socket. Pass this to
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect) for a server that is not made by
/// [`serve`](super::serve), which does it by itself.
///
/// It turns Nagle's algorithm off, since a reply must not wait until the frame before it is
/// acknowledged. It lets the kernel give up on a client that takes nothing for half a minute: the
/// HTTP dispatcher would wait for ever, even after the outbox has ended.
pub fn prepare_socket(connection: &dyn Any, _: &mut Extensions) {
    let over_tls = || connection.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
    if let Some(stream) = connection.downcast_ref::<TcpStream>().or_else(over_tls) {
        prepare(stream);
    }
}

pub(super) fn prepare(socket: &TcpStream) {
    let prepared =
        socket.set_nodelay(true).and_then(|()| SockRef::from(socket).set_tcp_user_timeout(Some(STALL)));
    if let Err(error) = prepared {
        tracing::debug!(%error, "cannot prepare a socket");
    }
}
