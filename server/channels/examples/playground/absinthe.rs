//! As much of Absinthe's channel as a GraphQL client needs to try its transport.

use std::time::Duration;

use serde_json::json;
use vestibule_channels::channel::{Channel, Context, HandleResult, Incoming, JoinReply, SubscriberId};
use vestibule_phoenix::message::Payload;

use crate::channels::value;

/// How long after a subscription its one result comes.
const DELAY: Duration = Duration::from_millis(50);

/// `__absinthe__:control`: a document is answered with its own variables; a subscription gets them once.
#[derive(Default)]
pub(crate) struct Absinthe {
    subscriptions: u64,
}

impl Channel for Absinthe {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId, _params: &Payload) -> JoinReply {
        JoinReply::Ok(Payload::empty())
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let document = value(&message.payload);
        let is_subscription =
            document["query"].as_str().is_some_and(|query| query.trim_start().starts_with("subscription"));
        match &*message.event {
            "doc" if is_subscription => {
                self.subscriptions += 1;
                let id = format!("__absinthe__:doc:{}", self.subscriptions);
                let data = json!({ "subscriptionId": id, "result": { "data": document["variables"] } });
                let who = message.from;
                cx.spawn(who, tokio::time::sleep(DELAY), move |_, cx, ()| {
                    cx.push(who, "subscription:data", Payload::of(&data));
                });
                HandleResult::ok(Payload::of(&json!({ "subscriptionId": id })))
            }
            "doc" => HandleResult::ok(Payload::of(&json!({ "data": document["variables"] }))),
            "unsubscribe" => {
                HandleResult::ok(Payload::of(&json!({ "subscriptionId": document["subscriptionId"] })))
            }
            _ => HandleResult::crash(),
        }
    }
}
