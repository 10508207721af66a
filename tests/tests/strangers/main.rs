//! What somebody without a token can make the server keep, and do: bounded before anything is built of it, and kept no longer than it
//! is used.
//!
//! Resident memory is a noisy figure. Each test measures it after a first wave, which warms the allocator up, and allows for what that
//! does by itself.

mod memory;
mod threads;

use vestibule_tests::process::{Launch, Server};

fn server() -> Server {
    Server::start(Launch::vestibule())
}
