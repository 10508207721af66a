//! The operators' endpoints, at `/admin/v1`.
//!
//! Each is described where it is written; `openapi` collects the descriptions, so that what is served and what is described are
//! the same list. Answers hold ids, states and times: no key, no ciphertext, no signature, and no note, which is in a newcomer's
//! own words.

mod acts;
mod disconnects;
mod ids;
mod openapi;
mod page;
mod requests;
mod rooms;
mod server;
mod topics;
mod users;

use actix_web::{
    error::{JsonPayloadError, PathError, QueryPayloadError},
    http::StatusCode,
    web,
};
use utoipa_actix_web::{scope::scope, service_config::ServiceConfig};

pub use self::openapi::description;
use super::problem::Problem;

/// Where the endpoints are.
pub(super) const PREFIX: &str = "/admin/v1";

/// The largest body, in bytes: what is broadcast has to fit the outboxes.
const MAX_BODY: usize = 64 * 1024;

/// Mounts all of it.
pub(super) fn mount(config: &mut web::ServiceConfig) {
    let path = web::PathConfig::default().error_handler(|error: PathError, _| {
        tracing::debug!(%error, "a path that names nothing");
        Problem::not_found().into()
    });
    let query = web::QueryConfig::default().error_handler(|error: QueryPayloadError, _| {
        Problem::new(StatusCode::BAD_REQUEST, error.to_string()).into()
    });
    let json = web::JsonConfig::default()
        .limit(MAX_BODY)
        .error_handler(|error: JsonPayloadError, _| unreadable(&error).into());
    config.app_data(path).app_data(query).app_data(json);
    ServiceConfig::new(config).service(scope(PREFIX).configure(endpoints));
}

/// All there are.
fn endpoints(config: &mut ServiceConfig<'_>) {
    config
        .service(rooms::list)
        .service(rooms::find)
        .service(rooms::members)
        .service(rooms::remove)
        .service(rooms::set_creator)
        .service(requests::list)
        .service(requests::expire)
        .service(users::list)
        .service(users::find)
        .service(users::disconnect)
        .service(users::mint)
        .service(users::erase)
        .service(topics::broadcast)
        .service(server::about)
        .service(server::drain)
        .service(disconnects::list)
        .service(acts::list)
        .service(openapi::served)
        .default_service(web::to(openapi::nothing_here));
}

fn unreadable(error: &JsonPayloadError) -> Problem {
    let status = match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        JsonPayloadError::Deserialize(error) if error.is_data() => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(status, error.to_string())
}
