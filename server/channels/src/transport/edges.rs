//! Requirements of HTTP that the HTTP library leaves to the application.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{
    Error, HttpRequest, HttpResponse, Route,
    body::{EitherBody, MessageBody},
    dev::{RequestHead, ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{ALLOW, HOST, HeaderMap, HeaderName, HeaderValue},
        uri::{Authority, Uri},
    },
    middleware::Next,
    web,
};
use serde_json::json;

use super::{host::split_port, path::merge_slashes, tcp::Arriving};

/// The longest target and the longest header field, in bytes. Bandit, the HTTP server of new
/// Phoenix applications, has the same limit, so Phoenix's clients stay below it. The HTTP library's
/// only limit is 128 KiB for a whole head.
const MAX_LINE: usize = 10_000;

/// Middleware for what the HTTP library leaves to the application. It answers 408 if a request's
/// body is read and has not arrived within `timeout` of the first byte of its head, refuses
/// requests with a malformed `Host` or a too long target or header field, leaves empty segments out
/// of paths, and corrects the `Connection` header of refused upgrades.
///
/// Wrap an application with it through [`from_fn`](actix_web::middleware::from_fn). It is one
/// middleware, since each takes some memory and a boxed future for every request.
pub async fn edges<B: MessageBody + 'static>(
    timeout: Duration,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let arriving = Arriving::begin(&mut request, timeout);
    if let Some(answer) = too_long(request.head()) {
        // The library pools heads, and a pooled target keeps the buffer that the request was read
        // into.
        request.head_mut().uri = Uri::default();
        return Ok(request.into_response(answer).map_into_right_body());
    }
    if !has_host(request.headers()) {
        return Ok(request.into_response(HttpResponse::BadRequest().finish()).map_into_right_body());
    }
    merge_slashes(&mut request);
    let mut answer = next.call(request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS && answer.request().head().upgrade() {
        // Otherwise the library writes `Connection: upgrade`, although it closes the connection.
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(arriving.finish(answer))
}

/// The answer to a request whose target or a header field is too long.
fn too_long(head: &RequestHead) -> Option<HttpResponse> {
    let uri = &head.uri;
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let target = authority + uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    let is_long = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() > MAX_LINE;
    let (status, what) = if target > MAX_LINE {
        (StatusCode::URI_TOO_LONG, "target")
    } else if head.headers.iter().any(is_long) {
        (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header field")
    } else {
        return None;
    };
    let detail = format!("The {what} is longer than {MAX_LINE} bytes.");
    let body = json!({ "reason": "too_large", "detail": detail });
    Some(HttpResponse::build(status).force_close().json(body))
}

/// Whether `Host` is a host with or without a port (RFC 9112, section 3.2), or empty, or absent, as
/// HTTP/1.0 allows.
fn has_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    host.to_str().is_ok_and(|host| {
        let is_authority = || host.parse::<Authority>().is_ok() && !host.contains('@');
        host.is_empty() || is_plain(host) || (is_authority() && split_port(host).is_some())
    })
}

/// Whether this is certainly a host: letters, digits, dots and hyphens, perhaps with a port. Nearly
/// all are, and need not be built to be sure.
fn is_plain(host: &str) -> bool {
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let length = host.bytes().position(|byte| !is_in_name(byte)).unwrap_or(host.len());
    let (name, port) = host.split_at(length);
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    !name.is_empty() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// A route for the methods that a resource does not have. It answers OPTIONS with the `allowed`
/// methods, and others with 405 and the `allowed` methods (RFC 9110, sections 9.3.7 and 15.5.6).
pub fn other_methods(allowed: &'static str) -> Route {
    let answer = move |request: HttpRequest| -> Ready<HttpResponse> {
        let is_asked = request.method() == Method::OPTIONS;
        let status = if is_asked { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
        ready(HttpResponse::build(status).insert_header((ALLOW, allowed)).finish())
    };
    web::to(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_host_is_an_authority() {
        let characters = ["a", "Z", "7", ".", "-", ":", ":65536", "@", "[", "/", " ", "_", "+"];
        let hosts = (0..characters.len().pow(3)).map(|number| {
            let at = |place: u32| characters[number / characters.len().pow(place) % characters.len()];
            [at(2), at(1), at(0)].concat()
        });
        let plain: Vec<String> = hosts.filter(|host| is_plain(host)).collect();
        assert!(plain.contains(&"a:7".to_owned()) && plain.contains(&"Z.-".to_owned()));
        for host in plain {
            assert!(host.parse::<Authority>().unwrap() == host && split_port(&host).is_some(), "{host}");
        }
    }

    #[test]
    fn a_host_is_a_host_and_a_port() {
        let has = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            has_host(&headers)
        };
        assert!(has_host(&HeaderMap::new()));
        for good in ["", "example.com", "example.com:4000", "[::1]:4000", "192.0.2.7", "a_b.example"] {
            assert!(has(good), "{good}");
        }
        for bad in ["a b", "a/b", "http://a", "u@a", "a:x", "a:99999", "[::1"] {
            assert!(!has(bad), "{bad}");
        }
    }
}
