//! The mark of settings that a running server applies.

/// The group of the settings that a running server applies on SIGHUP. A setting declares this in
/// its own attribute: `#[arg(long, group = LIVE, …)]`.
///
/// All others need a restart: what exists only once (where the server listens and stores, its
/// page), the server's name, which is part of what clients are signing, and sizes that depend on
/// each other, because a connection must be able to take whatever another one may send, whichever
/// is older.
pub(super) const LIVE: &str = "live";
