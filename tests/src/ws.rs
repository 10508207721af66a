//! A WebSocket client for tests, with full control over every byte it sends.
//!
//! [`Handshake::open`] returns whatever the server answered; [`Opened::accepted`] is for tests that
//! need a socket. Frames go out one by one or several in one TCP write, masked or not, with any
//! opcode and bits, or as raw bytes.

mod frame;
mod handshake;
mod socket;

pub use frame::{Close, Frame, MASK, opcode};
pub use handshake::{Handshake, Opened, accept};
pub use socket::{PATIENCE, Received, Socket};
