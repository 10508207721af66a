//! Frames and their bytes (RFC 6455, section 5.2).

use std::io;

/// The opcodes of RFC 6455.
pub mod opcode {
    /// A further fragment of a message.
    pub const CONTINUATION: u8 = 0;
    /// A text message.
    pub const TEXT: u8 = 1;
    /// A binary message.
    pub const BINARY: u8 = 2;
    /// A close frame.
    pub const CLOSE: u8 = 8;
    /// A ping.
    pub const PING: u8 = 9;
    /// The answer to a ping.
    pub const PONG: u8 = 10;
}

/// The masking key of all masked frames: fixed, so that a test sends the same bytes every time.
pub const MASK: [u8; 4] = [0x56, 0x65, 0x73, 0x74];

/// A frame, which may break any rule of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether this is a message's last fragment.
    pub fin: bool,
    /// The three reserved bits as a number; 4 is RSV1, which marks a compressed message.
    pub rsv: u8,
    /// The opcode, four bits.
    pub opcode: u8,
    /// The payload, not masked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole message or control frame.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, rsv: 0, opcode, payload: payload.into() }
    }

    /// A text message.
    pub fn text(text: &str) -> Self {
        Self::new(opcode::TEXT, text)
    }

    /// A binary message.
    pub fn binary(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(opcode::BINARY, payload)
    }

    /// A close frame; without a code its payload is empty.
    pub fn close(code: Option<u16>, reason: &str) -> Self {
        let mut payload = code.map(u16::to_be_bytes).map(Vec::from).unwrap_or_default();
        payload.extend_from_slice(reason.as_bytes());
        Self::new(opcode::CLOSE, payload)
    }

    /// The frame's bytes, masked with `mask` as a client must, or unmasked.
    pub fn to_bytes(&self, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | (self.rsv & 7) << 4 | self.opcode & 15];
        let mask_bit = if mask.is_some() { 0x80 } else { 0 };
        let length = self.payload.len();
        if length < 126 {
            bytes.push(mask_bit + low_byte(length));
        } else if let Ok(length) = u16::try_from(length) {
            bytes.push(mask_bit + 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        } else {
            bytes.push(mask_bit + 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
        match mask {
            Some(mask) => {
                bytes.extend_from_slice(&mask);
                bytes.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
            }
            None => bytes.extend_from_slice(&self.payload),
        }
        bytes
    }

    /// The first frame of `buffer`, whether it was masked, and its length in bytes; nothing if it
    /// is incomplete.
    pub fn parse(buffer: &[u8]) -> io::Result<Option<(Self, bool, usize)>> {
        let Some(([first, second], rest)) = buffer.split_first_chunk().map(|(head, rest)| (*head, rest))
        else {
            return Ok(None);
        };
        let masked = second & 0x80 != 0;
        let (length, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            length => (u64::from(length), rest),
        };
        let length = usize::try_from(length)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "frame length"))?;
        let (mask, rest) = match (masked, rest.split_first_chunk::<4>()) {
            (false, _) => ([0; 4], rest),
            (true, Some((mask, rest))) => (*mask, rest),
            (true, None) => return Ok(None),
        };
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let frame = Self {
            fin: first & 0x80 != 0,
            rsv: first >> 4 & 7,
            opcode: first & 15,
            payload: payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect(),
        };
        Ok(Some((frame, masked, buffer.len() - rest.len() + length)))
    }
}

fn low_byte(length: usize) -> u8 {
    length.to_le_bytes()[0]
}

/// The content of a close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code; none if the payload is empty.
    pub code: Option<u16>,
    /// The reason.
    pub reason: String,
}

impl Close {
    pub(super) fn parse(payload: &[u8]) -> io::Result<Self> {
        let malformed =
            || io::Error::new(io::ErrorKind::InvalidData, format!("malformed close frame: {payload:02x?}"));
        if payload.is_empty() {
            return Ok(Self { code: None, reason: String::new() });
        }
        let (code, reason) = payload.split_first_chunk().ok_or_else(malformed)?;
        let reason = String::from_utf8(reason.to_vec()).map_err(|_| malformed())?;
        Ok(Self { code: Some(u16::from_be_bytes(*code)), reason })
    }
}

#[cfg(test)]
mod tests {
    use super::{Close, Frame, MASK, opcode};

    #[test]
    fn frames_of_all_lengths_round_trip() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            for mask in [None, Some(MASK)] {
                let frame = Frame { fin: length != 1, rsv: 5, opcode: 11, payload: vec![b'x'; length] };
                let bytes = frame.to_bytes(mask);
                let parsed = Frame::parse(&[bytes.as_slice(), b"rest"].concat()).expect("a frame");
                assert_eq!(parsed, Some((frame, mask.is_some(), bytes.len())), "length {length}");
                assert_eq!(
                    Frame::parse(&bytes[..bytes.len() - 1]).expect("no error"),
                    None,
                    "length {length}"
                );
            }
        }
    }

    #[test]
    fn a_masked_frame_is_masked() {
        assert_eq!(Frame::text("A").to_bytes(Some([1, 0, 0, 0])), [0x81, 0x81, 1, 0, 0, 0, b'@']);
    }

    #[test]
    fn close_frames_carry_code_and_reason() {
        let frame = Frame::close(Some(1000), "bye");
        assert_eq!((frame.opcode, frame.payload.as_slice()), (opcode::CLOSE, b"\x03\xe8bye".as_slice()));
        assert_eq!(
            Close::parse(&frame.payload).expect("close"),
            Close { code: Some(1000), reason: "bye".to_owned() }
        );
        assert_eq!(Close::parse(b"").expect("close"), Close { code: None, reason: String::new() });
        assert!(Close::parse(b"x").is_err());
    }
}
