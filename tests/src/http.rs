//! A small blocking HTTP/1.1 client: one request per connection; the body is read as the server
//! framed it.

mod response;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub use response::{Headers, Response, read_response};

/// How long a server may take over one read before a request counts as hung.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A request, sent with `connection: close`.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Headers,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request without a body; `target` is the path with its query.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Headers::default(), body: None }
    }

    /// A GET request.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST request.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body, which is sent with a content length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a JSON body and its content type.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sends the request on a new connection and reads the whole response.
    pub fn send(&self, server: SocketAddr) -> io::Result<Response> {
        self.send_over(TcpStream::connect(server)?)
    }

    /// Sends the request on an open connection and reads the whole response.
    pub fn send_over(&self, mut stream: TcpStream) -> io::Result<Response> {
        let server = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.write_all(&self.to_bytes(server))?;
        read_response(&mut stream, &mut Vec::new(), self.method == "HEAD")
    }

    fn to_bytes(&self, server: SocketAddr) -> Vec<u8> {
        let mut headers = self.headers.clone();
        headers.push_default("host", &server.to_string());
        headers.push_default("connection", "close");
        // Without a length a server must guess how long a POST is; other methods need one only with
        // a body.
        if self.body.is_some() || self.method == "POST" {
            headers.push_default("content-length", &self.body.as_ref().map_or(0, Vec::len).to_string());
        }
        let mut bytes = format!("{} {} HTTP/1.1\r\n{headers}\r\n", self.method, self.target).into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn a_request_announces_its_body() {
        let server = ([127, 0, 0, 1], 80).into();
        let bytes = Request::post("/x?y=z").header("a", "b").body("hello").to_bytes(server);
        assert_eq!(
            String::from_utf8(bytes).expect("ASCII"),
            "POST /x?y=z HTTP/1.1\r\na: b\r\nhost: 127.0.0.1:80\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
        );
    }
}
