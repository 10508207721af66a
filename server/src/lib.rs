//! A Phoenix-compatible channel server for rooms whose keys only the members hold.
//!
//! Two layers, as in Phoenix: a channel framework ([`transport`], [`outbox`], [`channel`], [`room`]) that knows nothing of
//! keys, and the approve flow ([`approve`], [`store`], [`session`]) written on it.

pub mod approve;
pub mod channel;
mod clock;
pub mod config;
pub mod outbox;
pub mod room;
pub mod serve;
pub mod session;
mod shutdown;
pub mod store;
pub mod telemetry;
pub mod transport;
