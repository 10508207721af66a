//! Phoenix's V2 serializer, binary frames: a kind, one byte for the length of each text, the texts,
//! and the payload.
//!
//! | kind | from | lengths |
//! |---|---|---|
//! | 0 push | client | join_ref, ref, topic, event |
//! | 0 push | server | join_ref, topic, event |
//! | 1 reply | server | join_ref, ref, topic, status |
//! | 2 broadcast | server | topic, event |
//! | 3 user broadcast | client | join_ref, ref, topic, user event, metadata; then the encoding |
//! | 4 user broadcast | server | topic, user event, metadata; then the encoding |
//!
//! Kinds 3 and 4 are Supabase's (realtime-js 2.x): a user-defined event inside the event
//! `broadcast`. The encoding is 0 for bytes and 1 for JSON. JSON becomes what it would be in a text
//! frame.

use bytes::Bytes;
use bytestring::ByteString;
use serde_json::{Value, value::RawValue};

use super::{DecodeError, EncodeError, strict};
use crate::{
    lent::{Kind, OutgoingRef, TermRef},
    message::{Json, Message, Payload, Term, UserBroadcast},
};

const PUSH: u8 = 0;
const REPLY: u8 = 1;
const BROADCAST: u8 = 2;
const USER_PUSH: u8 = 3;
const USER_BROADCAST: u8 = 4;

const BYTES: u8 = 0;
const JSON: u8 = 1;

/// Decodes a client's frame. An empty ref stays an empty string, which no join has, as in Phoenix.
pub fn decode(frame: &[u8]) -> Result<Message, DecodeError> {
    match frame.first() {
        Some(&PUSH) => decode_push(frame),
        Some(&USER_PUSH) => decode_user_push(frame),
        _ => Err(DecodeError::MalformedBinary),
    }
}

fn decode_push(frame: &[u8]) -> Result<Message, DecodeError> {
    let Some((&[_, join_ref, reference, topic, event], mut rest)) = frame.split_first_chunk() else {
        return Err(DecodeError::MalformedBinary);
    };
    Ok(Message {
        join_ref: Term::Text(take(&mut rest, join_ref)?),
        reference: Term::Text(take(&mut rest, reference)?),
        topic: Term::Text(take(&mut rest, topic)?),
        event: Term::Text(take(&mut rest, event)?),
        payload: Payload::Binary(Bytes::copy_from_slice(rest)),
    })
}

fn decode_user_push(frame: &[u8]) -> Result<Message, DecodeError> {
    let Some((&[_, join_ref, reference, topic, event, metadata, encoding], mut rest)) =
        frame.split_first_chunk()
    else {
        return Err(DecodeError::MalformedBinary);
    };
    let join_ref = Term::Text(take(&mut rest, join_ref)?);
    let reference = Term::Text(take(&mut rest, reference)?);
    let topic = Term::Text(take(&mut rest, topic)?);
    let event = take(&mut rest, event)?;
    let metadata = take(&mut rest, metadata)?;
    if !metadata.is_empty() {
        checked(&metadata)?;
    }
    let payload = match encoding {
        BYTES => {
            let bytes = Bytes::copy_from_slice(rest);
            Payload::User(Box::new(UserBroadcast { event, metadata, bytes }))
        }
        JSON => {
            let text = str::from_utf8(rest).map_err(|_| DecodeError::MalformedBinary)?;
            let payload = checked(text)?;
            Payload::Json(user_json(&event, &metadata, &payload)?)
        }
        _ => return Err(DecodeError::MalformedBinary),
    };
    Ok(Message { join_ref, reference, topic, event: "broadcast".into(), payload })
}

/// Takes a text out of the frame, and copies it: a channel that keeps it must not keep the buffer
/// that the frame was read into. Payloads are copied too.
fn take(rest: &mut &[u8], length: u8) -> Result<ByteString, DecodeError> {
    let text = rest.split_off(..usize::from(length)).ok_or(DecodeError::MalformedBinary)?;
    str::from_utf8(text).map(ByteString::from).map_err(|_| DecodeError::MalformedBinary)
}

/// A text that is JSON to the last character.
fn checked(text: &str) -> Result<Json, DecodeError> {
    let raw: &RawValue = serde_json::from_str(text)?;
    strict::check(raw.get())?;
    Ok(Json::trusted(raw.get().into()))
}

/// The payload that realtime-js would send in a text frame.
fn user_json(event: &str, metadata: &str, payload: &Json) -> Result<Json, DecodeError> {
    let raw: &RawValue = serde_json::from_str(payload.as_str())?;
    let event = Value::from(event);
    let meta = if metadata.is_empty() { String::new() } else { format!("\"meta\":{metadata},") };
    let text = format!("{{\"event\":{event},{meta}\"type\":\"broadcast\",\"payload\":{raw}}}");
    // Each part may nest as deep as a payload may, and is one level deeper now.
    strict::check(&text)?;
    Ok(Json::trusted(text.into()))
}

