//! WebSocket frames from the server, ready for the socket (RFC 6455, section 5.2): final, unmasked,
//! uncompressed.

use std::cell::{Cell, OnceCell};

use bytes::Bytes;
use vestibule_phoenix::{
    lent::OutgoingRef,
    message::Outgoing,
    serializer::{EncodeError, FrameKind, Serializer},
};

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xA;

/// The longest header of a server's frame: two bytes, and eight of length.
const MAX_HEADER: usize = 10;

/// An encoded frame, header included, shared by all its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wire(Bytes);

impl Wire {
    pub(crate) fn framed(self) -> Bytes {
        self.0
    }

    /// The frame as it travels.
    pub(super) fn framed_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn text(&self) -> Option<&[u8]> {
        (self.opcode() == TEXT).then(|| &self.0[self.payload_start()..])
    }

    pub(crate) fn binary(&self) -> Option<Bytes> {
        self.is_binary().then(|| self.0.slice(self.payload_start()..))
    }

    /// The length in bytes, header included.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_binary(&self) -> bool {
        self.opcode() == BINARY
    }

    fn opcode(&self) -> u8 {
        self.0[0] & !FIN
    }

    /// How many of the bytes are the header.
    fn payload_start(&self) -> usize {
        match self.0[1] {
            127 => MAX_HEADER,
            126 => 4,
            _ => 2,
        }
    }
}

/// A message and its frames, one for each serializer, encoded when the first recipient needs it.
pub(crate) struct Encoded {
    message: Outgoing,
    frames: [OnceCell<Result<Wire, EncodeError>>; Serializer::COUNT],
}

impl Encoded {
    pub(crate) fn new(message: Outgoing) -> Self {
        Self { message, frames: Default::default() }
    }

    pub(super) fn wire(&self, serializer: Serializer) -> Result<&Wire, EncodeError> {
        self.frames[serializer.index()]
            .get_or_init(|| encode(serializer, &(&self.message).into()))
            .as_ref()
            .map_err(|error| *error)
    }

    pub(super) fn message(&self) -> &Outgoing {
        &self.message
    }
}

/// How much the space to encode in keeps between messages.
const KEPT: usize = 64 * 1024;

thread_local! {
    /// Where all messages of a thread are encoded, before each gets a buffer of its size.
    static SPACE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Encodes behind a gap that fits the longest header, so that header and payload are contiguous.
pub(super) fn encode(serializer: Serializer, message: &OutgoingRef<'_>) -> Result<Wire, EncodeError> {
    let mut space = SPACE.take();
    space.clear();
    space.extend_from_slice(&[0; MAX_HEADER]);
    let wire = serializer.encode_lent(message, &mut space).map(|kind| {
        let opcode = match kind {
            FrameKind::Text => TEXT,
            FrameKind::Binary => BINARY,
        };
        let (header, length) = header(opcode, space.len() - MAX_HEADER);
        let start = MAX_HEADER - length;
        space[start..MAX_HEADER].copy_from_slice(&header[..length]);
        Wire(Bytes::copy_from_slice(&space[start..]))
    });
    if space.capacity() <= KEPT {
        SPACE.set(space);
    }
    wire
}

/// The answer to a ping. Control frames hold at most 125 bytes, which the parser of pings has
/// checked.
pub(super) fn pong(payload: &[u8]) -> Wire {
    control(PONG, &payload[..payload.len().min(125)])
}

pub(super) fn close(code: u16, reason: &str) -> Wire {
    control(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

fn control(opcode: u8, payload: &[u8]) -> Wire {
    let (header, length) = header(opcode, payload.len());
    Wire([&header[..length], payload].concat().into())
}

/// A header, and how many bytes of the array it takes.
#[allow(clippy::cast_possible_truncation, reason = "each cast is guarded by its match arm")]
fn header(opcode: u8, payload: usize) -> ([u8; MAX_HEADER], usize) {
    let mut header = [0; MAX_HEADER];
    header[0] = FIN | opcode;
    let length = match payload {
        0..=125 => {
            header[1] = payload as u8;
            2
        }
        126..=0xFFFF => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(payload as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(payload as u64).to_be_bytes());
            MAX_HEADER
        }
    };
    (header, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_at_the_edges_of_each_length() {
        let of = |payload| {
            let (header, length) = header(TEXT, payload);
            header[..length].to_vec()
        };
        assert_eq!(of(0), [0x81, 0]);
        assert_eq!(of(125), [0x81, 125]);
        assert_eq!(of(126), [0x81, 126, 0, 126]);
        assert_eq!(of(65_535), [0x81, 126, 0xFF, 0xFF]);
        assert_eq!(of(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn control_frames() {
        assert_eq!(close(1012, "").framed(), &[0x88, 2, 0x03, 0xF4][..]);
        assert_eq!(close(1008, "no").framed(), &[0x88, 4, 0x03, 0xF0, b'n', b'o'][..]);
        assert_eq!(pong(b"hi").framed(), &[0x8A, 2, b'h', b'i'][..]);
    }
}
