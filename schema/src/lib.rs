//! Vestibule's tables and queries: rooms, requests, approves, denials and notices in one SQLite
//! file, or in a database on a PostgreSQL server (with the Cargo feature `postgres`).
//!
//! [`Database`] is the data file, locked for this process, or the address of the server. It opens a
//! [`Connection`] that writes, and a [`ReadPool`]. [`migrate::run`] creates the tables, and
//! [`repository`] has all queries.
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! use vestibule_schema::models::Room;
//! use vestibule_schema::repository::transaction::transaction;
//! use vestibule_schema::repository::{rooms, streams};
//! use vestibule_schema::{Database, Error, migrate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let database = Database::open(folder.join("vestibule.db"))?;
//! let mut writer = database.writer()?;
//! migrate::run(&mut writer)?;
//!
//! let rid = [7; 32];
//! let seq = transaction(&mut writer, |conn| {
//!     let topic = streams::Topic::room(&rid);
//!     let mut locked = streams::begin(conn)?;
//!     streams::lock(conn, &mut locked, &BTreeSet::from([topic.clone()]))?;
//!     let seq = locked.issue(&[topic], 1_700_000_000_000_000);
//!     let room = Room {
//!         rid: rid.to_vec(),
//!         policy: "open".to_owned(),
//!         version: 1,
//!         seq,
//!         created: 1_700_000_000_000,
//!         frame: b"a card".to_vec(),
//!         creator: Some(vec![8; 32]),
//!         digest: Some(vec![9; 32]),
//!         open: 0,
//!         founder: Some(vec![8; 32]),
//!         listed: true,
//!         denied: 0,
//!     };
//!     rooms::put(conn, &room)?;
//!     streams::store(conn, &locked)?;
//!     Ok::<_, Error>(seq)
//! })?;
//!
//! let readers = database.readers(2)?;
//! let page = rooms::directory(&mut *readers.get()?, &["open", "request"], None, 100)?;
//! assert_eq!(page[0].seq, seq);
//! # Ok(())
//! # }
//! ```
//!
//! This crate never decodes a frame or a sealed key, which are bytes here, never reads the clock,
//! and never keeps the frame of a finished request or approve.
//!
//! **Concurrency.** To a file one thread writes, to a server any number, which wait for each other
//! where their [streams](repository::streams) are the same. Any number read. A reader sees the last
//! commit before its query began and waits for nobody. **Lifecycle.** A [`Database`] must outlive
//! its connections. **Errors.** [`ErrorKind`] says what to do.

pub mod backup;
pub mod connection;
#[cfg(test)]
mod constraints;
#[cfg(feature = "postgres")]
pub mod copy;
pub mod error;
#[cfg(feature = "postgres")]
pub mod examine;
#[cfg(test)]
mod failures;
pub mod migrate;
pub mod models;
#[cfg(test)]
mod plans;
pub mod repository;
pub mod shrink;
mod tables;
#[cfg(test)]
mod testing;

pub use connection::{Connection, Database, ReadPool, ServerUrl, cap};
pub use error::{Error, ErrorKind};
