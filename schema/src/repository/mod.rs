//! All the SQL: a short function per query, in a module per table.
//!
//! The functions take ids and frames as bytes, `now` and other times as Unix milliseconds, and never look at
//! the clock. A time `exp` is over at `now == exp`. What is read and written together belongs into one
//! [`transaction`](store::transaction).

pub mod approves;
pub mod audit;
pub mod census;
pub mod denials;
pub mod devices;
pub mod due;
pub mod erasure;
pub mod notices;
pub mod requests;
pub mod rooms;
pub mod store;
pub mod tidy;
