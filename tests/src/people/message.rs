//! Messages that a device receives.

use serde_json::Value;

/// A message from the server, `[join_ref, ref, topic, event, payload]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The join that it belongs to.
    pub join_ref: Option<String>,
    /// The ref that it replies to.
    pub reference: Option<String>,
    /// The topic.
    pub topic: String,
    /// The event.
    pub event: String,
    /// The payload.
    pub payload: Value,
    /// The message as received.
    pub text: String,
}

impl Message {
    /// Reads a text frame.
    ///
    /// # Panics
    /// If it is not a Phoenix message.
    pub fn parse(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).expect("a text frame is UTF-8");
        let malformed = || -> ! { panic!("no message: {text}") };
        let Ok((join_ref, reference, topic, event, payload)) = serde_json::from_str(&text) else {
            malformed()
        };
        Self { join_ref, reference, topic, event, payload, text }
    }
}

/// The reply to a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// `ok` or `error`.
    pub status: String,
    /// The response.
    pub response: Value,
    /// The whole message as received.
    pub text: String,
}

impl Reply {
    /// The reply in a message.
    ///
    /// # Panics
    /// If the message is not a reply.
    pub fn of(mut message: Message) -> Self {
        let status = message.payload["status"].as_str().expect("a reply's status").to_owned();
        Self { status, response: message.payload["response"].take(), text: message.text }
    }

    /// The response of a reply, which must be ok.
    ///
    /// # Panics
    /// If the reply is not ok.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, "ok", "{}", self.text);
        self.response
    }

    /// The reason of a reply, which must be a refusal.
    ///
    /// # Panics
    /// If it is not a refusal, or its shape is not the protocol's `{reason, detail?, retry_ms?}`.
    #[track_caller]
    pub fn refused(&self) -> &str {
        assert_eq!(self.status, "error", "{}", self.text);
        let fields = self.response.as_object().expect("a refusal is an object");
        let is_known = |name: &String| ["reason", "detail", "retry_ms"].contains(&name.as_str());
        assert!(fields.keys().all(is_known), "{}", self.text);
        self.response["reason"].as_str().unwrap_or_else(|| panic!("no reason: {}", self.text))
    }
}
