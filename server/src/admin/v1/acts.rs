//! The audit log of operators' actions.

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;
use vestibule_store as store;

use super::{
    endpoint::Query,
    page::{Page, Paging, Place, limit},
};
use crate::admin::{problem::Problem, shared::Admin};

/// An operator's action
#[allow(clippy::struct_field_names, reason = "as answers name it")]
#[derive(Debug, Serialize, ToSchema)]
struct Act {
    /// A number that increases with each action
    number: i64,
    /// Time of the request, in Unix milliseconds
    at: i64,
    /// Name of the token that was used
    #[schema(example = "alice")]
    operator: String,
    /// Method and endpoint
    #[schema(example = "DELETE /admin/v1/rooms/{rid}")]
    act: String,
    /// Requested path, without `/admin/v1/`
    #[schema(example = "rooms/TG4n0hbSJVVTS2RBYJ2cU1JcdKcKDKoMCKpVlAdsXxA")]
    target: String,
    /// HTTP status of the response; `null` until there is one, or if the server ended before
    #[schema(required, example = 200)]
    result: Option<i32>,
}

impl From<store::Act> for Act {
    fn from(store::Act { number, at, operator, act, target, result }: store::Act) -> Self {
        Self { number, at, operator, act, target, result }
    }
}

/// Lists operators' actions, refused ones included, latest first; reading is not recorded
#[utoipa::path(operation_id = "list_acts", tag = "server", params(Paging), responses((status = OK, body = Page<Act>)))]
#[get("/audit")]
pub(super) async fn list(
    admin: web::Data<Admin>,
    paging: Query<Paging>,
) -> Result<web::Json<Page<Act>>, Problem> {
    let Paging { cursor, limit: asked } = paging.into_inner();
    let limit = limit(asked)?;
    let before = cursor.map(Place::number);
    let one_more = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let acts = admin.flow.store().acts(before, one_more).await?;
    Ok(web::Json(Page::of(acts, limit, |act| act.number.to_string())))
}
