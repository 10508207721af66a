//! The operators' endpoints, at `/admin/v1`.
//!
//! Each endpoint has its description beside its code; `openapi` collects the descriptions, so the
//! list of endpoints and the list of descriptions are the same. Answers hold ids, states and times,
//! but no keys, ciphertexts, signatures or notes, which are newcomers' own words.

mod accounts;
mod acts;
mod disconnects;
mod endpoint;
mod ids;
mod openapi;
mod page;
mod presence;
mod publish;
mod requests;
mod rooms;
mod server;
mod topics;
mod users;

use actix_web::{error::PathError, web};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{scope::scope, service_config::ServiceConfig};

pub(super) use self::endpoint::PREFIX;
use self::openapi::Description;
use super::{permissions::Permissions, problem::Problem};

/// The largest body in bytes, also of a batch: a broadcast must fit the outboxes.
const MAX_BODY: usize = 64 * 1024;

/// Mounts all endpoints.
pub(super) fn mount(config: &mut web::ServiceConfig) {
    let path = web::PathConfig::default().error_handler(|error: PathError, _| {
        tracing::debug!(%error, "invalid path");
        Problem::not_found().into()
    });
    let description = web::Data::new(Description::new(description()));
    config
        .app_data(path)
        .app_data(web::JsonConfig::default().limit(MAX_BODY))
        .app_data(web::PayloadConfig::new(MAX_BODY))
        .app_data(description);
    ServiceConfig::new(config).service(scope(PREFIX).configure(endpoints));
}

/// The description of all endpoints.
pub fn description() -> OpenApi {
    openapi::describe(endpoints)
}

/// The endpoints that a token can be limited to.
pub(super) fn permissions() -> Permissions {
    Permissions::new(openapi::declared(description()))
}

/// All endpoints.
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
        .service(publish::publish)
        .service(presence::list)
        .service(accounts::unsubscribe)
        .service(accounts::disconnect)
        .service(server::about)
        .service(server::drain)
        .service(disconnects::list)
        .service(acts::list)
        .service(openapi::served)
        .default_service(web::to(openapi::nothing_here));
}
