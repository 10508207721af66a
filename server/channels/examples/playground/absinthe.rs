//! A stand-in for Absinthe's channel, so that GraphQL clients can try their transport.

use std::time::Duration;

use serde_json::json;
use vestibule_channels::{
    Channel, Context, HandleResult, Handled, Incoming, JoinReply, JoinResult, Payload, SubscriberId,
};

use crate::{channels::value, mounts::Connect};

/// How long after a subscription its only result comes.
const DELAY: Duration = Duration::from_millis(50);

/// `__absinthe__:control`: replies to a document with its own variables; a subscription gets them
/// once.
#[derive(Default)]
pub(crate) struct Absinthe {
    subscriptions: u64,
}

impl Channel for Absinthe {
    type ConnectAssigns = Connect;
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinResult<()> {
        Ok(JoinReply::empty(()))
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let document = value(&message.payload);
        let is_subscription =
            document["query"].as_str().is_some_and(|query| query.trim_start().starts_with("subscription"));
        Ok(match &*message.event {
            "doc" if is_subscription => {
                self.subscriptions += 1;
                let id = format!("__absinthe__:doc:{}", self.subscriptions);
                let data = json!({ "subscriptionId": id, "result": { "data": document["variables"] } });
                let who = message.from;
                cx.spawn(who, tokio::time::sleep(DELAY), move |_, cx, ()| {
                    cx.push(who, "subscription:data", Payload::of(&data));
                });
                Handled::ok(Payload::of(&json!({ "subscriptionId": id })))
            }
            "doc" => Handled::ok(Payload::of(&json!({ "data": document["variables"] }))),
            "unsubscribe" => {
                Handled::ok(Payload::of(&json!({ "subscriptionId": document["subscriptionId"] })))
            }
            _ => Handled::crash(),
        })
    }
}
