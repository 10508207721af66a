//! Who is in a configured topic.

use std::collections::BTreeMap;

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{
    endpoint::{Caller, Query},
    page::limit,
    topics::no_topic,
};
use crate::{
    admin::{access::Right, problem::Problem, shared::Admin},
    query,
};

/// Selects the part of the list
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PresenceQuery {
    /// The `next` of the previous page
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "query::optional")]
    cursor: Option<String>,
    /// Maximum number of keys
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "query::optional")]
    limit: Option<u32>,
}

/// Who is in a topic
#[derive(Debug, Serialize, ToSchema)]
struct TopicPresence {
    /// Number of subscribers, also if the topic has no presence list
    subscribers: usize,
    /// Whether the topic has a presence list
    presence: bool,
    /// Keys of the list on this page, in order
    items: Vec<Present>,
    /// Pass this as `cursor` to get the next page; `null` on the last page
    #[schema(required)]
    next: Option<String>,
}

/// A key of a presence list
#[derive(Debug, Serialize, ToSchema)]
struct Present {
    /// The account, or `guest-` and the number of the connection
    #[schema(example = "alice")]
    key: String,
    /// What clients see, for each subscriber under the key
    #[schema(value_type = Vec<Object>, example = json!([{ "online_at": "1767225600", "phx_ref": "1.0" }]))]
    metas: Vec<Box<RawValue>>,
}

/// The metas of a key, as in `presence_state`.
#[derive(Debug, Deserialize)]
struct Metas {
    metas: Vec<Box<RawValue>>,
}

/// Counts the subscribers of a configured topic, and lists its presence
///
/// The list is the one that clients see, so it is bounded: `subscribers` may be more.
#[utoipa::path(
    operation_id = "list_presence", tag = "topics",
    params(("topic" = String, Path, description = "A configured topic"), PresenceQuery),
    security(("bearer" = ["presence"])), responses((status = OK, body = TopicPresence))
)]
#[get("/topics/{topic}/presence")]
pub(super) async fn list(
    admin: web::Data<Admin>,
    caller: Caller,
    topic: web::Path<String>,
    query: Query<PresenceQuery>,
) -> Result<web::Json<TopicPresence>, Problem> {
    caller.check(Right::Presence, &topic)?;
    let PresenceQuery { cursor, limit: asked } = query.into_inner();
    let limit = limit(asked)?;
    let found = admin.channels.presence(&topic).await.ok_or_else(no_topic)?;
    let list: BTreeMap<String, Metas> = found
        .list
        .map(|list| list.parse())
        .transpose()
        .map_err(|_| Problem::unanswered())?
        .unwrap_or_default();
    let is_after = |key: &str| cursor.as_deref().is_none_or(|cursor| key > cursor);
    let mut rest = list.into_iter().filter(|(key, _)| is_after(key));
    let items: Vec<Present> =
        rest.by_ref().take(limit).map(|(key, Metas { metas })| Present { key, metas }).collect();
    let next = rest.next().and_then(|_| Some(items.last()?.key.clone()));
    let (subscribers, presence) = (found.subscribers, found.has_list);
    Ok(web::Json(TopicPresence { subscribers, presence, items, next }))
}
