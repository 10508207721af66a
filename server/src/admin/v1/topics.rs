//! Topics: broadcasts by operators.

use actix_web::{http::StatusCode, post, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vestibule_channels::Payload;

use super::endpoint::Body;
use crate::{
    admin::{problem::Problem, shared::Admin},
    approve::BroadcastError,
    configured::is_reserved,
};

/// The event to send
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Broadcast {
    /// Name of the event. `approve`, `card`, `request` and the names of the server's own events are
    /// refused
    #[schema(min_length = 1, max_length = 64, example = "maintenance")]
    event: String,
    /// Payload of the event
    #[schema(value_type = Object, example = json!({ "minutes": 10 }))]
    payload: Map<String, Value>,
}

/// Result of a broadcast
#[derive(Debug, Serialize, ToSchema)]
struct Heard {
    /// Whether the topic has any subscriber
    heard: bool,
}

/// Sends an event to all subscribers of a topic, guests and members
///
/// As with Phoenix's `Endpoint.broadcast`, the event is not stored: only connected subscribers
/// receive it.
#[utoipa::path(
    operation_id = "broadcast", tag = "topics", request_body = Broadcast,
    params(("topic" = String, Path, description = "`room:` and the room's id, `user:` and the user's id, or a configured topic")),
    responses((status = OK, body = Heard))
)]
#[post("/topics/{topic}/broadcast")]
pub(super) async fn broadcast(
    admin: web::Data<Admin>,
    topic: web::Path<String>,
    body: Body<Broadcast>,
) -> Result<web::Json<Heard>, Problem> {
    let Broadcast { event, payload } = body.into_inner();
    if event.is_empty() || event.chars().count() > MAX_EVENT {
        return Err(unfit("The field `event` must have 1 to 64 characters."));
    }
    let payload = Value::Object(payload);
    if !is_reserved(&event)
        && let Some(heard) = admin.channels.broadcast(&topic, event.clone(), Payload::of(&payload))
    {
        return Ok(web::Json(Heard { heard }));
    }
    match admin.flow.actions().broadcast(&topic, event, &payload) {
        Ok(heard) => Ok(web::Json(Heard { heard })),
        Err(BroadcastError::UnknownTopic) => Err(Problem::missing("No such topic.")),
        Err(BroadcastError::ReservedEvent) => Err(unfit("This event is reserved for the server.")),
    }
}

/// The longest name of an event, in characters.
const MAX_EVENT: usize = 64;

fn unfit(why: &'static str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}
