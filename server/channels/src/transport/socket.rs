//! Options of every TCP connection.

use std::{any::Any, time::Duration};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// How long a client may leave data unacknowledged, or its receive window closed
/// (`TCP_USER_TIMEOUT`).
const STALL: Duration = Duration::from_secs(30);

/// Sets the options of a connection's socket. Pass this to
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect) for a server that is not made by
/// [`serve`](super::serve), which does it by itself, and without TLS.
///
/// It turns Nagle's algorithm off, since a reply must not wait until the frame before it is
/// acknowledged. It lets the kernel give up on a client that takes nothing for half a minute: the
/// HTTP dispatcher would wait for ever, even after the outbox has ended.
pub fn prepare_socket(connection: &dyn Any, _: &mut Extensions) {
    if let Some(socket) = connection.downcast_ref::<TcpStream>() {
        prepare(socket);
    }
}

pub(super) fn prepare(socket: &TcpStream) {
    let prepared =
        socket.set_nodelay(true).and_then(|()| SockRef::from(socket).set_tcp_user_timeout(Some(STALL)));
    if let Err(error) = prepared {
        tracing::debug!(%error, "cannot prepare a socket");
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[actix_web::test]
    async fn replies_do_not_wait_and_a_stalled_client_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(!socket.nodelay().unwrap());
        prepare_socket(&socket, &mut Extensions::new());
        let stall = SockRef::from(&socket).tcp_user_timeout().unwrap();
        assert_eq!((socket.nodelay().unwrap(), stall), (true, Some(STALL)));
    }
}
