//! How messages look on the wire, and which of the ways a client speaks.
//!
//! A client names its way with the `vsn` parameter of the connection, and keeps to it: [V1](v1), JSON objects, where it
//! names none; or V2, which every phoenix.js since 1.4 speaks: [JSON arrays](v2) in text frames, and
//! [binary frames](v2_binary) for payloads of bytes. [MessagePack](msgpack) has mounts of its own.

mod json;
pub mod msgpack;
mod strict;
pub mod v1;
pub mod v2;
pub mod v2_binary;

use bytestring::ByteString;
use thiserror::Error;

use crate::message::{Frame, Message, Outgoing, Payload};

/// One way of writing messages, chosen when the connection opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serializer {
    /// Phoenix's V1: JSON objects.
    V1,
    /// Phoenix's V2: JSON arrays in text frames, bytes in binary frames.
    V2,
    /// The V2 array as one MessagePack value. No `vsn` names it; it is what a mount of its own speaks.
    MessagePack,
}

impl Serializer {
    /// How many serializers there are: the size of a cache with a place for each.
    pub const COUNT: usize = 3;

    /// Chooses by the connection's `vsn` parameter as Phoenix does: none is 1.0.0, and the requirements are `~> 1.0.0` and
    /// `~> 2.0.0`.
    pub fn negotiate(vsn: Option<&str>) -> Result<Self, UnsupportedVersion> {
        let vsn = vsn.unwrap_or("1.0.0");
        let (serializer, patch) = match (vsn.strip_prefix("1.0."), vsn.strip_prefix("2.0.")) {
            (Some(patch), _) => (Serializer::V1, patch),
            (_, Some(patch)) => (Serializer::V2, patch),
            _ => return Err(UnsupportedVersion),
        };
        let is_number = !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = patch.len() > 1 && patch.starts_with('0');
        if is_number && !has_leading_zero { Ok(serializer) } else { Err(UnsupportedVersion) }
    }

    /// This serializer's place in a cache of [`Serializer::COUNT`] places.
    pub fn index(self) -> usize {
        match self {
            Serializer::V1 => 0,
            Serializer::V2 => 1,
            Serializer::MessagePack => 2,
        }
    }

    /// Decodes one frame.
    pub fn decode(self, frame: Frame) -> Result<Message, DecodeError> {
        match (self, frame) {
            (Serializer::V1, Frame::Text(text)) => v1::decode(&text),
            (Serializer::V1, Frame::Binary(bytes)) => {
                let text = ByteString::try_from(bytes).map_err(|_| DecodeError::MalformedBinary)?;
                v1::decode(&text)
            }
            (Serializer::V2 | Serializer::MessagePack, Frame::Text(text)) => v2::decode_text(&text),
            (Serializer::MessagePack, Frame::Binary(bytes)) => msgpack::decode(&bytes),
            (Serializer::V2, Frame::Binary(bytes)) => v2_binary::decode(&bytes),
        }
    }

    /// Appends the bytes of `message` to `out`, and says which kind of frame they belong in.
    pub fn encode(self, message: &Outgoing, out: &mut Vec<u8>) -> Result<FrameKind, EncodeError> {
        match (self, message.payload()) {
            (Serializer::V1, Payload::Json(json)) => {
                v1::encode(message, json, out);
                Ok(FrameKind::Text)
            }
            (Serializer::V1, Payload::Binary(_) | Payload::User(_))
            | (Serializer::MessagePack, Payload::User(_)) => Err(EncodeError::NoBytes),
            (Serializer::V2, Payload::User(user)) => {
                v2_binary::encode_user(message, user, out)?;
                Ok(FrameKind::Binary)
            }
            (Serializer::MessagePack, _) => {
                msgpack::encode(message, out)?;
                Ok(FrameKind::Binary)
            }
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
///
/// It says where the frame goes wrong and not what stands there, for this is logged: the decoders' own words, which quote, are
/// in the source alone.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON, or not of the serializer's form.
    #[error("malformed JSON message at line {} column {}", .0.line(), .0.column())]
    Malformed(#[from] serde_json::Error),
    /// A lone surrogate, a float out of range, or a value that nests too deep.
    #[error("a surrogate, a float or a nesting out of bounds")]
    OutOfBounds,
    /// A binary frame of another kind than a push, shorter than its own lengths say, or with a text that is not UTF-8.
    #[error("malformed binary message")]
    MalformedBinary,
    /// Not MessagePack, not an array of at least five elements, or with a value that JSON has no form for.
    #[error("malformed MessagePack message")]
    MalformedMessagePack(#[from] rmp_serde::decode::Error),
}

/// A message that has no form in a serializer. Phoenix raises here, and the channel that sends it crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A payload of bytes for a client whose serializer has no form for it: V1 for none, MessagePack not for Supabase's.
    #[error("bytes have no form in this serializer")]
    NoBytes,
    /// V2's binary frames give a ref, a topic, an event and a status one byte for its length each, and refs that are no texts
    /// no place at all.
    #[error("the message does not fit this serializer's frame")]
    DoesNotFit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vsn_follows_phoenix() {
        for (vsn, serializer) in [
            (None, Serializer::V1),
            (Some("1.0.0"), Serializer::V1),
            (Some("1.0.7"), Serializer::V1),
            (Some("2.0.0"), Serializer::V2),
            (Some("2.0.10"), Serializer::V2),
        ] {
            assert_eq!(Serializer::negotiate(vsn), Ok(serializer), "{vsn:?}");
        }
        for bad in ["", "1", "2", "2.0", "1.1.0", "2.1.0", "2.0.0-rc.1", "2.0.", "2.0.01", "3.0.0", "2.0.x"] {
            assert_eq!(Serializer::negotiate(Some(bad)), Err(UnsupportedVersion), "{bad}");
        }
    }
}
