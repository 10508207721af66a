//! The audit log is written: before an act, so that none is done that is not in it, and after it, what came of it.

use actix_web::{
    Error, HttpMessage as _, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};

use super::{Admin, problem::Problem, tokens::Operator, v1};

/// The longest target that is written down, in characters.
const MAX_TARGET: usize = 200;

/// Hands a request on, and writes down what it did if it is one that writes. Whether the operator may do it is decided
/// behind this.
pub(super) async fn audit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let (Some(admin), Some((operator, act, target))) =
        (request.app_data::<web::Data<Admin>>(), act(&request))
    else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let admin = admin.clone();
    let store = admin.flow.store();
    let number = match store.begin_act(operator, act, target).await {
        Ok(number) => number,
        Err(refusal) => {
            let response = Problem::from(refusal).error_response();
            return Ok(request.into_response(response).map_into_right_body());
        }
    };
    let answer = next.call(request).await;
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    // The log says why; the line stays without a result.
    let _ = store.finish_act(number, status.as_u16()).await;
    answer.map(ServiceResponse::map_into_left_body)
}

/// Who does what to what, if it is an act.
fn act(request: &ServiceRequest) -> Option<(String, String, String)> {
    if request.method().is_safe() {
        return None;
    }
    let pattern = request.match_pattern().filter(|pattern| pattern.starts_with(v1::PREFIX))?;
    let target = request.path().strip_prefix(v1::PREFIX)?.trim_start_matches('/');
    let operator = request.extensions().get::<Operator>()?.name.clone();
    let act = format!("{} {pattern}", request.method());
    Some((operator, act, target.chars().take(MAX_TARGET).collect()))
}
