//! The way to the database: commands through one writer with group commit, reads through a pool.
//!
//! ```
//! use vestibule_approve::{
//!     base64url::Fixed,
//!     ids::{Rid, Uid},
//!     rules::{Caller, Command},
//! };
//! use vestibule_store::{Content, Store, StoreConfig, Submission};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("vestibule.db");
//! let (store, writer) = Store::open(&path, &StoreConfig::default())?;
//! let withdraw = Submission {
//!     rid: Rid([1; 32]),
//!     caller: Caller { uid: Uid([2; 32]), is_member: false },
//!     command: Command::Withdraw { request_id: Fixed([3; 16]) },
//!     content: Content::Nothing,
//! };
//! let committed = runtime.block_on(store.carry_out(withdraw))?;
//! assert!(committed.decision.change.is_none(), "there was nothing to withdraw");
//! writer.stop();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Writing
//! One thread writes to a file; four write to a server, each the commands of its rooms. A writer
//! takes the commands that wait, at most 256, or 32 on a server, into one transaction. It loads the
//! rows that they need as sets, asks [`decide`](vestibule_approve::rules::decide) about each on
//! these rows, in memory, and writes what has changed. One fsync serves all of them. Only then does
//! it call each command's callback, in the order of the seqs. So nothing is answered before it is
//! durable, and after an error nothing of that command is stored.
//!
//! Commands that nobody waits for go [in the background](Store::carry_out_in_background), a few
//! milliseconds at a time.
//!
//! # Reading
//! Each read runs on a blocking thread, on a connection of the pool and a snapshot of its own. It
//! waits for no writer.
//!
//! # Errors
//! [`StoreError`] says that the store cannot do anything at the moment, and when to try again;
//! [`CommandError`] keeps the rules' refusal of one command apart from that. What either means on
//! the wire is the caller's business.
//!
//! # What it may use
//! The rules and frames of `vestibule-approve` and the rows of `vestibule-schema`, between which
//! `convert` translates. No web server, no channels.

// The tests' helpers, which those in `tests` share, name this crate.
#[cfg(test)]
extern crate self as vestibule_store;

mod admin;
mod background;
pub mod backup;
mod batch;
mod chunk;
pub mod clock;
mod config;
mod convert;
#[cfg(feature = "postgres")]
pub mod copy;
pub mod durable;
mod era;
mod error;
pub mod failpoint;
mod failure_policy;
mod file_identity;
mod health;
mod history;
mod in_flight;
mod inspection;
mod job;
mod link;
mod mark;
mod mark_writer;
mod metrics;
mod open;
mod open_total;
mod order;
mod pace;
mod pages;
mod problem;
mod read;
mod remove;
mod reserve;
mod restored;
mod rows;
#[cfg(feature = "postgres")]
mod server_inspection;
mod short_transactions;
mod slow_disk;
mod store;
mod submission;
#[cfg(test)]
#[allow(dead_code, reason = "the tests in `tests` use all of it")]
mod testing;
mod tidy;
mod writer;

pub use admin::{Act, RequestRecord, RequestSearch, RoomRecord, RoomSearch};
pub use clock::{Clock, UnixMicros};
pub use config::{Durability, Location, StoreConfig};
pub use convert::pack;
pub use error::{CommandError, OpenError, StoreError};
pub use health::Census;
pub use inspection::Inspection;
pub use pages::ListPage;
pub use problem::StoreProblem;
pub use read::{Due, JoinSnapshot};
pub use remove::{Deleted, Removed};
#[cfg(feature = "postgres")]
pub use server_inspection::ServerInspection;
pub use store::{READERS, Store, WRITERS, Writer};
pub use submission::{Committed, Content, Done, Submission};
pub use vestibule_approve::ids::{Epoch, Seq};
pub use vestibule_schema::{ServerUrl, backup::Look};
