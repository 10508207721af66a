//! The documents that are parsed.

/// The JSON document that is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The payload of a channel's message.
    Payload,
    /// The body of a request.
    Body,
}

impl Document {
    pub(super) fn noun(self) -> &'static str {
        match self {
            Document::Payload => "payload",
            Document::Body => "body",
        }
    }
}
