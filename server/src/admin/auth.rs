//! Checks tokens before anything else, so that no route has to.

use std::sync::Arc;

use actix_web::{
    Error, HttpMessage as _, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::AUTHORIZATION,
    middleware::Next,
    web,
};

use super::{
    permissions::Permissions,
    problem::Problem,
    tokens::{Operator, TokenFile},
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

/// Passes on requests that the operator's token allows, and answers all others 403. Whether it
/// allows them in the topic that they name is checked by the endpoint, which has read it.
pub(super) async fn permit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let operator = request.extensions().get::<Operator>().cloned();
    let permissions = request.app_data::<web::Data<Permissions>>().cloned();
    let problem = match (operator, permissions) {
        (Some(operator), Some(permissions)) if permissions.permit(&operator.access, &request) => {
            return next.call(request).await.map(ServiceResponse::map_into_left_body);
        }
        (Some(operator), _) => Problem::not_allowed(&operator.access),
        (None, _) => Problem::no_token(),
    };
    Ok(request.into_response(problem.error_response()).map_into_right_body())
}

/// The bearer token of a request (RFC 6750, section 2.1). The scheme's name is case-insensitive.
fn bearer(request: &ServiceRequest) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
