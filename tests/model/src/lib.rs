//! The approve flow without a database, a network or a clock.
//!
//! [`reference`](mod@reference) is the store in memory, in a few maps: tests compare the real store
//! and the whole server with it. It calls the same function as the server to decide a command,
//! [`decide`](vestibule_approve::rules::decide).
//!
//! [`flow`] is a small world around that store, in which steps happen in every order; [`graph`]
//! explores all of its states.
//!
//! [`streams`] simulates how frames are stored and told by several writers and nodes, to decide
//! between designs.

pub mod flow;
pub mod graph;
pub mod reference;
pub mod streams;
