//! RFC 6455 over a raw socket, case by case. The cases are those of Autobahn's test suite, in our
//! own words and under its numbers, as far as they concern what the server offers: sections 12 and
//! 13 are about compression.
//!
//! Where Autobahn's server echoes, here a channel does, or the socket itself answers a heartbeat:
//! only Phoenix messages get answers, and any other well-formed message ends the connection with
//! 1011.

mod case;
mod closing;
mod control;
mod fragments;
mod framing;
mod handshake;
mod limits;
mod utf8;
