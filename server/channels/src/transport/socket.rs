//! Options of every TCP connection.

use std::{any::Any, net::TcpListener, os::fd::AsFd, time::Duration};

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

/// Sets the same options on a listener. Linux passes them on to each connection, which then needs
/// no call of the system for them.
pub(super) fn prepare_listener(listener: &TcpListener) {
    prepare(listener);
}

fn prepare(socket: &impl AsFd) {
    let socket = SockRef::from(socket);
    let prepared = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(STALL)));
    if let Err(error) = prepared {
        tracing::debug!(%error, "cannot prepare a socket");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(socket: &impl AsFd) -> (bool, Option<Duration>) {
        let socket = SockRef::from(socket);
        (socket.tcp_nodelay().unwrap(), socket.tcp_user_timeout().unwrap())
    }

    #[actix_web::test]
    async fn replies_do_not_wait_and_a_stalled_client_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert_ne!(options(&socket), (true, Some(STALL)));
        prepare_socket(&socket, &mut Extensions::new());
        assert_eq!(options(&socket), (true, Some(STALL)));
    }

    #[test]
    fn connections_have_the_options_of_their_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        prepare_listener(&listener);
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(options(&listener.accept().unwrap().0), (true, Some(STALL)));
    }
}
