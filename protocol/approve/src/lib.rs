//! The approve flow: a newcomer asks for a room's key, and a member who holds it sends it, sealed
//! for the newcomer.
//!
//! [`ids`] has ids and hashes, [`signed`] signed bytes and verification, [`frames`] the signed
//! objects that travel and are stored, [`items`] what clients see of them, [`rules`] the one
//! function that decides a command, [`refusal`] the reasons for refusing it, [`limits`] sizes and
//! quotas, and [`text`] the characters that names and notes may have. [`fields`] and [`base64url`]
//! read JSON fields. `docs/protocol.md` is the contract that they implement.
//!
//! Nothing in this crate reads a clock, draws a random number, opens a file or waits: times go in,
//! decisions come out. That is what lets a model checker run the same [`rules::decide`] as the
//! server. It knows nothing of Phoenix.

pub mod base64url;
mod exp;
pub mod fields;
pub mod frames;
pub mod ids;
pub mod items;
pub mod limits;
pub mod refusal;
pub mod rules;
pub mod signed;
pub mod text;
