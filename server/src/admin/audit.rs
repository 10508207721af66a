//! What operators do is written down: in the audit log before an act, so that none is done that is not in it, and after it, what
//! came of it; and then in the log, with the same status.

use actix_web::{
    Error, HttpMessage as _, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::Next,
    rt, web,
};
use tracing::Instrument as _;

use super::{Admin, problem::Problem, tokens::Operator, v1};

/// The longest path that is written down, in characters.
const MAX_PATH: usize = 200;

/// Hands a request on, and writes down what it did if it is one that writes. Whether the operator may do it is decided
/// behind this.
pub(super) async fn audit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(act) = Act::of(&request) else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    // In a task of its own: an operator who hangs up ends neither the act nor what is written of it.
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
    // In one of its own as well: a panic is a result too.
    let done = rt::spawn(next.call(request).in_current_span()).await;
    let answer = done.unwrap_or_else(|_| Err(panicked()));
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    if let (Some(admin), Some(number)) = (admin, number) {
        // The log says why; the line stays without a result.
        let _ = admin.flow.store().finish_act(number, status.as_u16()).await;
    }
    act.log(status);
    answer.map(ServiceResponse::map_into_left_body)
}

/// Who does what to what.
struct Act {
    operator: String,
    path: String,
    /// The act and its target, as the audit log has them; nothing where there is no such endpoint.
    entry: Option<(String, String)>,
}

impl Act {
    /// What a request does, if it is one that writes.
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

    /// Begins its line in the audit log, and gives its number.
    async fn begin(&self, request: &ServiceRequest) -> Result<Option<i64>, Problem> {
        let admin = request.app_data::<web::Data<Admin>>();
        let (Some(admin), Some((act, target))) = (admin, self.entry.clone()) else { return Ok(None) };
        Ok(Some(admin.flow.store().begin_act(self.operator.clone(), act, target).await?))
    }

    /// What came of it. The method is in the span of the request.
    fn log(&self, status: StatusCode) {
        tracing::info!(admin = self.operator, path = self.path, status = status.as_u16(), "administered");
    }
}

/// What is answered where the act ended in a panic, which the log has the place of.
fn panicked() -> Error {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The server failed to handle this request: see the log.")
        .into()
}
