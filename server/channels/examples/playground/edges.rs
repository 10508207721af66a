//! The channel that does what the recorded application's channels had no event for.

use serde_json::json;
use vestibule_channels::channel::{Channel, Context, Incoming, Joining, MemberId, Next, Stop};
use vestibule_phoenix::message::Payload;

use crate::channels::value;

/// `edges:*` answers, pushes and broadcasts bytes whatever it is sent, and says a last word to who leaves.
pub(crate) struct Edges;

impl Channel for Edges {
    fn join(&mut self, _cx: &mut Context<'_, Self>, _who: MemberId, params: &Payload) -> Joining {
        match value(params)["answer"].as_str() {
            Some("bytes") => Joining::Ok(bytes()),
            Some("no") => Joining::Error(bytes()),
            _ => Joining::Ok(Payload::empty()),
        }
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> Next {
        let parameters = value(&message.payload);
        let event = parameters["event"].as_str().unwrap_or("bytes");
        match &*message.event {
            "echo" => Next::ok(message.payload),
            "bytes" => Next::ok(bytes()),
            "push_bytes" => {
                cx.push(message.from, event, bytes());
                Next::NoReply
            }
            "shout_bytes" => {
                cx.broadcast(event, bytes());
                Next::ok(Payload::empty())
            }
            "stop" => Next::Stop { reply: None, how: Stop::Normal },
            _ => Next::crash(),
        }
    }

    fn left(&mut self, cx: &mut Context<'_, Self>, who: MemberId) {
        cx.push(who, "last_word", Payload::of(&json!({ "bye": true })));
    }
}

fn bytes() -> Payload {
    Payload::Binary(vec![0xFF, 0x00].into())
}
