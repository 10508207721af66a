//! The channel with presence.

use serde_json::{Map, Value};
use vestibule_channels::{
    Channel, Context, HandleResult, Handled, Incoming, JoinReply, JoinResult, Meta, Payload, SubscriberId,
};

use crate::mounts::Connect;

/// `presence:*` lists its subscribers, under the key that the parameter `user` gives.
pub(crate) struct Presences;

/// What a subscriber said when it joined.
#[derive(Clone)]
pub(crate) struct Present {
    key: String,
    device: Value,
}

impl Channel for Presences {
    type ConnectAssigns = Connect;
    type Assigns = Present;

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, params: &Payload) -> JoinResult<Present> {
        let mut params: Map<String, Value> = params.parse().expect("parameters are a map");
        let key = match params.get("user") {
            Some(Value::String(user)) => user.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let device = params.remove("device").unwrap_or_default();
        Ok(JoinReply::empty(Present { key, device }))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        let Present { key, device } = cx.assigns(who).clone();
        cx.track(who, &key, Meta::from_iter([("device".to_owned(), device)]));
        cx.show_presence(who);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let who = message.from;
        let Present { key, .. } = cx.assigns(who).clone();
        match &*message.event {
            "update" => {
                let Ok(change) = message.payload.parse::<Meta>() else { return Ok(Handled::crash()) };
                cx.update(who, &key, |meta| meta.extend(change));
            }
            "untrack" => cx.untrack(who, &key),
            "track_also" => {
                let payload: Value = message.payload.parse()?;
                let key = payload["key"].as_str().unwrap_or_default();
                let meta = Meta::from_iter([("also".to_owned(), true.into())]);
                if !cx.track(who, key, meta) {
                    return Err(Payload::empty().into());
                }
            }
            "list" => return Ok(Handled::ok(cx.presence_state())),
            _ => return Ok(Handled::crash()),
        }
        Ok(Handled::empty())
    }
}