/// Appends `message`, whose payload is `bytes`, as a V2 binary frame.
pub fn encode(message: &OutgoingRef<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (join_ref, topic) = (term(message.join_ref), term(message.topic)?);
    match message.kind {
        Kind::Reply(status) => {
            put_head(out, REPLY, &[join_ref?, term(message.reference)?, topic, status.as_str()])?;
        }
        Kind::Push(event) => put_head(out, PUSH, &[join_ref?, topic, event])?,
        Kind::Broadcast(event) => put_head(out, BROADCAST, &[topic, event])?,
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Appends a broadcast of Supabase's dialect, which cannot express a reply or a push.
pub fn encode_user(
    message: &OutgoingRef<'_>,
    user: &UserBroadcast,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let Kind::Broadcast(_) = message.kind else { return Err(EncodeError::DoesNotFit) };
    out.push(USER_BROADCAST);
    let texts = [term(message.topic)?, &user.event, &user.metadata];
    put_lengths(out, &texts)?;
    out.push(BYTES);
    put_texts(out, &texts);
    out.extend_from_slice(&user.bytes);
    Ok(())
}

fn put_head(out: &mut Vec<u8>, kind: u8, texts: &[&str]) -> Result<(), EncodeError> {
    out.push(kind);
    put_lengths(out, texts)?;
    put_texts(out, texts);
    Ok(())
}

fn put_lengths(out: &mut Vec<u8>, texts: &[&str]) -> Result<(), EncodeError> {
    for text in texts {
        out.push(u8::try_from(text.len()).map_err(|_| EncodeError::DoesNotFit)?);
    }
    Ok(())
}

fn put_texts(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

fn term(term: TermRef<'_>) -> Result<&str, EncodeError> {
    match term {
        TermRef::Null => Ok(""),
        TermRef::Text(text) => Ok(text),
        TermRef::Other(_) => Err(EncodeError::DoesNotFit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Broadcast, Outgoing, Push, Reply, Status};

    fn encoded(message: impl Into<Outgoing>) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        encode(&(&message.into()).into(), &[0xff, 0x00], &mut out).map(|()| out)
    }

    #[test]
    fn decodes_a_push() {
        let message = decode(b"\x00\x01\x02\x06\x04123room:aecho\xff\x00").unwrap();
        assert_eq!(message.join_ref, "1".into());
        assert_eq!(message.reference, "23".into());
        assert_eq!(message.topic, "room:a".into());
        assert_eq!(message.event, "echo".into());
        assert_eq!(message.payload, Payload::Binary(Bytes::from_static(b"\xff\x00")));
    }

    #[test]
    fn refuses_short_frames_other_kinds_and_invalid_utf8() {
        let good = b"\x00\x01\x01\x01\x01abcd";
        assert!(decode(good).is_ok());
        for length in 0..good.len() {
            assert!(decode(&good[..length]).is_err(), "{length}");
        }
        assert!(decode(b"\x01\x01\x01\x01\x01abcd").is_err());
        assert!(decode(b"\x00\x01\x01\x01\x01ab\xffd").is_err());
    }

    #[test]
    fn encodes_each_kind() {
        let reply = Reply {
            join_ref: "1".into(),
            reference: "23".into(),
            topic: "t".into(),
            status: Status::Ok,
            response: Payload::empty(),
        };
        assert_eq!(encoded(reply.clone()).unwrap(), b"\x01\x01\x02\x01\x02123tok\xff\x00");
        assert_eq!(
            encoded(Reply { reference: Term::Other("1".into()), ..reply.clone() }),
            Err(EncodeError::DoesNotFit)
        );
        assert!(encoded(Reply { join_ref: "x".repeat(255).as_str().into(), ..reply.clone() }).is_ok());
        assert_eq!(
            encoded(Reply { join_ref: "x".repeat(256).as_str().into(), ..reply }),
            Err(EncodeError::DoesNotFit)
        );
        let push = Push {
            join_ref: Term::Null,
            reference: Term::Null,
            topic: "t".into(),
            event: "ev".into(),
            payload: Payload::empty(),
        };
        assert_eq!(encoded(push).unwrap(), b"\x00\x00\x01\x02tev\xff\x00");
        let broadcast = Broadcast { topic: "t".into(), event: "ev".into(), payload: Payload::empty() };
        assert_eq!(encoded(broadcast).unwrap(), b"\x02\x01\x02tev\xff\x00");
    }

    #[test]
    fn a_user_broadcast_of_bytes_goes_from_kind_3_to_kind_4() {
        let message = decode(b"\x03\x01\x01\x01\x02\x00\x0012tev\xff\x00").unwrap();
        assert_eq!(message.event, "broadcast".into());
        let user = UserBroadcast {
            event: "ev".into(),
            metadata: ByteString::new(),
            bytes: Bytes::from_static(b"\xff\x00"),
        };
        assert_eq!(message.payload, Payload::User(Box::new(user.clone())));
        let payload = message.payload;
        let broadcast = Broadcast { topic: "t".into(), event: "broadcast".into(), payload };
        let mut out = Vec::new();
        encode_user(&(&broadcast).into(), &user, &mut out).unwrap();
        assert_eq!(out, b"\x04\x01\x02\x00\x00tev\xff\x00");
    }

    #[test]
    fn a_json_user_broadcast_becomes_its_text_frame() {
        let message = decode(b"\x03\x00\x00\x01\x02\x07\x01tev{\"m\":1}[1.0]").unwrap();
        let Payload::Json(json) = message.payload else { panic!() };
        assert_eq!(json.as_str(), r#"{"event":"ev","meta":{"m":1},"type":"broadcast","payload":[1.0]}"#);
        for bad in [
            &b"\x03\x00\x00\x01\x02\x00\x01tev{"[..],
            b"\x03\x00\x00\x01\x02\x01\x00tev{",
            b"\x03\x00\x00\x01\x02\x00\x02tev1",
            b"\x03\x00\x00\x01\x09\x00\x00tev",
            b"\x03\x00\x00\x01\x02\x00",
        ] {
            assert!(decode(bad).is_err(), "{bad:?}");
        }
        let payload =
            |depth| format!("\x03\x00\x00\x01\x02\x00\x01tev{}{}", "[".repeat(depth), "]".repeat(depth));
        for (depth, is_good) in [(126, true), (127, false)] {
            assert_eq!(decode(payload(depth).as_ref()).is_ok(), is_good, "{depth} levels in an object");
        }
    }
}
