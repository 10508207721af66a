//! The form of messages on the wire.
//!
//! A client chooses its serializer with the `vsn` parameter of the connection: [V1](v1), JSON
//! objects, without one; or V2, which every phoenix.js since 1.4 uses: [JSON arrays](v2) in text
//! frames, and [binary frames](v2_binary) for payloads of bytes. [MessagePack](msgpack) has mounts
//! of its own.

mod json;
pub mod msgpack;
mod scan;
mod strict;
pub mod v1;
pub mod v2;
pub mod v2_binary;

use strum::EnumCount;
use thiserror::Error;

use crate::{
    lent::{Decoded, OutgoingRef},
    message::{FrameRef, Outgoing, Payload},
};

/// The longest ref, `join_ref`, topic and event, in bytes as they are written.
///
/// Phoenix has no limit but the frame's. A connection keeps the topic and the `join_ref` of each
/// join for as long as the join lasts, and replies repeat them. V2's binary frames have room for
/// 255 bytes.
pub const MAX_TERM: usize = 8192;

/// A form of messages, chosen when the connection opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumCount)]
pub enum Serializer {
    /// Phoenix's V1: JSON objects.
    V1,
    /// Phoenix's V2: JSON arrays in text frames, bytes in binary frames.
    V2,
    /// The V2 array as one MessagePack value. It has no `vsn`, but mounts of its own.
    MessagePack,
}

impl Serializer {
    /// How many serializers there are: the size of a cache with a place for each.
    pub const COUNT: usize = <Self as EnumCount>::COUNT;

