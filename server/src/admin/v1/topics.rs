//! Topics: what an operator says to everybody in one.

use actix_web::{http::StatusCode, post, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Body;
use crate::{
    admin::{Admin, problem::Problem},
    approve::Unfit,
};

/// What is to be said
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Broadcast {
    /// The event's name. Those of the server's own events are refused, and `approve`, `card` and `request`
    #[schema(min_length = 1, max_length = 64, example = "maintenance")]
    event: String,
    /// The payload
    #[schema(value_type = Object, example = json!({ "minutes": 10 }))]
    payload: Map<String, Value>,
}

/// What came of it
#[derive(Debug, Serialize, ToSchema)]
struct Heard {
    /// Whether anybody is in the topic
    heard: bool,
}

/// Sends an event to everybody in a topic, guests as well as members
///
/// As Phoenix's `Endpoint.broadcast`: it is not stored, and who is not there misses it.
#[utoipa::path(
    operation_id = "broadcast", tag = "topics", request_body = Broadcast,
    params(("topic" = String, Path, description = "A room's topic, `room:` and its id, or an inbox's, `user:` and its owner's id")),
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
    match admin.flow.broadcast(&topic, event, &Value::Object(payload)) {
        Ok(heard) => Ok(web::Json(Heard { heard })),
        Err(Unfit::Topic) => Err(Problem::missing("There is no such topic.")),
        Err(Unfit::Event) => Err(unfit("This event is the server's own.")),
    }
}

/// The longest name of an event, in characters.
const MAX_EVENT: usize = 64;

fn unfit(why: &'static str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}
