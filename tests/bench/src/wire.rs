//! The bytes on the wire, as far as the load generator and the floor need them: the handshake,
//! frames, and Phoenix's V2 messages. Written for little work, not for strictness.

pub mod certificate;
pub mod frame;
pub mod handshake;
pub mod message;
pub mod stream;
