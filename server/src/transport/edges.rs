//! What HTTP leaves no choice about and the HTTP library leaves to the application.

use std::future::{Ready, ready};

use actix_web::{
    Error, HttpRequest, HttpResponse, Route,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{ALLOW, HOST, HeaderMap},
        uri::Authority,
    },
    middleware::Next,
    web,
};

use super::origin::split_port;

/// Hands a request on, unless its `Host` is none, and has an answer say what becomes of the connection. To be wrapped around an
/// application with [`from_fn`](actix_web::middleware::from_fn).
pub async fn edges<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !has_host(request.headers()) {
        return Ok(request.into_response(HttpResponse::BadRequest().finish()).map_into_right_body());
    }
    let wants_upgrade = request.head().upgrade();
    let mut answer = next.call(request).await?;
    if wants_upgrade && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        // The library says `Connection: upgrade` all the same, and closes the connection.
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(answer.map_into_left_body())
}

/// Whether `Host` is a host with or without a port (RFC 9112, section 3.2), or empty, or absent, as HTTP/1.0 allows.
fn has_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    host.to_str().is_ok_and(|host| {
        let is_authority = || host.parse::<Authority>().is_ok() && !host.contains('@');
        host.is_empty() || (is_authority() && split_port(host).is_some())
    })
}

/// A route for the methods that a resource does not have: OPTIONS is told those that it has, any other is answered 405 with them (RFC
/// 9110, sections 9.3.7 and 15.5.6).
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
    use actix_web::http::header::HeaderValue;

    use super::*;

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
