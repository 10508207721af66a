//! Requests as bytes.

use serde_json::{Value, json};
use vestibule_approve::signed::Alg;
use vestibule_tests::people::Person;

use crate::measured_server::MeasuredServer;

/// The head of a request with these header lines, each with its line end.
fn head(measured: &MeasuredServer, method: &str, target: &str, lines: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n{lines}\r\n", measured.address()).into_bytes()
}

/// The upgrade to a WebSocket.
pub(crate) fn upgrade(measured: &MeasuredServer, target: &str, lines: &str) -> Vec<u8> {
    let usual = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                 sec-websocket-key: dmVzdGlidWxlIHRlc3RzIQ==\r\n";
    head(measured, "GET", target, &format!("{usual}{lines}"))
}

/// A request without a body, lengthened by a header if it has a size.
pub(crate) fn plain(measured: &MeasuredServer, method: &str, target: &str, size: Option<usize>) -> Vec<u8> {
    head(measured, method, target, &padding(size))
}

/// A request with a JSON body.
fn with_body(measured: &MeasuredServer, target: &str, lines: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let described = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let mut bytes = head(measured, "POST", target, &format!("{described}{lines}"));
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// A request with the shortest possible body, lengthened by a header if it has a size.
pub(crate) fn posted(measured: &MeasuredServer, target: &str, body: &Value, size: Option<usize>) -> Vec<u8> {
    with_body(measured, target, &padding(size), body)
}

/// A request with a token.
pub(crate) fn authorized(measured: &MeasuredServer, target: &str, body: &Value) -> Vec<u8> {
    with_body(measured, target, &bearer(measured), body)
}

/// A request with a body about as large as the server accepts.
pub(crate) fn large_body(measured: &MeasuredServer, target: &str, lines: &str, mut body: Value) -> Vec<u8> {
    body["pad"] = "x".repeat(15 * 1024).into();
    with_body(measured, target, lines, &body)
}

/// A topic that the measured server's settings have a channel for.
pub(crate) const CONFIGURED: &str = "chat:1";

/// An operator's request to a path of the description, about the existing room, user and request.
pub(crate) fn administered(
    measured: &MeasuredServer,
    method: &str,
    path: &str,
    size: Option<usize>,
) -> Vec<u8> {
    // Only a room can be broadcast to as it is, and the others are for configured topics.
    let is_broadcast = path.ends_with("/broadcast");
    let topic = if is_broadcast { format!("room:{}", measured.room) } else { CONFIGURED.to_owned() };
    let names = [
        ("{rid}", measured.room.to_string()),
        ("{uid}", measured.user.to_string()),
        ("{request_id}", measured.request.to_string()),
        ("{topic}", topic),
        ("{account}", measured.user.to_string()),
    ];
    let target = names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    let body = match (method, path.rsplit('/').next()) {
        ("PUT", Some("creator")) => json!({ "uid": measured.user }).to_string(),
        ("POST", Some("broadcast")) => json!({ "event": "e", "payload": {} }).to_string(),
        ("POST", Some("publish")) => {
            json!({ "messages": [{ "topic": CONFIGURED, "event": "e", "payload": {} }] }).to_string()
        }
        _ => String::new(),
    };
    let (operator, padding) = (MeasuredServer::authorization(), padding(size));
    let lines =
        format!("{operator}content-type: application/json\r\ncontent-length: {}\r\n{padding}", body.len());
    let head = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n{lines}\r\n", measured.admin);
    [head.as_bytes(), body.as_bytes()].concat()
}

/// As many nested parameters as fit.
pub(crate) fn nested(size: Option<usize>) -> String {
    let count = size.unwrap_or(16) / 8;
    let name = (0..count).map(|number| format!("{}[b][b]", number % 10));
    name.collect::<Vec<_>>().join("&")
}

/// Brackets in a row: each is an object within an object.
pub(crate) fn deep(size: Option<usize>) -> String {
    let one = format!("a{}", "[b]".repeat(31));
    let count = (size.unwrap_or(one.len()) / one.len()).max(1);
    (0..count).map(|number| format!("{number}{one}")).collect::<Vec<_>>().join("&")
}

/// A valid answer to a challenge.
pub(crate) fn session(measured: &MeasuredServer) -> Value {
    let person = Person::new(Alg::Ed25519);
    let nonce = person.challenge(measured.address());
    person.session(&measured.address().to_string(), &nonce)
}

/// A header line with a valid token.
pub(crate) fn bearer(measured: &MeasuredServer) -> String {
    let token = Person::new(Alg::Ed25519).sign_in(measured.address());
    format!("authorization: Bearer {token}\r\n")
}

/// The id of an unknown user.
pub(crate) fn somebody() -> Value {
    json!(Person::new(Alg::Ed25519).uid())
}

/// A header line that lengthens a request to about this size, or none.
pub(crate) fn padding(size: Option<usize>) -> String {
    size.map(|size| format!("x-pad: {}\r\n", "x".repeat(size))).unwrap_or_default()
}
