//! What both transports read from a request.

use actix_web::{
    HttpRequest,
    dev::RequestHead,
    http::{
        header::{HOST, ORIGIN},
        uri::Authority,
    },
};

use super::Origins;

/// A header's text.
pub(super) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The host that the client addressed, with its port. A target in absolute form names it, whatever `Host` says (RFC 9112, section
/// 3.2.2). Only HTTP/1.0 lets both be absent; the HTTP library refuses several.
pub fn host(head: &RequestHead) -> &str {
    let header = || head.headers().get(HOST).and_then(|host| host.to_str().ok());
    head.uri.authority().map(Authority::as_str).or_else(header).unwrap_or_default()
}

/// Whether the page that the request comes from may connect. A request that comes from no page may.
pub(super) fn is_origin_allowed(request: &HttpRequest, origins: &Origins) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else { return true };
    let is_allowed = origin.to_str().is_ok_and(|origin| origins.allow(origin, host(request.head())));
    if !is_allowed {
        tracing::debug!("origin refused");
    }
    is_allowed
}
