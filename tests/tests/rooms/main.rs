//! How rooms behave: who is told what, in which order, and that no message is lost.

mod absent;
mod arrivals;
mod delivery;
mod directory;
mod paging;
mod presence;
mod proving;
mod races;

use std::sync::Arc;

use vestibule_tests::process::{Server, Shared};

/// With quotas that allow lists of several pages.
static SERVER: Shared = Shared::with(&[("--max-open-per-user", "1000"), ("--max-requests-per-user", "1000")]);

/// The server that these tests share. None of them sees another's rooms.
fn server() -> Arc<Server> {
    SERVER.server()
}
