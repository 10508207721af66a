//! Requests for room keys: lists them, and ends them early.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vestibule_store::{RequestRecord, RequestSearch};

use super::{
    endpoint::Query,
    ids::{DrawnId, RequestState, RoomId, UserId},
    page::{Page, Place, limit},
};
use crate::{
    admin::{problem::Problem, shared::Admin},
    query,
};

/// Selects the requests to list
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RequestQuery {
    /// Only requests for this room
    #[param(value_type = Option<RoomId>)]
    #[serde(default, deserialize_with = "query::optional")]
    rid: Option<RoomId>,
    /// Only requests of this user
    #[param(value_type = Option<UserId>)]
    #[serde(default, deserialize_with = "query::optional")]
    uid: Option<UserId>,
    /// Only requests in this state; by default, pending and approved ones
    #[serde(default, deserialize_with = "query::optional")]
    state: Option<RequestState>,
    /// Only requests stored before this time, in Unix milliseconds
    #[serde(default, deserialize_with = "query::optional")]
    created_before: Option<i64>,
    /// The `next` of the previous page
    #[param(value_type = Option<i64>, minimum = 0)]
    #[serde(default, deserialize_with = "query::optional")]
    cursor: Option<Place>,
    /// Maximum number of requests
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

/// A request, without its note and keys
#[allow(clippy::struct_field_names, reason = "as answers name it")]
#[derive(Debug, Serialize, ToSchema)]
struct Request {
    rid: RoomId,
    uid: UserId,
    request_id: DrawnId,
    state: RequestState,
    /// When it was stored, in Unix milliseconds
    created: i64,
    /// When it expires, in Unix milliseconds
    exp: i64,
    /// Number of approves that wait for the newcomer
    approvals: i64,
    /// When it ended, in Unix milliseconds; `null` while it is open
    #[schema(required)]
    closed: Option<i64>,
}

impl From<RequestRecord> for Request {
    fn from(record: RequestRecord) -> Self {
        Self {
            rid: RoomId(record.rid),
            uid: UserId(record.uid),
            request_id: DrawnId(record.request_id),
            state: record.state.into(),
            created: record.created,
            exp: record.exp,
            approvals: record.approvals,
            closed: record.closed,
        }
    }
}

/// Lists requests, oldest first
#[utoipa::path(operation_id = "list_requests", tag = "requests", params(RequestQuery), responses((status = OK, body = Page<Request>)))]
#[get("/requests")]
pub(super) async fn list(
    admin: web::Data<Admin>,
    query: Query<RequestQuery>,
) -> Result<web::Json<Page<Request>>, Problem> {
    let RequestQuery { rid, uid, state, created_before, cursor, limit: asked } = query.into_inner();
    let search = RequestSearch {
        rid: rid.map(|rid| rid.0),
        uid: uid.map(|uid| uid.0),
        state: state.map(Into::into),
        created_before,
    };
    let limit = limit(asked)?;
    let one_more = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let found = admin.flow.store().requests(search, cursor.map_or(0, Place::number), one_more).await?;
    Ok(web::Json(Page::of(found, limit, |request| request.place.to_string())))
}

/// Ends a request before it expires
///
/// The request ends as if it had expired. An open one becomes `expired`, and its user and the
/// members are told. One whose key a device has saved becomes `done`. A denied one stays `denied`,
/// and one that has ended does not change.
#[utoipa::path(
    operation_id = "expire_request", tag = "requests",
    params(("rid" = RoomId, Path), ("uid" = UserId, Path), ("request_id" = DrawnId, Path)),
    responses((status = OK, body = Request))
)]
#[post("/requests/{rid}/{uid}/{request_id}/expire")]
pub(super) async fn expire(
    admin: web::Data<Admin>,
    path: web::Path<(RoomId, UserId, DrawnId)>,
) -> Result<web::Json<Request>, Problem> {
    let (RoomId(rid), UserId(uid), DrawnId(request_id)) = path.into_inner();
    admin.flow.actions().end_request(rid, uid, request_id).await?;
    let found = admin.flow.store().request(rid, uid, request_id).await?;
    let request = found.ok_or_else(|| Problem::missing("No such request."))?;
    Ok(web::Json(request.into()))
}
