//! Messages that are one whole frame, decoded where they were read.

use super::{
    frame_check::{Fault, Header},
    message::Message,
};

const WHOLE_TEXT: u8 = 0x81;
const WHOLE_BINARY: u8 = 0x82;

/// The message of a frame whose header was checked; `None` for a fragment or a control frame, which
/// is left as it is.
pub(super) fn message(frame: &mut [u8]) -> Option<Result<Message<'_>, Fault>> {
    let header = Header::parse(frame)?;
    let is_text = match frame[0] {
        WHOLE_TEXT => true,
        WHOLE_BINARY => false,
        _ => return None,
    };
    let (header, payload) = frame.split_at_mut(header.length);
    let mask = *header.last_chunk()?;
    unmask(payload, mask);
    Some(if is_text { Message::text(payload) } else { Ok(Message::Binary(payload)) })
}

/// Takes a client's mask off (RFC 6455, section 5.3), eight bytes at once.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x5A, 0x00, 0xFF, 0x81];
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            medium @ 126..0x1_0000 => {
                frame.push(0xFE);
                frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                frame.push(0xFF);
                frame.extend(u64::try_from(long).unwrap().to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    #[test]
    fn payloads_of_every_length_are_unmasked() {
        for length in (0..40).chain([125, 126, 127, 0xFFFF, 0x1_0000, 0x1_0003]) {
            let payload: Vec<u8> = (b' '..b'~').cycle().take(length).collect();
            let text = str::from_utf8(&payload).unwrap();
            assert_eq!(message(&mut frame(0x81, &payload)), Some(Ok(Message::Text(text))));
            assert_eq!(message(&mut frame(0x82, &payload)), Some(Ok(Message::Binary(&payload))));
        }
    }

    #[test]
    fn text_must_be_utf8() {
        assert_eq!(message(&mut frame(0x81, "é".as_bytes())), Some(Ok(Message::Text("é"))));
        for bad in [&b"\xFF"[..], b"\xC3", b"\xED\xA0\x80", b"a long text before it \xC0\x80"] {
            assert_eq!(message(&mut frame(0x81, bad)), Some(Err(Fault::NotUtf8)), "{bad:x?}");
            assert_eq!(message(&mut frame(0x82, bad)), Some(Ok(Message::Binary(bad))));
        }
    }

    #[test]
    fn other_frames_are_left_as_they_are() {
        for first in [0x00, 0x01, 0x02, 0x80, 0x88, 0x89, 0x8A] {
            let whole = frame(first, b"payload");
            let mut left = whole.clone();
            assert_eq!(message(&mut left), None, "{first:x}");
            assert_eq!(left, whole);
        }
    }
}
