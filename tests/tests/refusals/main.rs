//! Refusals: each with the reason that `docs/protocol.md` names, and with nothing stored.

mod approves;
mod cross_site;
mod directory;
mod members;
mod proofs;
mod relayed;
mod repeats;
mod requests;
mod sentences;
mod signatures;
mod tokens;
mod wire;

use std::sync::Arc;

use vestibule_tests::process::{Server, Shared};

static SERVER: Shared = Shared::new();

/// The server that these tests share. None of them sees another's rooms.
fn server() -> Arc<Server> {
    SERVER.server()
}
