//! One server for the tests of a file.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Launch, Server};

/// A server that several tests use at once: started by the first of them, stopped by the last.
///
/// A `static` with the server itself would never be dropped, and would leave the process behind.
#[derive(Debug)]
pub struct Shared {
    launch: fn() -> Launch,
    options: &'static [(&'static str, &'static str)],
    server: Mutex<Weak<Server>>,
}

impl Shared {
    /// No server yet.
    #[expect(clippy::new_without_default, reason = "a default cannot be made in a static")]
    pub const fn new() -> Self {
        Self::with(&[])
    }

    /// No server yet; it will have these options.
    pub const fn with(options: &'static [(&'static str, &'static str)]) -> Self {
        Self { launch: Launch::vestibule, options, server: Mutex::new(Weak::new()) }
    }

    /// No playground yet.
    pub const fn playground() -> Self {
        Self { launch: Launch::playground, options: &[], server: Mutex::new(Weak::new()) }
    }

    /// The server; keep it for the length of the test.
    pub fn server(&self) -> Arc<Server> {
        // A test that failed while it started the server has left none behind.
        let mut shared = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start((self.launch)().options(self.options)));
            *shared = Arc::downgrade(&server);
            server
        })
    }
}
