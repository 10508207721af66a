//! Records operators' actions: in the audit log before the action, so that no action happens
//! without a record, and after it with its result; then in the log with the same status.
//!
//! The audit log holds a bounded number of records, and a back end may act many times a second. So
//! of a token without `full`, only the first action of an hour at each endpoint is in the audit
//! log: it must not push the records of others out.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{
    Error, HttpMessage as _, ResponseError as _,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::Next,
    rt, web,
};
use tracing::Instrument as _;

use super::{
    access::{Access, Right},
    permissions::Permissions,
    problem::Problem,
    shared::Admin,
    tokens::Operator,
    v1,
};

/// The longest path that is recorded, in characters.
const MAX_PATH: usize = 200;

/// How long a token without `full` acts at an endpoint under one record.
const ONE_RECORD: Duration = Duration::from_secs(60 * 60);

/// When tokens without `full` last got a record, by operator and action.
#[derive(Debug, Default)]
pub(super) struct Recorded(Mutex<HashMap<(String, String), Instant>>);

impl Recorded {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an action is under a record already.
    fn has(&self, operator: &str, act: &str, now: Instant) -> bool {
        let at = self.lock().get(&(operator.to_owned(), act.to_owned())).copied();
        at.is_some_and(|at| now.duration_since(at) < ONE_RECORD)
    }

    /// The action got a record.
    fn note(&self, operator: &str, act: &str, now: Instant) {
        let mut recorded = self.lock();
        recorded.retain(|_, at| now.duration_since(*at) < ONE_RECORD);
        recorded.insert((operator.to_owned(), act.to_owned()), now);
    }
}

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
    /// Whether its token allows everything.
    is_full: bool,
    /// Whether it sends events, as a back end does many times a second.
    is_publishing: bool,
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
        let Operator { name: operator, access } = request.extensions().get::<Operator>()?.clone();
        let permissions = request.app_data::<web::Data<Permissions>>();
        let right = permissions.and_then(|permissions| permissions.right(request));
        let (is_full, is_publishing) = (access == Access::Full, right == Some(Right::Publish));
        let short = |path: &str| path.chars().take(MAX_PATH).collect();
        let entry =
            request.match_pattern().filter(|pattern| pattern.starts_with(v1::PREFIX)).and_then(|pattern| {
                let target = request.path().strip_prefix(v1::PREFIX)?.trim_start_matches('/');
                Some((format!("{} {pattern}", request.method()), short(target)))
            });
        Some(Self { operator, is_full, is_publishing, path: short(request.path()), entry })
    }

    /// Begins its record in the audit log, if it gets one, and returns the record's number.
    async fn begin(&self, request: &ServiceRequest) -> Result<Option<i64>, Problem> {
        let admin = request.app_data::<web::Data<Admin>>();
        let (Some(admin), Some((act, target))) = (admin, self.entry.clone()) else { return Ok(None) };
        let store = admin.flow.store();
        let recorded = request.app_data::<web::Data<Recorded>>().filter(|_| !self.is_full);
        let Some(recorded) = recorded else {
            return Ok(Some(store.begin_act(self.operator.clone(), act, target).await?));
        };
        let now = Instant::now();
        if recorded.has(&self.operator, &act, now) {
            return Ok(None);
        }
        let number = store.begin_act(self.operator.clone(), act.clone(), target).await?;
        recorded.note(&self.operator, &act, now);
        Ok(Some(number))
    }

    /// Logs the result. The method is in the request's span.
    fn log(&self, status: StatusCode) {
        let (admin, path, code) = (&self.operator, &self.path, status.as_u16());
        if self.is_publishing && !self.is_full && status.is_success() {
            tracing::debug!(admin, path, status = code, "administered");
        } else {
            tracing::info!(admin, path, status = code, "administered");
        }
    }
}

/// The answer after a panic, whose place is in the log.
fn panicked() -> Error {
    Problem::unanswered().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_recorded_once_an_hour() {
        let (recorded, now) = (Recorded::default(), Instant::now());
        let has = |operator, act, at| recorded.has(operator, act, at);
        recorded.note("shop", "POST a", now);
        assert!(!has("shop", "POST b", now) && !has("game", "POST a", now));
        assert!(has("shop", "POST a", now + ONE_RECORD / 2));
        assert!(!has("shop", "POST a", now + ONE_RECORD));
        recorded.note("shop", "POST b", now + ONE_RECORD);
        assert_eq!(recorded.lock().len(), 1, "what is older is forgotten");
    }
}
