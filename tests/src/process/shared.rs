//! One server for all tests of a file.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Launch, Server};

/// A server that several tests share: started by the first of them, stopped after the last.
///
/// A `static` with the server itself would never be dropped, and would leave the process running.
#[derive(Debug)]
pub struct Shared {
    launch: fn() -> Launch,
    options: &'static [(&'static str, &'static str)],
    server: Mutex<Weak<Server>>,
}

impl Shared {
    /// Will start a server with the harness's settings.
    #[expect(clippy::new_without_default, reason = "a default cannot be made in a static")]
    pub const fn new() -> Self {
        Self::with(&[])
    }

    /// Will start a server with these options.
    pub const fn with(options: &'static [(&'static str, &'static str)]) -> Self {
        Self { launch: Launch::vestibule, options, server: Mutex::new(Weak::new()) }
    }

    /// Will start the playground.
    pub const fn playground() -> Self {
        Self { launch: Launch::playground, options: &[], server: Mutex::new(Weak::new()) }
    }

    /// The server, started if necessary. Keep it until the end of the test.
    pub fn server(&self) -> Arc<Server> {
        // If a test failed while it started the server, there is none.
        let mut shared = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start((self.launch)().options(self.options)));
            *shared = Arc::downgrade(&server);
            server
        })
    }
}
