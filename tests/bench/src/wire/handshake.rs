//! The opening handshake of a WebSocket connection (RFC 6455).

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What a server appends to the key before it hashes it.
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The end of a request's or response's head.
const END: &[u8] = b"\r\n\r\n";

/// A client's request to upgrade to Phoenix's V2 messages.
pub fn request(server: SocketAddr) -> Vec<u8> {
    format!(
        "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dmVzdGlidWxlIGJlbmNoIQ==\r\n\r\n"
    )
    .into_bytes()
}

/// The server's response to a request; nothing if that has no key.
pub fn response(request: &[u8]) -> Option<Vec<u8>> {
    let key = request.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        name.eq_ignore_ascii_case(b"sec-websocket-key").then(|| value[1..].trim_ascii())
    })?;
    let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, SUFFIX].concat()));
    let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    Some(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes())
}

/// The length of the head at the beginning of `bytes`; nothing until it is complete.
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(END.len()).position(|window| window == END).map(|place| place + END.len())
}

/// Whether a response's head switches protocols.
pub fn is_accepted(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.1 101 ")
}

#[cfg(test)]
mod tests {
    use super::{head_length, is_accepted, request, response};

    #[test]
    fn the_example_of_the_standard_is_answered() {
        let request = b"GET / HTTP/1.1\r\nsec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let response = String::from_utf8(response(request).expect("a key")).expect("ASCII");
        assert!(response.contains("Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{response}");
        assert!(is_accepted(response.as_bytes()));
    }

    #[test]
    fn a_head_ends_at_an_empty_line() {
        let request = request(([127, 0, 0, 1], 1).into());
        assert_eq!(head_length(&request), Some(request.len()));
        assert_eq!(head_length(&request[..request.len() - 1]), None);
        assert_eq!(response(b"GET / HTTP/1.1\r\n\r\n"), None);
    }
}
