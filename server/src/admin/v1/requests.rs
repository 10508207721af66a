//! Requests for rooms' keys: listed, and ended before their time.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vestibule_store::{RequestRecord, RequestSearch};

use super::{
    Query,
    ids::{DrawnId, RequestState, RoomId, UserId},
    page::{Page, Place, limit},
};
use crate::{
    admin::{Admin, problem::Problem},
    query,
};

/// Which requests are listed
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RequestQuery {
    /// Those for this room's key
    #[param(value_type = Option<RoomId>)]
    #[serde(default, deserialize_with = "query::optional")]
    rid: Option<RoomId>,
    /// Those of this user
    #[param(value_type = Option<UserId>)]
    #[serde(default, deserialize_with = "query::optional")]
    uid: Option<UserId>,
    /// Those of this state; else those that are pending or approved
    #[serde(default, deserialize_with = "query::optional")]
    state: Option<RequestState>,
    /// Those that were stored before this moment, in Unix milliseconds
    #[serde(default, deserialize_with = "query::optional")]
    created_before: Option<i64>,
    /// What the page before said as `next`
    #[param(value_type = Option<i64>, minimum = 0)]
    #[serde(default, deserialize_with = "query::optional")]
    cursor: Option<Place>,
    /// How many requests at the most
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

/// A request, without its note and its keys
#[allow(clippy::struct_field_names, reason = "as answers name it")]
#[derive(Debug, Serialize, ToSchema)]
struct Request {
    rid: RoomId,
    uid: UserId,
    request_id: DrawnId,
    state: RequestState,
    /// When it was stored, in Unix milliseconds
    created: i64,
    /// When it ends by itself
    exp: i64,
    /// How many approves wait for the newcomer
    approvals: i64,
    /// When it was finished, if it is
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

/// The requests, in the order in which they came
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

/// Ends a request, whether or not its time is over; one that has ended stays as it is
///
/// It ends as its time would end it: an open one as `expired`, of which its user and the members are told; one that a device has the
/// key of as `done`; a denied one stays `denied`.
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
    admin.flow.end_request(rid, uid, request_id).await?;
    let found = admin.flow.store().request(rid, uid, request_id).await?;
    let request = found.ok_or_else(|| Problem::missing("There is no such request."))?;
    Ok(web::Json(request.into()))
}
