//! A client's TCP connection, read until its deadlines.

use std::{
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::rt::net::{ActixStream, Ready, TcpStream};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep_until},
};

use super::{
    conn::{Conn, Reading},
    counted::Counted,
    timeouts::HttpTimeouts,
};

/// How long after a deadline the connection stays open, so that the request's handler or the HTTP
/// library can tell the client.
const GRACE: Duration = Duration::from_secs(2);

/// A connection that ends when it is told to, or when a request does not arrive in time.
pub(super) struct Stream {
    socket: TcpStream,
    conn: Open,
    timeouts: HttpTimeouts,
    /// Set only while something must arrive.
    timer: Option<Pin<Box<Sleep>>>,
    peer: SocketAddr,
    counted: Counted,
}

/// A connection that is open until this is dropped.
struct Open(Arc<Conn>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed();
    }
}

impl Stream {
    pub(super) fn new(
        socket: TcpStream,
        peer: SocketAddr,
        conn: Arc<Conn>,
        timeouts: HttpTimeouts,
        counted: Counted,
    ) -> Self {
        let HttpTimeouts { keep_alive, request } = timeouts;
        let timeouts = HttpTimeouts { keep_alive: keep_alive + GRACE, request: request + GRACE };
        Self { socket, conn: Open(conn), timeouts, timer: None, peer, counted }
    }

    pub(super) fn conn(&self) -> &Arc<Conn> {
        &self.conn.0
    }

    /// The socket itself, for whoever carries on without deadlines, and its place among the
    /// descriptors.
    pub(super) fn into_socket(self) -> (TcpStream, Counted) {
        (self.socket, self.counted)
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Ends a write that waits, if the connection must end.
    fn write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            self.check(cx)?;
        }
        written
    }

    /// Fails if the connection must end.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.conn().before_read(cx, self.timeouts) {
            Reading::Stop => return Err(io::ErrorKind::ConnectionAborted.into()),
            Reading::Freely => self.timer = None,
            Reading::Until(deadline) => {
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                if timer.as_mut().poll(cx).is_ready() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }
}

impl Stream {
    /// Asks the system whether the client has closed its end. The runtime knows only once it has
    /// been notified, which may be after what is about to be sent.
    fn look(&self) -> Poll<io::Result<()>> {
        match SockRef::from(&self.socket).peek(&mut [MaybeUninit::uninit()]) {
            Ok(0) => Poll::Ready(Ok(())),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Poll::Ready(Err(error)),
            Ok(_) | Err(_) => Poll::Pending,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buffer.filled().len();
        let mut read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if read.is_pending() && self.conn().is_asked() {
            read = self.look();
        }
        match read {
            Poll::Ready(Ok(())) => self.conn().after_read(buffer.filled().len() - before),
            // Data that was read before is still handled.
            Poll::Ready(Err(_)) => self.conn().after_read(0),
            Poll::Pending => {}
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.write(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.conn().after_flush();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bytes);
        self.write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl ActixStream for Stream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.socket, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.socket, cx)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{future::poll_fn, net};

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// A connection whose client sends and reads nothing.
    pub(in crate::transport::tcp) async fn stream() -> (Stream, net::TcpStream) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        let (client, _) = listener.accept().unwrap();
        let counted = Counted::new(&Arc::default());
        (Stream::new(socket, address, Conn::new(), HttpTimeouts::default(), counted), client)
    }

    #[actix_web::test]
    async fn a_connection_that_must_end_does_not_wait_to_write() {
        let (mut stream, _client) = stream().await;
        let conn = Arc::clone(stream.conn());
        conn.begin();
        conn.complete();
        conn.answered();
        let bytes = vec![0; 1024 * 1024];
        let end = async {
            tokio::task::yield_now().await;
            assert!(conn.end(conn.doing().unwrap()));
        };
        let write = async { while stream.write_all(&bytes).await.is_ok() {} };
        let written = futures_util::future::join(write, end);
        assert!(tokio::time::timeout(Duration::from_secs(5), written).await.is_ok());
        let cx = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_write(cx, &bytes))).await;
        assert!(matches!(cx, Poll::Ready(Err(_))));
    }
}
