//! Batches of events from a back end.

use actix_web::{http::StatusCode, middleware::from_fn, post, web};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vestibule_channels::Payload;

use super::{
    endpoint::{Body, Caller},
    topics::is_name,
};
use crate::{
    admin::{access::Right, idempotency::once, problem::Problem, shared::Admin},
    configured::{ConfiguredChannels, Unsent, is_reserved},
};

/// The most messages in a batch.
const MAX_MESSAGES: usize = 100;

/// Messages to publish
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// The messages, which are sent in this order
    #[schema(min_items = 1, max_items = 100)]
    messages: Vec<Message>,
}

/// A message to everybody in a configured topic, or to one account there
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Message {
    /// A configured topic
    #[schema(example = "chat:lobby")]
    topic: String,
    /// Send it only to this account's subscribers of the topic: `sub` of your back end's tokens, or
    /// a uid. No history keeps it
    #[serde(default)]
    #[schema(example = "alice")]
    account: Option<String>,
    /// Name of the event; those of Phoenix (`phx_`, `presence_`) are refused
    #[schema(min_length = 1, max_length = 64, example = "new_msg")]
    event: String,
    /// Payload of the event
    #[schema(value_type = Object, example = json!({ "body": "hello" }))]
    payload: Map<String, Value>,
}

/// Results of a batch
#[derive(Debug, Serialize, ToSchema)]
struct Published {
    /// The result of each message, in the same order
    results: Vec<MessageResult>,
}

/// Result of a message
#[derive(Debug, Serialize, ToSchema)]
struct MessageResult {
    result: Outcome,
}

/// What became of a message
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It was sent to at least one subscriber
    Sent,
    /// Nobody is in the topic, or nobody of the account. A history keeps a message to everybody all
    /// the same
    Nobody,
    /// The topic is not configured
    UnknownTopic,
    /// The name of the event is empty, longer than 64 characters or reserved
    InvalidEvent,
    /// The topic has a history, and the payload has an `_id`, which the server adds
    InvalidPayload,
}

/// Publishes up to 100 messages to configured topics
///
/// Each message has a result of its own: one that cannot be sent does not stop the others. But if
/// the body is invalid, or the token does not allow one of the topics, nothing is sent. With an
/// `Idempotency-Key`, a repeated request gets the first answer for ten minutes, with the header
/// `Idempotent-Replayed: true`, and nothing is sent again.
#[utoipa::path(
    operation_id = "publish", tag = "topics", request_body = Batch,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "A new random string for each request, the same for its repetitions; with or without quotation marks", pattern = "^(\"[!#-\\[\\]-~]{1,128}\"|[!#-\\[\\]-~]{1,128})$")
    ),
    security(("bearer" = ["publish"])),
    responses(
        (status = OK, body = Published),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json", description = "A request with this key is being handled"),
        (status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json", description = "Too many keys within ten minutes")
    )
)]
#[post("/publish", wrap = "from_fn(once)")]
pub(super) async fn publish(
    admin: web::Data<Admin>,
    caller: Caller,
    body: Body<Batch>,
) -> Result<web::Json<Published>, Problem> {
    let Batch { messages } = body.into_inner();
    if !(1..=MAX_MESSAGES).contains(&messages.len()) {
        let detail = "The field `messages` must have 1 to 100 messages.";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    messages.iter().try_for_each(|message| caller.check(Right::Publish, &message.topic))?;
    // All are handed over, in order, before the first result is awaited.
    let sent: Vec<_> = messages.into_iter().map(|message| send(&admin.channels, message)).collect();
    let results = join_all(sent).await.into_iter().map(|result| MessageResult { result }).collect();
    Ok(web::Json(Published { results }))
}

/// Hands a message over. The result is there once it is sent.
fn send(channels: &ConfiguredChannels, message: Message) -> impl Future<Output = Outcome> + use<> {
    let Message { topic, account, event, payload } = message;
    let published = if is_name(&event) && !is_reserved(&event) {
        channels.publish(&topic, account, event, Payload::of(&payload)).map_err(Outcome::of)
    } else {
        Err(Outcome::InvalidEvent)
    };
    async move {
        match published {
            Err(unsent) => unsent,
            Ok(sent) => match sent.await {
                0 => Outcome::Nobody,
                _ => Outcome::Sent,
            },
        }
    }
}

impl Outcome {
    fn of(unsent: Unsent) -> Self {
        match unsent {
            Unsent::NotConfigured => Self::UnknownTopic,
            Unsent::NotKept => Self::InvalidPayload,
        }
    }
}
