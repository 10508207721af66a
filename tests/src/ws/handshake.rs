//! The opening handshake.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Socket;
use crate::http::{Headers, READ_TIMEOUT, Response, read_response};
use crate::query;

/// What a server appends to the key before hashing it (RFC 6455).
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The upgrade request of a WebSocket connection. It has everything that a correct client sends;
/// each part can be replaced or left out.
#[derive(Debug, Clone)]
pub struct Handshake {
    path: String,
    query: String,
    headers: Headers,
    omitted: Vec<String>,
    behind: Vec<u8>,
}

impl Handshake {
    /// A request to this path, without a query.
    pub fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            query: String::new(),
            headers: Headers::default(),
            omitted: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// Sets the query, as it appears in the request line.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// Adds a header, or replaces a default one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Offers sub-protocols, separated by commas.
    #[must_use]
    pub fn protocol(self, protocols: &str) -> Self {
        self.header("sec-websocket-protocol", protocols)
    }

    /// Leaves out a default header.
    #[must_use]
    pub fn omit(mut self, name: &str) -> Self {
        self.omitted.push(name.to_owned());
        self
    }

    /// Sends these bytes in the same TCP write, without waiting for the response.
    #[must_use]
    pub fn followed_by(mut self, bytes: Vec<u8>) -> Self {
        self.behind = bytes;
        self
    }

    /// Connects and waits for the server's response, whatever it is.
    pub fn open(&self, server: SocketAddr) -> io::Result<Opened> {
        self.open_over(TcpStream::connect(server)?)
    }

    /// Like [`Handshake::open`], on an open connection.
    pub fn open_over(&self, mut stream: TcpStream) -> io::Result<Opened> {
        let server = stream.peer_addr()?;
        // Otherwise two writes of a test may arrive late and as one.
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        let headers = self.all_headers(server);
        let target = query::target(&self.path, &self.query);
        let request = format!("GET {target} HTTP/1.1\r\n{headers}\r\n");
        stream.write_all(&[request.as_bytes(), &self.behind].concat())?;
        let mut buffer = Vec::new();
        let response = read_response(&mut stream, &mut buffer, false)?;
        let accept = accept(headers.get("sec-websocket-key").unwrap_or_default());
        let socket = (response.status == 101).then(|| Socket::new(stream, buffer));
        Ok(Opened {
            accept_is_right: response.header("sec-websocket-accept") == Some(&accept),
            response,
            socket,
        })
    }

    fn all_headers(&self, server: SocketAddr) -> Headers {
        let mut headers = self.headers.clone();
        headers.push_default("host", &server.to_string());
        headers.push_default("connection", "Upgrade");
        headers.push_default("upgrade", "websocket");
        headers.push_default("sec-websocket-version", "13");
        headers.push_default("sec-websocket-key", "dmVzdGlidWxlIHRlc3RzIQ==");
        for name in &self.omitted {
            headers.remove(name);
        }
        headers
    }
}

/// The server's answer to a handshake.
#[derive(Debug)]
pub struct Opened {
    /// The response; it has a body if the server refused.
    pub response: Response,
    /// The connection, if the server switched protocols.
    pub socket: Option<Socket>,
    /// Whether the response's accept header matches the key.
    pub accept_is_right: bool,
}

impl Opened {
    /// The socket of a handshake that must succeed.
    ///
    /// # Panics
    /// If the server refused or answered with a wrong accept header.
    pub fn accepted(self) -> Socket {
        let response = &self.response;
        assert!(self.accept_is_right || response.status != 101, "wrong accept header: {response:?}");
        match self.socket {
            Some(socket) => socket,
            None => panic!(
                "the handshake was refused: {} {} {:?}",
                response.status,
                response.headers,
                response.text()
            ),
        }
    }
}

/// The accept header for a key.
pub fn accept(key: &str) -> String {
    let digest = ring::digest::digest(
        &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}{ACCEPT_SUFFIX}").as_bytes(),
    );
    STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::{Handshake, accept};

    #[test]
    fn the_accept_header_matches_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn headers_can_be_replaced_and_omitted() {
        let server = ([127, 0, 0, 1], 80).into();
        let handshake = Handshake::new("/x").header("upgrade", "h2c").protocol("phoenix").omit("host");
        let headers = handshake.all_headers(server);
        assert_eq!(headers.get("upgrade"), Some("h2c"));
        assert_eq!(headers.get("sec-websocket-protocol"), Some("phoenix"));
        assert_eq!(headers.get("sec-websocket-version"), Some("13"));
        assert_eq!(headers.get("host"), None);
    }
}
