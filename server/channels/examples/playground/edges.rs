//! The channel that does what the recorded application's channels had no event for.

use serde_json::json;
use vestibule_channels::channel::{Channel, Context, HandleResult, Incoming, JoinReply, Stop, SubscriberId};
use vestibule_phoenix::message::Payload;

use crate::channels::value;

/// `edges:*` answers, pushes and broadcasts bytes whatever it is sent, and says a last word to who leaves.
pub(crate) struct Edges;

impl Channel for Edges {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: SubscriberId, params: &Payload) -> JoinReply {
        match value(params)["answer"].as_str() {
            Some("bytes") => JoinReply::Ok(bytes()),
            Some("no") => JoinReply::Error(bytes()),
            _ => JoinReply::Ok(Payload::empty()),
        }
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let parameters = value(&message.payload);
        let event = parameters["event"].as_str().unwrap_or("bytes");
        match &*message.event {
            "echo" => HandleResult::ok(message.payload),
            "bytes" => HandleResult::ok(bytes()),
            "push_bytes" => {
                cx.push(message.from, event, bytes());
                HandleResult::NoReply
            }
            "shout_bytes" => {
                cx.broadcast(event, bytes());
                HandleResult::ok(Payload::empty())
            }
            "stop" => HandleResult::Stop { reply: None, how: Stop::Normal },
            _ => HandleResult::crash(),
        }
    }

    fn left(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        cx.push(who, "last_word", Payload::of(&json!({ "bye": true })));
    }
}

fn bytes() -> Payload {
    Payload::Binary(vec![0xFF, 0x00].into())
}
