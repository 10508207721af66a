//! The channel for cases that the recorded application's channels had no event for.

use serde_json::json;
use vestibule_channels::{
    Channel, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult, Payload, Stop,
    SubscriberId,
};

use crate::{channels::value, mounts::Connect};

/// `edges:*` replies, pushes and broadcasts bytes, and pushes a last word to subscribers that
/// leave.
pub(crate) struct Edges;

impl Channel for Edges {
    type ConnectAssigns = Connect;
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, params: &Payload) -> JoinResult<()> {
        match value(params)["answer"].as_str() {
            Some("bytes") => Ok(JoinReply::Ok((), bytes())),
            Some("no") => Err(ErrorReply(bytes())),
            _ => Ok(JoinReply::empty(())),
        }
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let parameters = value(&message.payload);
        let event = parameters["event"].as_str().unwrap_or("bytes");
        Ok(match &*message.event {
            "echo" => Handled::ok(message.payload),
            "bytes" => Handled::ok(bytes()),
            "push_bytes" => {
                cx.push(message.from, event, bytes());
                Handled::NoReply
            }
            "shout_bytes" => {
                cx.broadcast(event, bytes());
                Handled::empty()
            }
            "stop" => Handled::Stop { reply: None, how: Stop::Normal },
            _ => Handled::crash(),
        })
    }

    fn left(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        cx.push(who, "last_word", Payload::of(&json!({ "bye": true })));
    }
}

fn bytes() -> Payload {
    Payload::Binary(vec![0xFF, 0x00].into())
}
