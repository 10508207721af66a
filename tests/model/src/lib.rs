//! The approve flow without a database, a network or a clock.
//!
//! [`reference`](mod@reference) is what the server's store has to be like, in a few maps: tests of
//! the real store and of the whole server compare themselves with it. It asks the very function
//! that the server asks what a command does, [`decide`](vestibule_approve::rules::decide).
//!
//! [`flow`] is a small world around that store, in which everything that can happen does; [`graph`]
//! is how all of its states are looked at.

pub mod flow;
pub mod graph;
pub mod reference;
