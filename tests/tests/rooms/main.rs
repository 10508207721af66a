//! How rooms behave: who is told what, in which order, and that nobody is lost.

mod arrivals;
mod delivery;
mod directory;
mod paging;
mod presence;
mod races;

use std::sync::Arc;

use vestibule_tests::process::{Server, Shared};

static SERVER: Shared = Shared::new();

/// The server that these tests share. None of them sees another's rooms.
fn server() -> Arc<Server> {
    SERVER.server()
}
