//! A chat: people say things in rooms, and see who else is there.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use vestibule_channels::{
    Channel, ConnectInfo, Connected, Context, Endpoint, ErrorReply, HandleResult, Handled, Incoming,
    JoinReply, JoinResult, Meta, Payload, Refused, SocketHandler, SubscriberId, TopicRegistry,
};

/// The user of a connection, who is anybody with a name.
pub(crate) struct User {
    name: String,
}

pub(crate) struct UserSocket;

impl SocketHandler for UserSocket {
    type Assigns = User;

    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected<User>, Refused> {
        let name = info.params.get("name").and_then(Value::as_str).ok_or_else(Refused::default)?;
        Ok(Connected::new(User { name: name.to_owned() }).with_id(format!("user:{name}")))
    }
}

/// `room:*`: a room, and how much has been said in it.
#[derive(Default)]
pub(crate) struct Room {
    messages: u64,
}

#[derive(Deserialize)]
struct Say {
    text: String,
}

impl Channel for Room {
    type ConnectAssigns = User;
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinResult<()> {
        Ok(JoinReply::Ok((), Payload::of(&json!({ "messages": self.messages }))))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        let name = cx.connect_assigns(who).name.clone();
        cx.track(who, &name, Meta::new());
        cx.show_presence(who);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        match &*message.event {
            "say" => {
                let Say { text } = message.payload.parse()?;
                self.messages += 1;
                let name = &cx.connect_assigns(message.from).name;
                cx.broadcast("said", Payload::of(&json!({ "name": name, "text": text })));
                Ok(Handled::empty())
            }
            _ => Err(ErrorReply::reason("unknown event")),
        }
    }
}

pub(crate) fn endpoint() -> Arc<Endpoint<User>> {
    Endpoint::builder(UserSocket).route("room:*", TopicRegistry::new(|_topic| Room::default())).build()
}
