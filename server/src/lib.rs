//! A Phoenix-compatible channel server.
//!
//! Two layers, as in Phoenix: a channel framework ([`transport`], [`outbox`], [`channel`], [`room`]) that knows nothing of
//! keys, and the approve flow written on it.

pub mod channel;
pub mod outbox;
pub mod room;
pub mod transport;
