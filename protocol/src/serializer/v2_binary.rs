//! Phoenix's V2 serializer, binary frames: a kind, one byte for the length of each text, the texts, and the payload.
//!
//! | kind | from | lengths |
//! |---|---|---|
//! | 0 push | client | join_ref, ref, topic, event |
//! | 0 push | server | join_ref, topic, event |
//! | 1 reply | server | join_ref, ref, topic, status |
//! | 2 broadcast | server | topic, event |

use bytes::Bytes;
use bytestring::ByteString;

use super::{DecodeError, EncodeError};
use crate::message::{Message, Outgoing, Payload, Term};

const PUSH: u8 = 0;
const REPLY: u8 = 1;
const BROADCAST: u8 = 2;

/// Decodes a client's push. An empty ref stays an empty text, which no join has, as in Phoenix.
pub fn decode(frame: &Bytes) -> Result<Message, DecodeError> {
    let Some((&[PUSH, join_ref, reference, topic, event], _)) = frame.split_first_chunk() else {
        return Err(DecodeError::MalformedBinary);
    };
    let mut rest = frame.slice(5..);
    let mut text = |length: u8| {
        let length = usize::from(length);
        if rest.len() < length {
            return Err(DecodeError::MalformedBinary);
        }
        // Copied, as a text of a JSON frame is: what a channel keeps must not keep the frame.
        let text = Bytes::copy_from_slice(&rest.split_to(length));
        ByteString::try_from(text).map(Term::Text).map_err(|_| DecodeError::MalformedBinary)
    };
    let (join_ref, reference, topic, event) = (text(join_ref)?, text(reference)?, text(topic)?, text(event)?);
    Ok(Message { join_ref, reference, topic, event, payload: Payload::Binary(rest) })
}

/// Appends `message`, whose payload is `bytes`, as a V2 binary frame.
pub fn encode(message: &Outgoing, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match message {
        Outgoing::Reply(reply) => {
            let texts =
                [term(&reply.join_ref)?, term(&reply.reference)?, term(&reply.topic)?, reply.status.as_str()];
            put_head(out, REPLY, &texts)?;
        }
        Outgoing::Push(push) => put_head(out, PUSH, &[term(&push.join_ref)?, &push.topic, &push.event])?,
        Outgoing::Broadcast(broadcast) => put_head(out, BROADCAST, &[&broadcast.topic, &broadcast.event])?,
    }
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_head(out: &mut Vec<u8>, kind: u8, texts: &[&str]) -> Result<(), EncodeError> {
    out.push(kind);
    for text in texts {
        out.push(u8::try_from(text.len()).map_err(|_| EncodeError)?);
    }
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

fn term(term: &Term) -> Result<&str, EncodeError> {
    match term {
        Term::Null => Ok(""),
        Term::Text(text) => Ok(text),
        Term::Other(_) => Err(EncodeError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Broadcast, Push, Reply, Status};

    fn encoded(message: impl Into<Outgoing>) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        encode(&message.into(), &[0xff, 0x00], &mut out).map(|()| out)
    }

    #[test]
    fn decodes_a_push() {
        let message = decode(&Bytes::from_static(b"\x00\x01\x02\x06\x04123room:aecho\xff\x00")).unwrap();
        assert_eq!(message.join_ref, "1".into());
        assert_eq!(message.reference, "23".into());
        assert_eq!(message.topic, "room:a".into());
        assert_eq!(message.event, "echo".into());
        assert_eq!(message.payload, Payload::Binary(Bytes::from_static(b"\xff\x00")));
    }

    #[test]
    fn refuses_short_frames_other_kinds_and_texts_that_are_not_utf8() {
        let good = b"\x00\x01\x01\x01\x01abcd";
        assert!(decode(&Bytes::from_static(good)).is_ok());
        for length in 0..good.len() {
            assert!(decode(&Bytes::from_static(&good[..length])).is_err(), "{length}");
        }
        assert!(decode(&Bytes::from_static(b"\x01\x01\x01\x01\x01abcd")).is_err());
        assert!(decode(&Bytes::from_static(b"\x00\x01\x01\x01\x01ab\xffd")).is_err());
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
        assert_eq!(encoded(Reply { reference: Term::Other("1".into()), ..reply.clone() }), Err(EncodeError));
        assert!(encoded(Reply { join_ref: "x".repeat(255).as_str().into(), ..reply.clone() }).is_ok());
        assert_eq!(encoded(Reply { join_ref: "x".repeat(256).as_str().into(), ..reply }), Err(EncodeError));
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
}
