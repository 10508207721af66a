//! One server for the tests of a file.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Launch, Server};

/// A server that several tests use at once: started by the first of them, stopped by the last.
///
/// A `static` with the server itself would never be dropped, and would leave the process behind.
#[derive(Debug)]
pub struct Shared(Mutex<Weak<Server>>);

impl Shared {
    /// No server yet.
    #[expect(clippy::new_without_default, reason = "a default cannot be made in a static")]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The server; keep it for the length of the test.
    pub fn server(&self) -> Arc<Server> {
        // A test that failed while it started the server has left none behind.
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start(Launch::vestibule()));
            *shared = Arc::downgrade(&server);
            server
        })
    }
}
