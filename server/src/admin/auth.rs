//! Checks tokens before anything else, so that no route has to.

use std::sync::Arc;

use actix_web::{
    Error, HttpMessage as _, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::AUTHORIZATION,
    middleware::Next,
};

use super::{
    problem::Problem,
    tokens::{Access, Operator, TokenFile},
};

/// Passes on requests with a valid token, and puts its [`Operator`] into their extensions. Answers
/// all others 401.
pub(super) async fn identify<B: MessageBody + 'static>(
    tokens: Arc<TokenFile>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let found = bearer(&request).ok_or_else(Problem::no_token);
    match found.and_then(|token| tokens.find(token).ok_or_else(Problem::wrong_token)) {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            next.call(request).await.map(ServiceResponse::map_into_left_body)
        }
        Err(problem) => Ok(request.into_response(problem.error_response()).map_into_right_body()),
    }
}

/// Passes on requests that the operator may make, and answers 403 to any with a `read` token that
/// is not a safe method (RFC 9110, section 9.2.1).
pub(super) async fn permit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if request.method().is_safe() {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    }
    let has_full = |operator: &Operator| operator.access == Access::Full;
    if !request.extensions().get::<Operator>().is_some_and(has_full) {
        let response = Problem::read_only().error_response();
        return Ok(request.into_response(response).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// The bearer token of a request (RFC 6750, section 2.1). The scheme's name is case-insensitive.
fn bearer(request: &ServiceRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
