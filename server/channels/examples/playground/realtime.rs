//! The channel that Supabase's realtime-js expects: broadcasts inside the event `broadcast`, and
//! presence on demand.

use serde_json::{Value, json};
use vestibule_channels::{
    Channel, Context, HandleResult, Handled, Incoming, JoinReply, JoinResult, Payload, SubscriberId,
};

use crate::{
    channels::{a_map, value},
    mounts::Connect,
};

/// `realtime:*`. There is no database: a subscription to changes is accepted and never gets any.
pub(crate) struct Realtime;

/// What a subscriber asked for when it joined.
#[derive(Clone)]
pub(crate) struct Config {
    /// Whether its own broadcasts come back to it.
    hears_itself: bool,
    /// Whether its broadcasts are answered.
    wants_acks: bool,
    presence_key: String,
}

impl Channel for Realtime {
    type ConnectAssigns = Connect;
    type Assigns = Config;

    fn join(&mut self, _: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinResult<Config> {
        let config = &value(params)["config"];
        let key = config["presence"]["key"].as_str().filter(|key| !key.is_empty());
        let config = Config {
            hears_itself: config["broadcast"]["self"] == true,
            wants_acks: config["broadcast"]["ack"] == true,
            presence_key: key.map_or_else(|| format!("{}.{}", who.connection, who.join.0), str::to_owned),
        };
        Ok(JoinReply::Ok(config, Payload::of(&json!({ "postgres_changes": [] }))))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        cx.show_presence(who);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let config = cx.assigns(message.from).clone();
        Ok(match &*message.event {
            "broadcast" => {
                let payload = a_map(message.payload);
                if config.hears_itself {
                    cx.broadcast("broadcast", payload);
                } else {
                    cx.broadcast_from(message.from, "broadcast", payload);
                }
                if config.wants_acks { Handled::empty() } else { Handled::NoReply }
            }
            "presence" => {
                let presence = value(&message.payload);
                match (presence["event"].as_str(), &presence["payload"]) {
                    (Some("track"), Value::Object(meta)) => {
                        cx.untrack(message.from, &config.presence_key);
                        cx.track(message.from, &config.presence_key, meta.clone());
                    }
                    (Some("untrack"), _) => cx.untrack(message.from, &config.presence_key),
                    _ => return Err(Payload::empty().into()),
                }
                Handled::empty()
            }
            // Tokens are accepted and ignored.
            "access_token" => Handled::NoReply,
            _ => Handled::crash(),
        })
    }
}
