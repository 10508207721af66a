//! Vestibule's tables and queries: rooms, requests, approves, denials and notices in one SQLite
//! file.
//!
//! [`Database`] is the data file, locked for this process. It opens the one [`Connection`] that
//! writes, and a [`ReadPool`]. [`migrate::run`] creates the tables, and [`repository`] has all
//! queries.
//!
//! ```
//! use vestibule_schema::models::Room;
//! use vestibule_schema::repository::{rooms, store};
//! use vestibule_schema::{Database, Error, migrate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let database = Database::open(folder.join("vestibule.db"))?;
//! let mut writer = database.writer()?;
//! migrate::run(&mut writer)?;
//!
//! let seq = store::transaction(&mut writer, |conn| {
//!     let seq = store::advance_seq(conn, 1_700_000_000_000_000)?;
//!     let room = Room {
//!         rid: vec![7; 32],
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
//! **Concurrency.** One thread writes, any number read. A reader sees the last commit before its
//! query began and waits for nobody. **Lifecycle.** A [`Database`] must outlive its connections.
//! **Errors.** [`ErrorKind`] says what to do.

pub mod backup;
pub mod connection;
pub mod error;
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

pub use connection::{Connection, Database, ReadPool, cap};
pub use error::{Error, ErrorKind};
