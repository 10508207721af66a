//! The channel that Supabase's realtime-js expects: broadcasts inside the event `broadcast`, and presence on demand.

use std::collections::HashMap;

use serde_json::{Value, json};
use vestibule_channels::channel::{Channel, Context, HandleResult, Incoming, JoinReply, SubscriberId};
use vestibule_phoenix::message::Payload;

use crate::channels::{a_map, value};

/// `realtime:*`. Databases have no place here: a subscription to changes is accepted and never hears of any.
#[derive(Default)]
pub(crate) struct Realtime {
    members: HashMap<SubscriberId, Config>,
}

/// What a member asked for when it joined.
struct Config {
    /// Whether its own broadcasts come back to it.
    hears_itself: bool,
    /// Whether its broadcasts are answered.
    wants_acks: bool,
    /// Its presence key.
    key: String,
}

impl Channel for Realtime {
    fn join(&mut self, _cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinReply {
        let config = &value(params)["config"];
        let key = config["presence"]["key"].as_str().filter(|key| !key.is_empty());
        let config = Config {
            hears_itself: config["broadcast"]["self"] == true,
            wants_acks: config["broadcast"]["ack"] == true,
            key: key.map_or_else(|| format!("{}.{}", who.connection, who.join.0), str::to_owned),
        };
        self.members.insert(who, config);
        JoinReply::Ok(Payload::of(&json!({ "postgres_changes": [] })))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        cx.show_presence(who);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let Some(config) = self.members.get(&message.from) else { return HandleResult::crash() };
        let answer = || HandleResult::ok(Payload::empty());
        match &*message.event {
            "broadcast" => {
                let payload = a_map(message.payload);
                if config.hears_itself {
                    cx.broadcast("broadcast", payload);
                } else {
                    cx.broadcast_from(message.from, "broadcast", payload);
                }
                if config.wants_acks { answer() } else { HandleResult::NoReply }
            }
            "presence" => {
                let presence = value(&message.payload);
                match (presence["event"].as_str(), &presence["payload"]) {
                    (Some("track"), Value::Object(meta)) => {
                        cx.untrack(message.from, &config.key);
                        cx.track(message.from, &config.key, meta.clone());
                    }
                    (Some("untrack"), _) => cx.untrack(message.from, &config.key),
                    _ => return HandleResult::error(Payload::empty()),
                }
                answer()
            }
            // Tokens are taken and looked at by nobody.
            "access_token" => HandleResult::NoReply,
            _ => HandleResult::crash(),
        }
    }

    fn left(&mut self, _cx: &mut Context<'_, Self>, who: SubscriberId) {
        self.members.remove(&who);
    }
}
