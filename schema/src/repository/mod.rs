//! All SQL: a short function for each query, a module for each table.
//!
//! The functions take ids and frames as bytes, and `now` and other times in Unix milliseconds. They
//! never read the clock. At `now == exp` a row has expired. Reads and writes that belong together
//! go into one [`transaction`](transaction::transaction).

pub mod approves;
pub mod audit;
pub mod census;
pub mod denials;
pub mod devices;
pub mod due;
pub mod erasure;
pub mod flush;
pub mod gather;
pub mod notices;
pub mod requests;
pub mod rooms;
pub mod store;
pub mod streams;
pub mod tidy;
pub mod transaction;
pub mod waiting;
