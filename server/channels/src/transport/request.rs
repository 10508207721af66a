//! What both transports read from a request.

use actix_web::{
    HttpRequest,
    dev::RequestHead,
    http::{
        Version,
        header::{CONTENT_LENGTH, HOST, HeaderValue, ORIGIN, TRANSFER_ENCODING, UPGRADE},
        uri::Authority,
    },
};

use super::Origins;

pub(super) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The host that the client addressed, with its port. A target in absolute form names it, whatever
/// `Host` says (RFC 9112, section 3.2.2). Both are absent only in HTTP/1.0; the HTTP library
/// refuses several.
pub fn host(head: &RequestHead) -> &str {
    let header = || head.headers().get(HOST).and_then(|host| host.to_str().ok());
    head.uri.authority().map(Authority::as_str).or_else(header).unwrap_or_default()
}

/// Why HTTP, rather than RFC 6455, forbids that a request begins a WebSocket, if it does.
pub(super) fn obstacle_to_upgrade(head: &RequestHead) -> Option<&'static str> {
    let headers = head.headers();
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes().trim_ascii() != b"0");
    let has_upgrades = headers.contains_key(UPGRADE);
    // The HTTP library passes on the bytes after a head only in this case.
    let is_alone = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket");
    if head.version < Version::HTTP_11 {
        // `Upgrade` must be ignored here (RFC 9110, section 7.8).
        Some("a WebSocket needs HTTP/1.1")
    } else if has_body {
        Some("a WebSocket begins with a request without a body")
    } else if has_upgrades && !headers.get_all(UPGRADE).any(is_alone) {
        Some("a WebSocket is the one protocol to upgrade to")
    } else {
        None
    }
}

/// Whether the web page that sent the request may connect. A request without an origin may.
pub(super) fn is_origin_allowed(request: &HttpRequest, origins: &Origins) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else { return true };
    let is_allowed = origin.to_str().is_ok_and(|origin| origins.allow(origin, host(request.head())));
    if !is_allowed {
        tracing::debug!("origin refused");
    }
    is_allowed
}
