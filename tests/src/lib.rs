//! What the tests of Vestibule share: clients that speak to a server from outside, a harness that starts one, and the
//! runner of the golden transcripts.
//!
//! The clients are written by hand on [`std::net::TcpStream`] and block. A client library would refuse to send most of
//! what a server has to be tested against: broken frames, odd handshakes, several messages in one segment.

pub mod fuzz;
pub mod golden;
pub mod http;
pub mod people;
pub mod process;
pub mod query;
pub mod scene;
pub mod ws;
