//! The approve flow: a newcomer asks for a room's key, a member who holds it sends it, sealed for the newcomer.
//!
//! [`frames`] are the signed objects that travel and are stored, [`items`] what clients are shown of them, [`rules`] the
//! one function that decides what a command does, and [`refusal`] the reasons it may not. `docs/protocol.md` is the
//! contract they implement.

mod exp;
pub mod frames;
pub mod items;
pub mod limits;
pub mod refusal;
pub mod rules;
pub mod text;
