//! What a client without a token can make the server keep and do. The server bounds strangers'
//! input before it builds anything from it, and keeps it no longer than it uses it.
//!
//! Resident memory is a noisy figure: tests measure it after a first wave, which warms the
//! allocator up, and allow for what the allocator keeps.

mod memory;
mod threads;

use vestibule_tests::process::{Launch, Server};

fn server() -> Server {
    Server::start(Launch::vestibule())
}
