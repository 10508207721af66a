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
    conn: Arc<Conn>,
    timeouts: HttpTimeouts,
    /// Set only while something must arrive.
    timer: Option<Pin<Box<Sleep>>>,
    _counted: Counted,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, conn: Arc<Conn>, timeouts: HttpTimeouts, counted: Counted) -> Self {
        let HttpTimeouts { keep_alive, request } = timeouts;
        let timeouts = HttpTimeouts { keep_alive: keep_alive + GRACE, request: request + GRACE };
        Self { socket, conn, timeouts, timer: None, _counted: counted }
    }

    pub(super) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()
    }

    /// Fails if the connection must end.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.conn.before_read(cx, self.timeouts) {
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

impl Drop for Stream {
    fn drop(&mut self) {
        self.conn.closed();
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
        if read.is_pending() && self.conn.is_asked() {
            read = self.look();
        }
        match read {
            Poll::Ready(Ok(())) => self.conn.after_read(buffer.filled().len() - before),
            // Data that was read before is still handled.
            Poll::Ready(Err(_)) => self.conn.after_read(0),
            Poll::Pending => {}
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.conn.after_flush();
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
        Pin::new(&mut self.socket).poll_write_vectored(cx, bytes)
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
