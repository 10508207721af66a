//! RFC 6455 over a raw socket, case by case. The cases are those of Autobahn's test suite, in our own words and under its
//! numbers, as far as they are about what is offered here: 12 and 13 are about compression.
//!
//! Where Autobahn's server echoes, a channel does, or the socket itself answers a heartbeat: a message has to be one of
//! Phoenix's to be answered, and one that is well-formed and none of them ends with 1011.

mod case;
mod closing;
mod control;
mod fragments;
mod framing;
mod handshake;
mod limits;
mod utf8;
