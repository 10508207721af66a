//! Frames told to everybody once, in order: a simulation of several designs.
//!
//! Writers commit commands to a database and publish what each tells the members of a room and
//! single users; nodes deliver that to the connections that have joined. Time is virtual and every
//! choice comes from a seed, so a run repeats exactly. A [`Variant`] says how the parts are built
//! and what goes wrong; the [`Report`] says what receivers missed, or were told twice or out of
//! order. `docs/decisions/0055-streams.md` draws the conclusions.
//!
//! - [`database`] and [`locks`] are what `PostgreSQL`, or SQLite with one writer, promises.
//! - `writer` carries out batches, is killed, and loses answers to commits.
//! - `bus` carries frames to nodes; `node` puts them in order, repairs and tails.
//! - `client` joins, reads what is stored, and receives.
//! - `check` compares that with what was committed.

mod bus;
mod check;
mod client;
pub mod database;
pub mod locks;
mod node;
pub mod random;
mod report;
mod run;
mod state;
pub mod variant;
pub mod variants;
mod writer;

pub use self::{report::Report, run::run, state::Scope, variant::Variant};
