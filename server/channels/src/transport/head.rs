//! HEAD requests.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
};

/// Middleware that handles HEAD as GET: the HTTP library leaves the body out of the answer to a
/// HEAD request, whatever the method is by then. Wrap a service with it through
/// [`from_fn`](actix_web::middleware::from_fn), but not WebSockets and long polls, where a GET has
/// effects.
pub async fn head_as_get<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    next.call(request).await
}
