//! Records operators' actions: in the audit log before the action, so that no action happens
//! without a record, and after it with its result; then in the log with the same status.

use actix_web::{
    Error, HttpMessage as _, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::Next,
    rt, web,
};
use tracing::Instrument as _;

use super::{problem::Problem, shared::Admin, tokens::Operator, v1};

/// The longest path that is recorded, in characters.
const MAX_PATH: usize = 200;

/// Passes a request on, and records it unless its method is safe. Whether the operator may make it
/// is decided after this.
pub(super) async fn audit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(act) = Act::of(&request) else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    // In a task of its own: if the operator disconnects, the action and its record go on.
    rt::spawn(write_down(act, request, next).in_current_span()).await.unwrap_or_else(|_| Err(panicked()))
}

async fn write_down<B: MessageBody + 'static>(
    act: Act,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let number = match act.begin(&request).await {
        Ok(number) => number,
        Err(problem) => {
            act.log(problem.status_code());
            return Ok(request.into_response(problem.error_response()).map_into_right_body());
        }
    };
    let admin = request.app_data::<web::Data<Admin>>().cloned();
    // In another task: a panic is a result, too.
    let done = rt::spawn(next.call(request).in_current_span()).await;
    let answer = done.unwrap_or_else(|_| Err(panicked()));
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    if let (Some(admin), Some(number)) = (admin, number) {
        // The log says why; the record stays without a result.
        let _ = admin.flow.store().finish_act(number, status.as_u16()).await;
    }
    act.log(status);
    answer.map(ServiceResponse::map_into_left_body)
}

/// An operator's action.
struct Act {
    operator: String,
    path: String,
    /// The action and its target for the audit log, if the endpoint exists.
    entry: Option<(String, String)>,
}

impl Act {
    /// The action of a request, unless its method is safe.
    fn of(request: &ServiceRequest) -> Option<Self> {
        if request.method().is_safe() {
            return None;
        }
        let operator = request.extensions().get::<Operator>()?.name.clone();
        let short = |path: &str| path.chars().take(MAX_PATH).collect();
        let entry =
            request.match_pattern().filter(|pattern| pattern.starts_with(v1::PREFIX)).and_then(|pattern| {
                let target = request.path().strip_prefix(v1::PREFIX)?.trim_start_matches('/');
                Some((format!("{} {pattern}", request.method()), short(target)))
            });
        Some(Self { operator, path: short(request.path()), entry })
    }

    /// Begins its record in the audit log, and returns the record's number.
    async fn begin(&self, request: &ServiceRequest) -> Result<Option<i64>, Problem> {
        let admin = request.app_data::<web::Data<Admin>>();
        let (Some(admin), Some((act, target))) = (admin, self.entry.clone()) else { return Ok(None) };
        Ok(Some(admin.flow.store().begin_act(self.operator.clone(), act, target).await?))
    }

    /// Logs the result. The method is in the request's span.
    fn log(&self, status: StatusCode) {
        tracing::info!(admin = self.operator, path = self.path, status = status.as_u16(), "administered");
    }
}

/// The answer after a panic, whose place is in the log.
fn panicked() -> Error {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The server failed to handle this request: see the log.")
        .into()
}
