//! Everybody connected: to be able to send them away.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use dashmap::DashMap;
use vestibule_protocol::disconnect::Disconnect;

use crate::outbox::Outbox;

/// The open connections of this process.
#[derive(Default)]
pub struct Connections {
    open: DashMap<u64, Open>,
    next: AtomicU64,
    draining: AtomicBool,
}

struct Open {
    socket_id: Option<String>,
    outbox: Outbox,
}

/// Takes a connection off the list when it is dropped.
pub(super) struct Registration<'a> {
    connections: &'a Connections,
    id: u64,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.connections.open.remove(&self.id);
    }
}

impl Connections {
    /// A number that no other connection of this process has.
    pub(super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn register(&self, id: u64, socket_id: Option<String>, outbox: &Outbox) -> Registration<'_> {
        self.open.insert(id, Open { socket_id, outbox: outbox.clone() });
        // Looked at after the insert: a drain that began in between has either seen the entry or is seen here.
        if self.draining.load(Ordering::SeqCst) {
            outbox.close(Disconnect::Restart);
        }
        Registration { connections: self, id }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// Ends all connections with this socket id, as Phoenix's `disconnect` broadcast does (1001). Says how many.
    pub fn disconnect(&self, socket_id: &str) -> usize {
        let matching = self.open.iter().filter(|open| open.socket_id.as_deref() == Some(socket_id));
        matching.map(|open| open.outbox.close(Disconnect::Kicked)).count()
    }

    /// Ends all connections with 1012, and those that come from now on, and waits until they are gone, but no longer than
    /// `patience`. Says how many are left.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.draining.store(true, Ordering::SeqCst);
        for open in &self.open {
            open.outbox.close(Disconnect::Restart);
        }
        let deadline = tokio::time::Instant::now() + patience;
        while self.count() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.count()
    }
}
