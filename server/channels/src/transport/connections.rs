//! The open connections, to list and to end them.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytestring::ByteString;
use dashmap::DashMap;
use tokio::time::{Instant, sleep};
use vestibule_phoenix::{disconnect::Disconnect, small_map::OwnKeys};

use super::{
    closed_connection::{ClosedConnection, RecentlyClosed},
    memory::Crowd,
};
use crate::{
    channel::{AnyClient, Client},
    outbox::Outbox,
};

/// Into how many batches a drain is split, and the pause between two of them.
const DRAIN_BATCHES: usize = 20;
const DRAIN_PAUSE: Duration = Duration::from_millis(100);
/// Fewer connections than this are one batch.
const MIN_BATCH: usize = 100;

/// A number that no other connection of this process has, whichever endpoint it came to: endpoints
/// may share topics.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The open connections of the endpoints that share this.
#[derive(Default)]
pub struct Connections {
    open: DashMap<u64, Open, OwnKeys>,
    crowd: Crowd,
    draining: AtomicBool,
    closed: RecentlyClosed,
}

struct Open {
    client: Arc<AnyClient>,
    since: SystemTime,
    outbox: Outbox,
}

/// An open connection, as an operator sees it.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// The connection's number, unique within the process.
    pub connection: u64,
    /// Its socket id, if it has one.
    pub socket_id: Option<String>,
    /// How it is connected: `websocket` or `longpoll`.
    pub transport: &'static str,
    /// When it was opened.
    pub since: SystemTime,
    /// The topics it has joined.
    pub topics: Vec<ByteString>,
}

/// Takes a connection off the list when it is dropped.
pub(crate) struct Registration {
    connections: Arc<Connections>,
    client: Arc<AnyClient>,
    since: SystemTime,
    outbox: Outbox,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Client { connection, id, transport, .. } = &*self.client;
        let how = self.outbox.ending();
        self.connections.open.remove(connection);
        self.connections.crowd.went();
        self.outbox.traffic().closed(*transport, how);
        self.connections.closed.note(ClosedConnection {
            number: 0,
            at: SystemTime::now(),
            connection: *connection,
            socket_id: id.clone(),
            transport: transport.as_str(),
            since: self.since,
            how,
        });
    }
}

impl Connections {
    /// Adds a connection to the list, before its client is told that it is open.
    pub(crate) fn register<S: Send + Sync + 'static>(
        self: &Arc<Self>,
        client: &Arc<Client<S>>,
        outbox: &Outbox,
    ) -> Registration {
        let client: Arc<AnyClient> = Arc::<Client<S>>::clone(client);
        let (since, outbox) = (SystemTime::now(), outbox.clone());
        let open = Open { client: Arc::clone(&client), since, outbox: outbox.clone() };
        self.open.insert(client.connection, open);
        self.crowd.came();
        outbox.traffic().opened(client.transport);
        // Checked after the insert: a drain that began in between has either seen the entry or is
        // seen here.
        if self.draining.load(Ordering::SeqCst) {
            outbox.close(Disconnect::Restart);
        }
        Registration { connections: Arc::clone(self), client, since, outbox }
    }

    /// Whether the server is stopping and ends them.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// How many there are, and were.
    pub(super) fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// Frees the room for those that are gone.
    pub(super) fn shrink(&self) {
        self.open.shrink_to_fit();
    }

    /// All of them, or those with this socket id, in no order.
    pub fn list(&self, socket_id: Option<&str>) -> Vec<ConnectionInfo> {
        let fits = |open: &Open| socket_id.is_none() || open.client.id.as_deref() == socket_id;
        let info = |open: &Open| ConnectionInfo {
            connection: open.client.connection,
            socket_id: open.client.id.clone(),
            transport: open.client.transport.as_str(),
            since: open.since,
            topics: open.client.topics(),
        };
        self.open.iter().filter(|open| fits(open)).map(|open| info(&open)).collect()
    }

    /// Those that ended recently.
    pub fn recently_closed(&self) -> &RecentlyClosed {
        &self.closed
    }

    /// Ends all connections with this socket id, with 1001, as Phoenix's `disconnect` broadcast
    /// does. Returns how many.
    pub fn disconnect(&self, socket_id: &str) -> usize {
        let matching = self.open.iter().filter(|open| open.client.id.as_deref() == Some(socket_id));
        matching.map(|open| open.outbox.close(Disconnect::Kicked)).count()
    }

    /// As [`disconnect`](Self::disconnect), of those whose handler keeps assigns of this kind that
    /// are meant.
    pub fn disconnect_if<S: 'static>(&self, is_meant: impl Fn(&S) -> bool) -> usize {
        let fits = |open: &Open| {
            let assigns: &dyn Any = &open.client.assigns;
            assigns.downcast_ref().is_some_and(&is_meant)
        };
        let matching = self.open.iter().filter(|open| fits(open));
        matching.map(|open| open.outbox.close(Disconnect::Kicked)).count()
    }

    /// Ends all connections with 1012, also those that come from now on, and waits until they are
    /// gone, but at most `timeout`. Returns how many are left.
    ///
    /// They are ended in batches, in no order, over up to two seconds: phoenix.js reconnects at
    /// once, and thousands at the same moment would overload the next server.
    pub async fn drain(&self, timeout: Duration) -> usize {
        self.draining.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + timeout;
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

/// Between half and one and a half times `pause`.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}
