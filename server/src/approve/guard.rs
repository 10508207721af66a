//! Checks a join before its topic starts, so that a refused join starts nothing.

use std::time::Duration;

use serde_json::json;
use vestibule_approve::{
    refusal::{Reason, Refusal},
    signed::Uid,
};
use vestibule_channels::{Client, JoinRefusal, Payload};

use super::{identity::Identity, payloads, services::Services, topic::Topic};

/// How long a join without a valid token waits for its answer, so that clients that retry at once
/// cause little load.
const REFUSAL_DELAY: Duration = Duration::from_millis(300);

/// Admits every signed-in user to a room.
pub(super) fn join_room(
    services: &Services,
    topic: &str,
    client: &Client<Identity>,
    params: &Payload,
) -> Result<(), JoinRefusal> {
    match topic.parse() {
        Ok(Topic::Room(_)) => check(services, client, params, |_| true),
        _ => Err(unmatched()),
    }
}

/// Admits only the owner to an inbox.
pub(super) fn join_inbox(
    services: &Services,
    topic: &str,
    client: &Client<Identity>,
    params: &Payload,
) -> Result<(), JoinRefusal> {
    match topic.parse() {
        Ok(Topic::Inbox(owner)) => check(services, client, params, |uid| *uid == owner),
        _ => Err(unmatched()),
    }
}

/// Phoenix's answer for a topic without a channel.
fn unmatched() -> JoinRefusal {
    JoinRefusal::now(Payload::of(&json!({ "reason": "unmatched topic" })))
}

fn check(
    services: &Services,
    client: &Client<Identity>,
    params: &Payload,
    may_join: impl FnOnce(&Uid) -> bool,
) -> Result<(), JoinRefusal> {
    if !client.assigns.uid.is_some_and(|uid| may_join(&uid)) {
        let refusal = Refusal::from(Reason::Unauthorized);
        services.metrics.refused(&refusal);
        return Err(JoinRefusal { response: Payload::of(&refusal), delay: REFUSAL_DELAY });
    }
    match payloads::parse_join(params) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(JoinRefusal::now(Payload::of(&refusal))),
    }
}
