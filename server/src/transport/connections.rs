//! Everybody connected: to be able to send them away.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use dashmap::DashMap;
use tokio::time::{Instant, sleep};
use vestibule_protocol::disconnect::Disconnect;

use crate::{channel::Client, outbox::Outbox};

/// Batches of a drain, and the pause between two of them.
const DRAIN_BATCHES: usize = 20;
const DRAIN_PAUSE: Duration = Duration::from_millis(100);
/// Fewer connections than this are sent away at once.
const MIN_BATCH: usize = 100;

/// A number that no other connection of this process has, whichever endpoint it came to: endpoints may share rooms.
pub(super) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The open connections of the endpoints that share this.
#[derive(Default)]
pub struct Connections {
    open: DashMap<u64, Open>,
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
    transport: &'static str,
    outbox: Outbox,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.connections.open.remove(&self.id);
        self.outbox.traffic().closed(self.transport, self.outbox.ending());
    }
}

impl Connections {
    pub(super) fn register(&self, client: &Client, outbox: &Outbox) -> Registration<'_> {
        let (id, transport) = (client.connection, client.transport.as_str());
        self.open.insert(id, Open { socket_id: client.id.clone(), outbox: outbox.clone() });
        outbox.traffic().opened(transport);
        // Looked at after the insert: a drain that began in between has either seen the entry or is seen here.
        if self.draining.load(Ordering::SeqCst) {
            outbox.close(Disconnect::Restart);
        }
        Registration { connections: self, id, transport, outbox: outbox.clone() }
    }

    /// Whether they are being sent away, because the server stops.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
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
    ///
    /// They are sent away in batches, in no order, over up to two seconds: phoenix.js comes back at once, and thousands at
    /// the same moment would find the next server hard to reach.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.draining.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + patience;
        let outboxes: Vec<Outbox> = self.open.iter().map(|open| open.outbox.clone()).collect();
        let mut batches = outboxes.chunks(outboxes.len().div_ceil(DRAIN_BATCHES).max(MIN_BATCH)).peekable();
        while let Some(batch) = batches.next() {
            for outbox in batch {
                outbox.close(Disconnect::Restart);
            }
            if batches.peek().is_some() {
                sleep(jittered(DRAIN_PAUSE)).await;
            }
        }
        while self.count() > 0 && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        self.count()
    }
}

/// Between half and one and a half times `pause`. Drawn from the hasher's keys: this is no secret.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1000;
    pause / 2 + pause.mul_f64(f64::from(u32::try_from(random).unwrap_or_default()) / 1000.0)
}