    /// Chooses by the connection's `vsn` parameter as Phoenix does: without one it is 1.0.0, and
    /// the requirements are `~> 1.0.0` and `~> 2.0.0`.
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
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Decodes one frame. V2 and MessagePack have frames of both kinds; V1 takes either.
    pub fn decode<'a>(self, frame: impl Into<FrameRef<'a>>) -> Result<Decoded<'a>, DecodeError> {
        match (self, frame.into()) {
            (Serializer::V1, FrameRef::Text(text)) => v1::decode(text),
            (Serializer::V1, FrameRef::Binary(bytes)) => {
                v1::decode(str::from_utf8(bytes).map_err(|_| DecodeError::MalformedBinary)?)
            }
            (Serializer::V2 | Serializer::MessagePack, FrameRef::Text(text)) => v2::decode_text(text),
            (Serializer::MessagePack, FrameRef::Binary(bytes)) => msgpack::decode(bytes).map(Decoded::Kept),
            (Serializer::V2, FrameRef::Binary(bytes)) => v2_binary::decode(bytes).map(Decoded::Kept),
        }
    }

    /// Appends the bytes of `message` to `out`, and returns the kind of frame they belong in.
    pub fn encode(self, message: &Outgoing, out: &mut Vec<u8>) -> Result<FrameKind, EncodeError> {
        self.encode_lent(&message.into(), out)
    }

    /// As [`Serializer::encode`].
    pub fn encode_lent(self, message: &OutgoingRef<'_>, out: &mut Vec<u8>) -> Result<FrameKind, EncodeError> {
        match (self, message.payload) {
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

/// The client asked for a `vsn` that this server does not support. Phoenix refuses the connection
/// with HTTP 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no serializer for this vsn")]
pub struct UnsupportedVersion;

/// A frame that is not a message. Phoenix closes the connection with 1011 and an empty reason.
///
/// The text says where the frame is malformed, not what is there, because it is logged: the
/// decoders' own messages quote the frame, and are in the source alone.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON, or not of the serializer's shape.
    #[error("malformed JSON message at line {} column {}", .0.line(), .0.column())]
    Malformed(#[from] serde_json::Error),
    /// A lone surrogate, a float out of range, or a value that nests too deep.
    #[error("a surrogate, a float or a nesting out of bounds")]
    OutOfBounds,
    /// A ref, a topic or an event exceeds [`MAX_TERM`] bytes.
    #[error("a ref, a topic or an event is too long")]
    TermTooLong,
    /// A binary frame that is not a push, that is shorter than its own lengths say, or that has a
    /// text that is not UTF-8.
    #[error("malformed binary message")]
    MalformedBinary,
    /// Not MessagePack, not an array of at least five elements, or with a value that JSON cannot
    /// express.
    #[error("malformed MessagePack message")]
    MalformedMessagePack(#[from] rmp_serde::decode::Error),
}

/// A serializer cannot express this message. Phoenix raises here, and the channel that sends the
/// message crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The payload is bytes, and the client's serializer cannot express it: V1 none, MessagePack
    /// none of Supabase's.
    #[error("bytes have no form in this serializer")]
    NoBytes,
    /// V2's binary frames have one byte for the length of a ref, a topic, an event or a status, and
    /// cannot express refs that are not strings.
    #[error("the message does not fit this serializer's frame")]
    DoesNotFit,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use bytestring::ByteString;

    use super::*;
    use crate::message::{Frame, Message};

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

    /// A frame of each kind whose join_ref, ref, topic and event have these lengths in bytes.
    fn frames(lengths: [usize; 4]) -> [(Serializer, Frame); 3] {
        let json = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        let [join_ref, reference, topic, event] = lengths.map(json);
        let v1 = format!(
            r#"{{"topic":{topic},"event":{event},"payload":{{}},"ref":{reference},"join_ref":{join_ref}}}"#
        );
        let v2 = format!("[{join_ref},{reference},{topic},{event},{{}}]");
        let mut msgpack = vec![0x95];
        for length in lengths {
            msgpack.extend([&[0xDA][..], &u16::try_from(length).unwrap().to_be_bytes()].concat());
            msgpack.extend("x".repeat(length).bytes());
        }
        msgpack.push(0x80);
        [
            (Serializer::V1, Frame::Text(v1.into())),
            (Serializer::V2, Frame::Text(v2.into())),
            (Serializer::MessagePack, Frame::Binary(msgpack.into())),
        ]
    }

    #[test]
    fn the_length_of_refs_topics_and_events_is_bounded() {
        for (serializer, frame) in frames([MAX_TERM; 4]) {
            assert!(serializer.decode(&frame).is_ok(), "{serializer:?}");
        }
        for field in 0..4 {
            let mut lengths = [3; 4];
            lengths[field] = MAX_TERM + 1;
            for (serializer, frame) in frames(lengths) {
                assert!(serializer.decode(&frame).is_err(), "{serializer:?}, field {field}");
            }
        }
        let odd = |digits: usize| Frame::Text(format!("[{},1,\"t\",\"e\",{{}}]", "9".repeat(digits)).into());
        assert!(Serializer::V2.decode(&odd(MAX_TERM)).is_ok());
        assert!(Serializer::V2.decode(&odd(MAX_TERM + 1)).is_err());
    }

    fn overlap(one: &[u8], other: &[u8]) -> bool {
        let (one, other) = (one.as_ptr_range(), other.as_ptr_range());
        one.start < other.end && other.start < one.end
    }

    /// A small part of a frame that is kept must not keep the frame, nor the buffer that it was
    /// read into.
    #[test]
    fn no_part_of_a_message_keeps_its_frame() {
        let text = ByteString::from(r#"["1","2","topic","event",{"k":"v"}]"#);
        let binary = Bytes::from_static(b"\x00\x01\x01\x01\x0212tev\xff\x00");
        let user = Bytes::from_static(b"\x03\x01\x01\x01\x02\x00\x0012tev\xff\x00");
        let msgpack = Bytes::from_static(b"\x95\xa11\xa12\xa1t\xa1e\xc4\x02\xff\x00");
        for (serializer, frame, bytes) in [
            (Serializer::V2, Frame::Text(text.clone()), text.as_bytes()),
            (Serializer::V2, Frame::Binary(binary.clone()), &binary),
            (Serializer::V2, Frame::Binary(user.clone()), &user),
            (Serializer::MessagePack, Frame::Binary(msgpack.clone()), &msgpack),
        ] {
            let message = serializer.decode(&frame).unwrap().into_message();
            let Message { join_ref, reference, topic, event, payload } = &message;
            for term in [join_ref, reference, topic, event] {
                assert!(!overlap(term.as_text().unwrap().as_bytes(), bytes), "{message:?}");
            }
            let kept = match payload {
                Payload::Json(json) => json.as_str().as_bytes(),
                Payload::Binary(bytes) => bytes,
                Payload::User(user) => &user.bytes,
            };
            assert!(!overlap(kept, bytes), "{message:?}");
        }
    }
}
