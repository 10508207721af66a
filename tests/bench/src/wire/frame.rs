//! WebSocket frames (RFC 6455), unfragmented.

/// The opcode of a text frame.
pub const TEXT: u8 = 1;
/// The opcode of a close frame.
pub const CLOSE: u8 = 8;
/// The opcode of a ping.
pub const PING: u8 = 9;
/// The opcode of a pong.
pub const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The most bytes before a payload.
const LONGEST_HEAD: usize = 14;

/// In place of a length: it follows in two bytes.
const MEDIUM: u8 = 0x7E;
/// In place of a length: it follows in eight bytes.
const LONG: u8 = 0x7F;

/// The clients' mask. A server must unmask with it all the same.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its opcode.
    pub opcode: u8,
    /// The mask of a client's frame.
    pub mask: Option<[u8; 4]>,
    /// The place of the payload in the frame.
    pub start: usize,
    /// The end of the payload and of the frame.
    pub end: usize,
}

impl Head {
    /// The head of the frame at the beginning of `bytes`; nothing until the whole frame is there.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, ..] = *bytes else { return None };
        let (length, mut start) = match second & !MASKED {
            MEDIUM => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            LONG => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let mut mask = None;
        if second & MASKED != 0 {
            mask = Some(bytes.get(start..start + 4)?.try_into().ok()?);
            start += 4;
        }
        let end = start.checked_add(length)?;
        (end <= bytes.len()).then_some(Self { opcode: first & 0x0F, mask, start, end })
    }
}

/// Appends a server's frame whose payload is these parts.
pub fn push(out: &mut Vec<u8>, opcode: u8, payload: &[&[u8]]) {
    push_head(out, opcode, payload.iter().map(|part| part.len()).sum(), 0);
    for part in payload {
        out.extend_from_slice(part);
    }
}

/// Appends a client's frame.
pub fn push_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_head(out, opcode, payload.len(), MASKED);
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[start..], MASK);
}

fn push_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.reserve(LONGEST_HEAD + length);
    out.push(FINAL | opcode);
    if let Ok(short @ 0..MEDIUM) = u8::try_from(length) {
        out.push(masked | short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.push(masked | MEDIUM);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(masked | LONG);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// Masks or unmasks a payload.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut chunks = payload.chunks_exact_mut(4);
    for chunk in &mut chunks {
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    chunks.into_remainder().iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::{CLOSE, Head, TEXT, push, push_masked, unmask};

    #[test]
    fn frames_of_every_length_are_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            push_masked(&mut bytes, TEXT, &payload);
            assert_eq!(Head::parse(&bytes[..bytes.len() - 1]), None, "{length}");
            let head = Head::parse(&bytes).expect("a frame");
            let (start, end) = (head.start, head.end);
            unmask(&mut bytes[start..], head.mask.expect("a mask"));
            assert_eq!((head.opcode, end, &bytes[start..]), (TEXT, bytes.len(), &*payload));
        }
    }

    #[test]
    fn a_servers_frame_is_not_masked() {
        let mut bytes = Vec::new();
        push(&mut bytes, CLOSE, &[b"ab", b"c"]);
        assert_eq!(bytes, b"\x88\x03abc");
        assert_eq!(Head::parse(&bytes).expect("a frame").mask, None);
    }
}
