//! How messages look on the wire, and which of the ways a client speaks.
//!
//! A client names its way with the `vsn` parameter of the connection, and keeps to it. Today there is V2, which every
//! phoenix.js since 1.4 speaks: [JSON arrays](v2) in text frames, and [binary frames](v2_binary) for payloads of bytes.

mod strict;
pub mod v2;
pub mod v2_binary;

use thiserror::Error;

use crate::message::{Frame, Message, Outgoing, Payload};

/// One way of writing messages, chosen when the connection opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serializer {
    /// Phoenix's V2: JSON arrays in text frames, bytes in binary frames.
    V2,
}

impl Serializer {
    /// How many serializers there are: the size of a cache with a place for each.
    pub const COUNT: usize = 1;

    /// Chooses by the connection's `vsn` parameter as Phoenix does, whose requirement is `~> 2.0.0`.
    pub fn negotiate(vsn: Option<&str>) -> Result<Self, UnsupportedVersion> {
        let patch = vsn.and_then(|vsn| vsn.strip_prefix("2.0.")).unwrap_or_default();
        let is_number = !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = patch.len() > 1 && patch.starts_with('0');
        if is_number && !has_leading_zero { Ok(Serializer::V2) } else { Err(UnsupportedVersion) }
    }

    /// This serializer's place in a cache of [`Serializer::COUNT`] places.
    pub fn index(self) -> usize {
        match self {
            Serializer::V2 => 0,
        }
    }

    /// Decodes one frame.
    pub fn decode(self, frame: Frame) -> Result<Message, DecodeError> {
        match (self, frame) {
            (Serializer::V2, Frame::Text(text)) => v2::decode_text(&text),
            (Serializer::V2, Frame::Binary(bytes)) => v2_binary::decode(&bytes),
        }
    }

    /// Appends the bytes of `message` to `out`, and says which kind of frame they belong in.
    pub fn encode(self, message: &Outgoing, out: &mut Vec<u8>) -> Result<FrameKind, EncodeError> {
        match (self, message.payload()) {
            (Serializer::V2, Payload::Json(json)) => {
                v2::encode_text(message, json, out);
                Ok(FrameKind::Text)
            }
            (Serializer::V2, Payload::Binary(bytes)) => {
                v2_binary::encode(message, bytes, out)?;
                Ok(FrameKind::Binary)
            }
        }
    }
}

/// The kind of WebSocket frame that encoded bytes belong in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A text frame.
    Text,
    /// A binary frame.
    Binary,
}

/// The client asked for a `vsn` that this server does not speak. Phoenix refuses the connection (HTTP 403).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no serializer for this vsn")]
pub struct UnsupportedVersion;

/// A frame that is no message. Phoenix closes the connection with 1011 and an empty reason.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON, or not an array of at least five elements.
    #[error("malformed message: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A binary frame of another kind than a push, shorter than its own lengths say, or with a text that is not UTF-8.
    #[error("malformed binary message")]
    MalformedBinary,
}

/// A message that has no bytes in a serializer: V2's binary frames give a ref, a topic, an event and a status one byte
/// for its length each, and refs that are numbers no place at all. Phoenix raises here, and its channel crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a ref, topic, event or status does not fit a binary frame")]
pub struct EncodeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vsn_follows_phoenix() {
        for good in ["2.0.0", "2.0.1", "2.0.10"] {
            assert_eq!(Serializer::negotiate(Some(good)), Ok(Serializer::V2), "{good}");
        }
        for bad in ["", "2", "2.0", "2.1.0", "2.0.0-rc.1", "2.0.", "2.0.01", "3.0.0", "2.0.x"] {
            assert_eq!(Serializer::negotiate(Some(bad)), Err(UnsupportedVersion), "{bad}");
        }
        assert_eq!(Serializer::negotiate(None), Err(UnsupportedVersion));
    }
}
