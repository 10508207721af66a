//! Everybody connected: to be able to send them away.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytestring::ByteString;
use dashmap::DashMap;
use tokio::time::{Instant, sleep};
use vestibule_phoenix::disconnect::Disconnect;

use super::closed_connection::{ClosedConnection, RecentlyClosed};
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
    ended: RecentlyClosed,
}

struct Open {
    client: Arc<Client>,
    since: SystemTime,
    outbox: Outbox,
}

/// A connection, as an operator sees it.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Names it among all of the process.
    pub connection: u64,
    /// Its socket id.
    pub socket_id: Option<String>,
    /// How it is connected.
    pub transport: &'static str,
    /// Since when.
    pub since: SystemTime,
    /// The topics it is in.
    pub topics: Vec<ByteString>,
}

/// Takes a connection off the list when it is dropped.
pub(super) struct Registration {
    connections: Arc<Connections>,
    client: Arc<Client>,
    since: SystemTime,
    outbox: Outbox,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Client { connection, id, transport, .. } = &*self.client;
        let (transport, how) = (transport.as_str(), self.outbox.ending());
        self.connections.open.remove(connection);
        self.outbox.traffic().closed(transport, how);
        self.connections.ended.note(ClosedConnection {
            number: 0,
            at: SystemTime::now(),
            connection: *connection,
            socket_id: id.clone(),
            transport,
            since: self.since,
            how,
        });
    }
}

impl Connections {
    /// Puts a connection on the list: before its client is told that it is there, and may ask for it to be ended.
    pub(super) fn register(self: &Arc<Self>, client: &Arc<Client>, outbox: &Outbox) -> Registration {
        let (client, since, outbox) = (Arc::clone(client), SystemTime::now(), outbox.clone());
        let open = Open { client: Arc::clone(&client), since, outbox: outbox.clone() };
        self.open.insert(client.connection, open);
        outbox.traffic().opened(client.transport.as_str());
        // Looked at after the insert: a drain that began in between has either seen the entry or is seen here.
        if self.draining.load(Ordering::SeqCst) {
            outbox.close(Disconnect::Restart);
        }
        Registration { connections: Arc::clone(self), client, since, outbox }
    }

    /// Whether they are being sent away, because the server stops.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// All of them, or those with this socket id, in no order.
    pub fn seen(&self, socket_id: Option<&str>) -> Vec<ConnectionInfo> {
        let fits = |open: &Open| socket_id.is_none() || open.client.id.as_deref() == socket_id;
        let seen = |open: &Open| ConnectionInfo {
            connection: open.client.connection,
            socket_id: open.client.id.clone(),
            transport: open.client.transport.as_str(),
            since: open.since,
            topics: open.client.topics(),
        };
        self.open.iter().filter(|open| fits(open)).map(|open| seen(&open)).collect()
    }

    /// Those that ended a short while ago.
    pub fn ended(&self) -> &RecentlyClosed {
        &self.ended
    }

    /// Ends all connections with this socket id, as Phoenix's `disconnect` broadcast does (1001). Says how many.
    pub fn disconnect(&self, socket_id: &str) -> usize {
        let matching = self.open.iter().filter(|open| open.client.id.as_deref() == Some(socket_id));
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
