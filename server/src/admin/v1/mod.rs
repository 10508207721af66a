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

use actix_web::{error::PathError, web};
use utoipa_actix_web::{scope::scope, service_config::ServiceConfig};

pub use self::openapi::description;
use super::problem::Problem;
use crate::input;

type Body<T> = input::Body<T, Problem>;
type Query<T> = input::Query<T, Problem>;

/// Where the endpoints are.
pub(super) const PREFIX: &str = "/admin/v1";

/// The largest body, in bytes: what is broadcast has to fit the outboxes.
const MAX_BODY: usize = 64 * 1024;

/// Mounts all of it.
pub(super) fn mount(config: &mut web::ServiceConfig) {
    let path = web::PathConfig::default().error_handler(|error: PathError, _| {
        tracing::debug!(%error, "invalid path");
        Problem::not_found().into()
    });
    config.app_data(path).app_data(web::JsonConfig::default().limit(MAX_BODY));
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
