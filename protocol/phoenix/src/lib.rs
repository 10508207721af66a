//! The Phoenix channel protocol, without I/O.
//!
//! Nothing in this crate reads a clock, draws a random number, opens a file or waits: bytes go in,
//! bytes and decisions come out. So the same code can be tested against recorded transcripts,
//! fuzzed, and run in a server.
//!
//! [`message`] has the messages, [`lent`] has them where they lie, [`serializer`] their form on the
//! wire, and [`socket`] the state of one connection; [`longpoll`] has the bodies of that transport,
//! [`presence`] the presence list and its changes, [`disconnect`] the close codes, [`small_map`]
//! the map that sockets and presence keep their entries in. The main type is [`socket::Socket`].
//!
//! ```
//! use vestibule_phoenix::{message::FrameRef, serializer::Serializer, socket::{Action, Socket}};
//!
//! let serializer = Serializer::negotiate(Some("2.0.0"))?;
//! let mut socket = Socket::new(100);
//!
//! let frame = FrameRef::Text(r#"[null,"1","phoenix","heartbeat",{}]"#);
//! let message = serializer.decode(frame)?;
//! let Action::Reply(reply) = socket.receive(&message.lent(), |_topic| true) else {
//!     panic!("a heartbeat is answered at once");
//! };
//!
//! let mut bytes = Vec::new();
//! serializer.encode(&reply.into(), &mut bytes)?;
//! assert_eq!(bytes, br#"[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod disconnect;
pub mod lent;
pub mod longpoll;
pub mod message;
pub mod presence;
pub mod serializer;
pub mod small_map;
pub mod socket;
