//! What every answer tells browsers.

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

/// For a year, this host over HTTPS alone.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What clients reach a listener over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// HTTP, or a proxy whose TLS is its own matter.
    Http,
    /// TLS.
    Tls,
}

/// Hands a request on, and has browsers take the answer for nothing but what it says it is, and
/// come back over TLS where they came over it; to be wrapped around an application with
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

/// The rule holds for all ports of a host, and `localhost` has other people's servers too.
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

    /// What an answer tells browsers: that it is what it says it is, and that the host is to be
    /// reached over TLS.
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
    async fn every_answer_is_what_it_says_it_is() {
        for path in ["/", "/error", "/nowhere"] {
            assert_eq!(told(Over::Http, path, "chat.example.com").await, (true, false), "{path}");
            assert_eq!(told(Over::Tls, path, "chat.example.com").await, (true, true), "{path}");
        }
    }

    #[actix_web::test]
    async fn localhost_is_left_to_its_other_servers() {
        for host in ["localhost", "localhost:4000", "127.0.0.1:4000", "[::1]:4000"] {
            assert_eq!(told(Over::Tls, "/", host).await, (true, false), "{host}");
        }
    }
}
