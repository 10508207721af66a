//! Topics: broadcasts by operators.

use actix_web::{http::StatusCode, middleware::from_fn, post, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vestibule_channels::Payload;

use super::endpoint::{Body, Caller};
use crate::{
    admin::{access::Right, idempotency::once, problem::Problem, shared::Admin},
    approve::BroadcastError,
    configured::{Unsent, is_reserved},
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
/// receive it. A configured topic with a history keeps it. A token with the right `publish` reaches
/// configured topics only.
#[utoipa::path(
    operation_id = "broadcast", tag = "topics", request_body = Broadcast,
    params(
        ("topic" = String, Path, description = "`room:` and the room's id, `user:` and the user's id, or a configured topic"),
        ("Idempotency-Key" = Option<String>, Header, description = "As for `publish`", pattern = "^(\"[!#-\\[\\]-~]{1,128}\"|[!#-\\[\\]-~]{1,128})$")
    ),
    security(("bearer" = ["publish"])),
    responses(
        (status = OK, body = Heard),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json", description = "A request with this key is being handled"),
        (status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json", description = "Too many keys within ten minutes")
    )
)]
#[post("/topics/{topic}/broadcast", wrap = "from_fn(once)")]
pub(super) async fn broadcast(
    admin: web::Data<Admin>,
    caller: Caller,
    topic: web::Path<String>,
    body: Body<Broadcast>,
) -> Result<web::Json<Heard>, Problem> {
    caller.check(Right::Publish, &topic)?;
    let Broadcast { event, payload } = body.into_inner();
    if !is_name(&event) {
        return Err(unfit("The field `event` must have 1 to 64 characters."));
    }
    let payload = Value::Object(payload);
    if !is_reserved(&event) {
        match admin.channels.publish(&topic, None, event.clone(), Payload::of(&payload)) {
            Ok(sent) => return Ok(web::Json(Heard { heard: sent.await > 0 })),
            Err(Unsent::NotKept) => {
                return Err(unfit("The payload must not have `_id`, which the server adds."));
            }
            Err(Unsent::NotConfigured) if !caller.is_full() => return Err(no_topic()),
            Err(Unsent::NotConfigured) => {}
        }
    }
    match admin.flow.actions().broadcast(&topic, event, &payload) {
        Ok(heard) => Ok(web::Json(Heard { heard })),
        Err(BroadcastError::UnknownTopic) => Err(no_topic()),
        Err(BroadcastError::ReservedEvent) => Err(unfit("This event is reserved for the server.")),
    }
}

/// The longest name of an event, in characters.
const MAX_EVENT: usize = 64;

/// Whether an event can have this name, if it is not reserved.
pub(super) fn is_name(event: &str) -> bool {
    !event.is_empty() && event.chars().count() <= MAX_EVENT
}

pub(super) fn no_topic() -> Problem {
    Problem::missing("No such topic.")
}

fn unfit(why: &'static str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}
