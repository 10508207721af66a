//! The Phoenix channel protocol and the approve flow's rules, without any input or output.
//!
//! Nothing in this crate reads a clock, draws a random number, opens a file or waits: bytes and times go in, bytes
//! and decisions come out. That is what lets the same code be tested against recorded transcripts, fuzzed, model
//! checked and run in the server.
//!
//! It has two halves that do not know each other:
//!
//! - **Phoenix channels**: [`message`] (what travels), [`serializer`] (how it looks on the wire), [`socket`] (what one
//!   connection may do next), [`longpoll`] (the bodies of that transport), [`presence`] and [`disconnect`] (close codes).
//! - **The approve flow**: [`signed`] (ids, signed bytes, verification) and [`approve`] (frames and rules).
//!
//! The main type of the first half is [`socket::Socket`], of the second [`approve::rules::decide`].
//!
//! ```
//! use vestibule_protocol::{message::Frame, serializer::Serializer, socket::{Action, Socket}};
//!
//! let serializer = Serializer::negotiate(Some("2.0.0"))?;
//! let mut socket = Socket::new(100);
//!
//! let frame = Frame::Text(r#"[null,"1","phoenix","heartbeat",{}]"#.into());
//! let Action::Reply(reply) = socket.receive(serializer.decode(frame)?, |_topic| true) else {
//!     panic!("a heartbeat is answered at once");
//! };
//!
//! let mut bytes = Vec::new();
//! serializer.encode(&reply.into(), &mut bytes)?;
//! assert_eq!(bytes, br#"[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod approve;
pub mod base64url;
pub mod disconnect;
pub mod fields;
pub mod longpoll;
pub mod message;
pub mod presence;
pub mod serializer;
pub mod signed;
pub mod socket;
