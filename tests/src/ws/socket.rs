//! An open WebSocket connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::frame::{Close, Frame, MASK, opcode};

/// How long the convenience methods wait for the server.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What was received within the given time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A data frame, a ping or a pong.
    Frame(Frame),
    /// A close frame.
    Close(Close),
    /// The server closed the TCP connection.
    Eof,
    /// The server reset the TCP connection: it closed while bytes of the client were unread or in
    /// flight.
    Reset,
    /// Nothing within the given time.
    Nothing,
}

/// The client's end of a WebSocket connection. It does nothing unasked: it answers neither pings
/// nor closes.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    received: usize,
    sent: usize,
}

impl Socket {
    /// The connection on an upgraded stream; `buffer` holds bytes received after the response.
    pub(super) fn new(stream: TcpStream, buffer: Vec<u8>) -> Self {
        Self { received: buffer.len(), sent: 0, stream, buffer }
    }

    /// The sending half, for a thread that writes while another one receives.
    pub fn writer(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// The number of bytes received after the handshake, whether read as frames or not.
    pub fn received(&self) -> usize {
        self.received
    }

    /// The number of bytes sent after the handshake.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// Sends a masked frame.
    pub fn send(&mut self, frame: &Frame) -> io::Result<()> {
        self.send_raw(&frame.to_bytes(Some(MASK)))
    }

    /// Sends masked frames in one TCP write.
    pub fn send_together(&mut self, frames: &[Frame]) -> io::Result<()> {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.to_bytes(Some(MASK))).collect();
        self.send_raw(&bytes)
    }

    /// Sends raw bytes in one TCP write.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent += bytes.len();
        self.stream.write_all(bytes)
    }

    /// Sends a text message.
    pub fn send_text(&mut self, text: &str) -> io::Result<()> {
        self.send(&Frame::text(text))
    }

    /// Sends JSON as a text message.
    ///
    /// # Panics
    /// If the connection is gone.
    pub fn send_json(&mut self, message: &serde_json::Value) {
        self.send_text(&message.to_string())
            .unwrap_or_else(|error| panic!("could not send {message}: {error}"));
    }

    /// Waits for the next frame or the connection's end, at most for this time. An error is a
    /// broken connection or a server that breaks the framing.
    pub fn receive(&mut self, within: Duration) -> io::Result<Received> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(match frame.opcode {
                    opcode::CLOSE => Received::Close(Close::parse(&frame.payload)?),
                    _ => Received::Frame(frame),
                });
            }
            // A zero read timeout would be an error, and bytes that have arrived must be seen even
            // without waiting.
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left))?;
            let mut chunk = [0; 16_384];
            match self.stream.read(&mut chunk) {
                Ok(0) if self.buffer.is_empty() => return Ok(Received::Eof),
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the connection ended within a frame",
                    ));
                }
                Ok(length) => {
                    self.received += length;
                    self.buffer.extend_from_slice(&chunk[..length]);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if Instant::now() >= deadline => {
                        return Ok(Received::Nothing);
                    }
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionReset => return Ok(Received::Reset),
                    _ => return Err(error),
                },
            }
        }
    }

    /// The next frame, which must be a text message of JSON.
    ///
    /// # Panics
    /// If anything else arrives, or nothing within [`PATIENCE`].
    pub fn expect_json(&mut self) -> serde_json::Value {
        match self.receive(PATIENCE) {
            Ok(Received::Frame(frame)) if frame.opcode == opcode::TEXT => {
                serde_json::from_slice(&frame.payload).unwrap_or_else(|error| {
                    panic!("no JSON ({error}): {:?}", String::from_utf8_lossy(&frame.payload))
                })
            }
            other => panic!("expected a text frame, got {other:?}"),
        }
    }

    /// Waits for the server's close frame and answers it.
    ///
    /// # Panics
    /// If anything else arrives, or nothing within [`PATIENCE`].
    pub fn expect_close(&mut self) -> Close {
        match self.receive(PATIENCE) {
            Ok(Received::Close(close)) => {
                self.answer_close(&close);
                close
            }
            other => panic!("expected a close frame, got {other:?}"),
        }
    }

    /// Answers a close frame with its own code, as browsers do.
    pub fn answer_close(&mut self, close: &Close) {
        // The server need not wait for the answer, so it may be gone already.
        let _ = self.send(&Frame::close(close.code, ""));
    }

    fn take_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some((frame, masked, length)) = Frame::parse(&self.buffer)? else { return Ok(None) };
        if masked {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the server masked a frame: {frame:?}"),
            ));
        }
        self.buffer.drain(..length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::{Close, Frame, PATIENCE, Received, Socket};

    const SHORT: Duration = Duration::from_millis(20);

    fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        (Socket::new(client, Vec::new()), listener.accept().expect("a connection").0)
    }

    #[test]
    fn frames_closes_and_silence_are_told_apart() {
        let (mut socket, mut server) = pair();
        assert_eq!(socket.receive(SHORT).expect("no error"), Received::Nothing);
        let bytes =
            [Frame::text("[1]").to_bytes(None), Frame::close(Some(1001), "away").to_bytes(None)].concat();
        let (head, tail) = bytes.split_at(3);
        server.write_all(head).expect("a write");
        assert_eq!(socket.receive(SHORT).expect("no error"), Received::Nothing);
        server.write_all(tail).expect("a write");
        assert_eq!(socket.expect_json(), serde_json::json!([1]));
        assert_eq!(socket.expect_close(), Close { code: Some(1001), reason: "away".to_owned() });
        drop(server);
        assert_ne!(socket.receive(PATIENCE).expect("no error"), Received::Nothing);
    }

    #[test]
    fn several_frames_go_out_together() {
        let (mut socket, mut server) = pair();
        socket.send_together(&[Frame::text("a"), Frame::binary("b")]).expect("a write");
        drop(socket);
        let mut bytes = Vec::new();
        server.read_to_end(&mut bytes).expect("bytes");
        let (first, masked, length) = Frame::parse(&bytes).expect("no error").expect("a frame");
        assert_eq!((first, masked), (Frame::text("a"), true));
        assert_eq!(Frame::parse(&bytes[length..]).expect("no error").expect("a frame").0, Frame::binary("b"));
    }

    #[test]
    fn broken_framing_is_an_error() {
        let (mut socket, mut server) = pair();
        server.write_all(&Frame::text("x").to_bytes(Some([1, 2, 3, 4]))).expect("a write");
        assert!(socket.receive(PATIENCE).is_err());
        let (mut socket, mut server) = pair();
        server.write_all(&Frame::text("cut").to_bytes(None)[..3]).expect("a write");
        drop(server);
        assert!(socket.receive(PATIENCE).is_err());
    }

    #[test]
    fn the_end_of_the_connection_is_reported() {
        let (mut socket, server) = pair();
        drop(server);
        assert_eq!(socket.receive(PATIENCE).expect("no error"), Received::Eof);
        let (mut socket, server) = pair();
        socket.send_text("never read").expect("a write");
        // The data must be in the server's buffer when it closes, so that the close is a reset.
        server.peek(&mut [0]).expect("data");
        drop(server);
        assert_eq!(socket.receive(PATIENCE).expect("no error"), Received::Reset);
    }
}
