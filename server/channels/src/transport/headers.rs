//! Security headers of all answers.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS},
    middleware::Next,
};

use super::{
    host::{is_loopback, split_port},
    request,
};

/// For a year, browsers use HTTPS for this host.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How clients reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Over HTTP, or through a proxy that terminates TLS.
    Http,
    /// Over TLS.
    Tls,
}

/// Middleware that adds `X-Content-Type-Options: nosniff` and, over TLS,
/// `Strict-Transport-Security`. Wrap an application with it through
/// [`from_fn`](actix_web::middleware::from_fn).
pub async fn harden<B: MessageBody + 'static>(
    over: Over,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let is_strict = over == Over::Tls && !is_this_machine(request::host(request.request().head()));
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_strict {
        headers.insert(STRICT_TRANSPORT_SECURITY, STRICT);
    }
    Ok(response)
}

/// HSTS holds for all ports of a host, and `localhost` has other people's servers too.
fn is_this_machine(host: &str) -> bool {
    split_port(host).is_some_and(|(host, _)| is_loopback(host))
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App, HttpResponse,
        http::header::HOST,
        middleware::from_fn,
        test::{TestRequest, call_service, init_service},
        web,
    };

    use super::*;

    /// Whether an answer has `nosniff`, and whether it has HSTS.
    async fn told(over: Over, path: &str, host: &str) -> (bool, bool) {
        let app = App::new()
            .wrap(from_fn(move |request, next| harden(over, request, next)))
            .route("/", web::get().to(HttpResponse::Ok))
            .route("/error", web::get().to(async || Err::<HttpResponse, _>(actix_web::error::ErrorGone(""))));
        let request = TestRequest::get().uri(path).insert_header((HOST, host)).to_request();
        let response = call_service(&init_service(app).await, request).await;
        let headers = response.headers();
        let nosniff = headers.get(X_CONTENT_TYPE_OPTIONS).is_some_and(|value| value == "nosniff");
        (nosniff, headers.contains_key(STRICT_TRANSPORT_SECURITY))
    }

    #[actix_web::test]
    async fn every_answer_forbids_sniffing() {
        for path in ["/", "/error", "/nowhere"] {
            assert_eq!(told(Over::Http, path, "chat.example.com").await, (true, false), "{path}");
            assert_eq!(told(Over::Tls, path, "chat.example.com").await, (true, true), "{path}");
        }
    }

    #[actix_web::test]
    async fn localhost_gets_no_hsts() {
        for host in ["localhost", "localhost:4000", "127.0.0.1:4000", "[::1]:4000"] {
            assert_eq!(told(Over::Tls, "/", host).await, (true, false), "{host}");
        }
    }
}
