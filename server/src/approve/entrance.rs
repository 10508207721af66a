//! What is checked of a join before there is a room or an inbox: nothing is started for what does not exist, nor for who may not
//! come in.

use std::{sync::Weak, time::Duration};

use serde_json::json;
use vestibule_approve::{
    refusal::{Reason, Refusal},
    signed::{Rid, Uid},
};
use vestibule_channels::{channel::Client, topic::TurnedAway};
use vestibule_phoenix::message::Payload;

use super::{Flow, events, identity::Identity};

/// How long a join without a valid token waits for its answer, so that a client that tries again at once is no load.
const REFUSAL_DELAY: Duration = Duration::from_millis(300);

/// The room that a topic names, if it does.
pub(super) fn rid_of(topic: &str) -> Option<Rid> {
    topic.strip_prefix("room:")?.parse().ok()
}

/// The user whose inbox a topic names, if it does.
pub(super) fn owner_of(topic: &str) -> Option<Uid> {
    topic.strip_prefix("user:")?.parse().ok()
}

/// Lets everybody who has signed in join a room.
pub(super) fn to_room(
    flow: &Weak<Flow>,
    topic: &str,
    client: &Client,
    params: &Payload,
) -> Result<(), TurnedAway> {
    rid_of(topic).ok_or_else(unmatched)?;
    check(flow, client, params, |_| true)
}

/// Lets its owner join an inbox.
pub(super) fn to_inbox(
    flow: &Weak<Flow>,
    topic: &str,
    client: &Client,
    params: &Payload,
) -> Result<(), TurnedAway> {
    let owner = owner_of(topic).ok_or_else(unmatched)?;
    check(flow, client, params, |uid| *uid == owner)
}

/// As in Phoenix, of a topic that no channel serves.
fn unmatched() -> TurnedAway {
    TurnedAway::now(Payload::of(&json!({ "reason": "unmatched topic" })))
}

fn check(
    flow: &Weak<Flow>,
    client: &Client,
    params: &Payload,
    may_enter: impl FnOnce(&Uid) -> bool,
) -> Result<(), TurnedAway> {
    let user = client.assigns::<Identity>().and_then(|identity| identity.uid);
    if !user.is_some_and(|uid| may_enter(&uid)) {
        let refusal = Refusal::from(Reason::Unauthorized);
        if let Some(flow) = flow.upgrade() {
            flow.metrics.refused(&refusal);
        }
        return Err(TurnedAway { response: Payload::of(&refusal), after: REFUSAL_DELAY });
    }
    match events::parse_join(params) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(TurnedAway::now(Payload::of(&refusal))),
    }
}
