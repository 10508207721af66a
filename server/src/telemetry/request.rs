//! An id for each HTTP call, in the call's log lines and in the answers to operators. Clients do
//! not get it: it counts the calls, not only theirs.
//!
//! Not `tracing-actix-web`, because that logs the URL, whose query may contain a token.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tracing::Instrument as _;

/// The header with the id, in answers to operators.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Passes a request on, in a span with its id. Wrap it around an application with
/// [`from_fn`](actix_web::middleware::from_fn).
pub async fn trace<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    traced(&next_id(), request, next).await
}

/// As [`trace`], and adds the id to the answer.
pub async fn trace_and_tell<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let id = next_id();
    let mut response = traced(&id, request, next).await?;
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

async fn traced<B: MessageBody + 'static>(
    id: &str,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let span = tracing::info_span!("http", request = id, method = name(request.method()));
    let answered = async move {
        let began = Instant::now();
        let answer = next.call(request).await;
        let duration_ms = began.elapsed().as_secs_f64() * 1000.0;
        let (route, status) = match &answer {
            Ok(response) => (response.request().match_pattern(), response.status()),
            // The error becomes an answer, too.
            Err(error) => (None, error.as_response_error().status_code()),
        };
        tracing::debug!(route, status = status.as_u16(), duration_ms, "answered");
        answer
    };
    answered.instrument(span).await
}

/// An id that is unique in this process and, in all likelihood, among all processes.
fn next_id() -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:08x}-{}", *PROCESS & 0xffff_ffff, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A method's name, or `other` for one that is not registered.
fn name(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| method == known).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_methods_are_known_ones() {
        assert_ne!(next_id(), next_id());
        let odd = Method::from_bytes(b"SECRET").unwrap();
        assert_eq!((name(&Method::GET), name(&odd)), ("GET", "other"));
    }
}
