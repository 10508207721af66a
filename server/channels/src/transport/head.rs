//! HEAD, which is GET without a body.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};

/// Hands a HEAD request on as a GET. The HTTP library sends no body in answer to it, whatever the
/// method is by then; to be wrapped around a service with
/// [`from_fn`](actix_web::middleware::from_fn). Not for sockets and long polls: a GET of those does
/// something.
pub async fn head_as_get<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    next.call(request).await
}
