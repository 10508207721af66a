//! A scripted server, right or wrong, for testing the runner.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use vestibule_tests::ws::{Frame, accept};

/// One thing the server does on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Reads frames that must come in one TCP segment and carry these payloads.
    Read(Vec<&'static str>),
    /// Sends a frame.
    Send(Frame),
    /// Closes the TCP connection; without this it stays open until the client closes it.
    Hangup,
}

/// Reads a frame with this payload.
pub(crate) fn read(payload: &'static str) -> Act {
    Act::Read(vec![payload])
}

/// Sends a text message.
pub(crate) fn text(text: &str) -> Act {
    Act::Send(Frame::text(text))
}

/// Sends a close frame.
pub(crate) fn close(code: u16) -> Act {
    Act::Send(Frame::close(Some(code), ""))
}

/// The usual response to a handshake.
pub(crate) fn upgrade(accept: &str) -> String {
    let accept = format!("sec-websocket-accept: {accept}");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n{accept}\r\n\r\n"
    )
}

/// Starts a server with a script for each WebSocket connection; `handshake` makes the response from
/// the accept header. Every POST is answered with "ok".
pub(crate) fn serve(handshake: fn(&str) -> String, scripts: Vec<Vec<Act>>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let mut scripts = scripts.into_iter();
        while let Ok((mut stream, _)) = listener.accept() {
            let head = read_head(&mut stream);
            if head.starts_with("POST ") {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").expect("a write");
                continue;
            }
            let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).expect("a key");
            stream.write_all(handshake(&accept(key)).as_bytes()).expect("a write");
            let script = scripts.next().unwrap_or_default();
            thread::spawn(move || perform(stream, script));
        }
    });
    address
}

/// Starts a server that answers one HTTP request after the other with these statuses, additional
/// headers and JSON bodies.
pub(crate) fn serve_http(answers: Vec<(u16, &'static str, &'static str)>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (status, headers, body) in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            read_head(&mut stream);
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).expect("a write");
        }
    });
    address
}

fn perform(mut stream: TcpStream, script: Vec<Act>) {
    for act in script {
        match act {
            Act::Read(payloads) => {
                let mut bytes = [0; 4096];
                let length = stream.read(&mut bytes).expect("a read");
                let got = parse_all(&bytes[..length]);
                if got != payloads {
                    // As a frame, so that the runner's report shows it; a panic here would look
                    // like a graceful end.
                    let complaint = Frame::text(&format!("not {payloads:?} in one segment: {got:?}"));
                    stream.write_all(&complaint.to_bytes(None)).expect("a write");
                }
            }
            Act::Send(frame) => stream.write_all(&frame.to_bytes(None)).expect("a write"),
            Act::Hangup => return,
        }
    }
    // Nothing else that comes matters, nor whether the client ends the connection gracefully.
    let _ = stream.read_to_end(&mut Vec::new());
}

fn parse_all(mut bytes: &[u8]) -> Vec<String> {
    let mut payloads = Vec::new();
    while let Some((frame, masked, length)) = Frame::parse(bytes).expect("a frame") {
        assert!(masked, "the client did not mask {frame:?}");
        payloads.push(String::from_utf8_lossy(&frame.payload).into_owned());
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "half a frame");
    payloads
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a read") == 1 {
        head.extend(byte);
    }
    String::from_utf8(head).expect("ASCII")
}
