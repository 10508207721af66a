//! A WebSocket client for tests, in full control of every byte it sends.
//!
//! [`Handshake::open`] answers with whatever the server said; [`Opened::accepted`] is for the tests that need a socket.
//! Frames are sent one by one or several in one TCP write, masked or not, with any opcode and bits; or as raw bytes.

mod frame;
mod handshake;
mod socket;

pub use frame::{Close, Frame, MASK, opcode};
pub use handshake::{Handshake, Opened, accept};
pub use socket::{PATIENCE, Received, Socket};
