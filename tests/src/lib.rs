//! What the tests of Vestibule share: clients that talk to a server from outside, a harness that
//! starts one, and the runner of the golden transcripts.
//!
//! The clients are written by hand on [`std::net::TcpStream`] and block. A client library would
//! refuse to send much of what a server must be tested against: broken frames, odd handshakes,
//! several messages in one segment.
//!
//! The main types are [`process::Server`], which runs the real binary, and [`ws::Socket`], which
//! talks to it:
//!
//! ```
//! use vestibule_tests::ws::{Frame, MASK};
//!
//! let masked = Frame::text("hello").to_bytes(Some(MASK));
//! assert_eq!(masked[..2], [0x81, 0x85]);
//! assert_ne!(&masked[6..], b"hello");
//! ```

pub mod admin;
pub mod exchange;
pub mod fuzz;
pub mod golden;
pub mod http;
pub mod people;
pub mod postgres;
pub mod preload;
pub mod process;
pub mod query;
pub mod random;
pub mod relay;
pub mod repository;
pub mod scene;
pub mod source;
pub mod ws;
