//! A client's TCP connection that counts its bytes.

use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use vestibule_tests::http::{Response, read_response};
use vestibule_tests::ws::Frame;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection. The server's bytes are read only on request.
pub(crate) struct CountingConnection {
    stream: Counted,
    buffer: Vec<u8>,
}

struct Counted {
    stream: TcpStream,
    received: usize,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(into)?;
        self.received += length;
        Ok(length)
    }
}

impl CountingConnection {
    pub(crate) fn open(server: SocketAddr) -> Self {
        Self::over(TcpStream::connect(server).expect("a connection"))
    }

    /// Connects with a small receive buffer, so that the system accepts little that is not read.
    pub(crate) fn open_with_small_buffer(server: SocketAddr) -> Self {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a socket of ours");
        socket.connect(&server.into()).expect("a connection");
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an open connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("an open connection");
        Self { stream: Counted { stream, received: 0 }, buffer: Vec::new() }
    }

    /// Sends bytes. A server that has refused the request early may be gone before it has all of
    /// them.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.stream.write_all(bytes);
    }

    /// The answer to a request; nothing if the connection has ended.
    pub(crate) fn response(&mut self) -> Option<Response> {
        read_response(&mut self.stream, &mut self.buffer, false).ok()
    }

    /// The next frame; nothing if the connection has ended.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, _, length)) = Frame::parse(&self.buffer).expect("a frame") {
                self.buffer.drain(..length);
                return Some(frame);
            }
            let mut chunk = [0; 16_384];
            match self.stream.read(&mut chunk) {
                Ok(length) if length > 0 => self.buffer.extend_from_slice(&chunk[..length]),
                _ => return None,
            }
        }
    }

    /// The number of bytes received.
    pub(crate) fn received(&self) -> usize {
        self.stream.received
    }
}
