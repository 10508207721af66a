//! What both transports read from a request.

use actix_web::{
    HttpRequest,
    http::header::{HOST, ORIGIN},
};

use super::Origins;

/// A header's text.
pub(super) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The host that the client addressed, with its port. Only HTTP/1.0 lets it be absent; the HTTP library refuses several.
pub fn host(request: &HttpRequest) -> &str {
    header(request, HOST.as_str()).unwrap_or_default()
}

/// Whether the page that the request comes from may connect. A request that comes from no page may.
pub(super) fn is_origin_allowed(request: &HttpRequest, origins: &Origins) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else { return true };
    let is_allowed = origin.to_str().is_ok_and(|origin| origins.allow(origin, host(request)));
    if !is_allowed {
        tracing::debug!("origin refused");
    }
    is_allowed
}
