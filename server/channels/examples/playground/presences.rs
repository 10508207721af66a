//! The channel that shows who is there.

use std::collections::HashMap;

use serde_json::Value;
use vestibule_channels::channel::{Channel, Context, HandleResult, Incoming, JoinReply, SubscriberId};
use vestibule_phoenix::{message::Payload, presence::Meta};

use crate::channels::value;

/// `presence:*` shows who is there: the key is the parameter `user`.
#[derive(Default)]
pub(crate) struct Presences {
    keys: HashMap<SubscriberId, String>,
    /// What they said of their devices, until they are in.
    devices: HashMap<SubscriberId, Value>,
}

impl Channel for Presences {
    fn join(&mut self, _cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinReply {
        let Value::Object(mut params) = value(params) else { panic!("parameters are a map") };
        let key = match params.get("user") {
            Some(Value::String(user)) => user.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        self.keys.insert(who, key);
        self.devices.insert(who, params.remove("device").unwrap_or_default());
        JoinReply::Ok(Payload::empty())
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        let device = self.devices.remove(&who).unwrap_or_default();
        let meta = Meta::from_iter([("device".to_owned(), device)]);
        cx.track(who, &self.keys[&who], meta);
        cx.show_presence(who);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let who = message.from;
        match &*message.event {
            "update" => {
                let Value::Object(change) = value(&message.payload) else { return HandleResult::crash() };
                cx.update(who, &self.keys[&who], |meta| meta.extend(change));
                HandleResult::ok(Payload::empty())
            }
            "untrack" => {
                cx.untrack(who, &self.keys[&who]);
                HandleResult::ok(Payload::empty())
            }
            "track_also" => {
                let key = value(&message.payload)["key"].as_str().unwrap_or_default().to_owned();
                let is_new = cx.track(who, &key, Meta::from_iter([("also".to_owned(), true.into())]));
                if is_new {
                    HandleResult::ok(Payload::empty())
                } else {
                    HandleResult::error(Payload::empty())
                }
            }
            "list" => HandleResult::ok(cx.presence_state()),
            _ => HandleResult::crash(),
        }
    }

    fn left(&mut self, _cx: &mut Context<'_, Self>, who: SubscriberId) {
        self.keys.remove(&who);
        self.devices.remove(&who);
    }
}
