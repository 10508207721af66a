//! The open TCP connections: limits those of one address that carry no WebSocket, and ends idle
//! ones at the limit of descriptors.

use std::{
    cmp::Reverse,
    fs, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use actix_web::rt::net::TcpStream;
use arc_swap::ArcSwap;
use dashmap::DashMap;
use rustix::process::{Resource, getrlimit};
use vestibule_phoenix::small_map::OwnKeys;

use super::{
    conn::{Conn, Doing, Phase},
    counted::Counted,
    stream::Stream,
    timeouts::HttpTimeouts,
};
use crate::{
    metrics::{Limit, Traffic},
    transport::{ConnectPolicy, ConnectionCounter, connection_counter::Counted as CountedAddress},
};

/// Descriptors that are kept free: for the database, certificates that are read again, operators,
/// and connections that are accepted but not yet counted.
const RESERVE: u64 = 32;

/// Also kept free, one in this many descriptors: with many descriptors, many clients may come at
/// once, and each has one before it is counted. Without a free one the library accepts nobody for
/// half a second.
const RESERVE_PART: u64 = 16;

/// Also kept free for each processor: its thread has some of its own, which it opens after the
/// limit is computed.
const RESERVE_OF_THREAD: u64 = 8;

/// How many idle connections are found at once, as one in this many of all: searching all for each
/// would take too long.
const FOUND_PART: usize = 64;

/// The TCP connections of a listener. Shared by all threads.
pub struct TcpConnections {
    by_address: Arc<ConnectionCounter>,
    policy: Arc<ArcSwap<ConnectPolicy>>,
    traffic: Arc<Traffic>,
    timeouts: HttpTimeouts,
    /// How many connections the descriptors allow.
    limit: usize,
    count: Arc<AtomicUsize>,
    next: AtomicU64,
    /// Connections without a WebSocket.
    pub(super) open: DashMap<u64, Arc<Conn>, OwnKeys>,
    /// The connections that were idle longest at the last search, the idlest at the end.
    idlest: Mutex<Vec<(Doing, Arc<Conn>)>>,
    /// Whether the log already says that there are too many.
    is_logged: AtomicBool,
    is_stopping: AtomicBool,
}

impl TcpConnections {
    /// No connections yet. `by_address` limits those of one address, except those of trusted
    /// proxies. The limit of all together is the number of descriptors that the system allows the
    /// process, less those in use and a reserve.
    pub fn new(
        by_address: Arc<ConnectionCounter>,
        policy: Arc<ArcSwap<ConnectPolicy>>,
        traffic: Arc<Traffic>,
        timeouts: HttpTimeouts,
    ) -> Arc<Self> {
        Arc::new(Self {
            by_address,
            policy,
            traffic,
            timeouts,
            limit: descriptors_left(),
            count: Arc::default(),
            next: AtomicU64::new(0),
            open: DashMap::default(),
            idlest: Mutex::default(),
            is_logged: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        })
    }

    /// Accepts a connection, unless its address has too many, or there are too many in all and none
    /// can be ended.
    pub(super) fn admit(self: &Arc<Self>, socket: TcpStream) -> io::Result<Stream> {
        let in_all = Counted::new(&self.count);
        let peer = socket.peer_addr()?;
        let address = peer.ip();
        let counted = if self.policy.load().proxies.trusts(address.to_canonical()) {
            None
        } else {
            let counted = self.by_address.count(Some(address), None);
            Some(counted.ok_or_else(|| self.refuse("too many connections of one address"))?)
        };
        if self.count.load(Ordering::Relaxed) > self.limit {
            self.make_room()?;
        }
        let conn = Conn::new();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.insert(id, Arc::clone(&conn));
        conn.keep(Entry { connections: Arc::clone(self), id, _counted: counted });
        Ok(Stream::new(socket, peer, conn, self.timeouts, in_all))
    }

    /// Ends the connections that wait for their first request, since the server stops. The HTTP
    /// library ends the others.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        for open in &self.open {
            open.end_if_awaiting();
        }
    }

    /// Whether the server stops.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    pub(in crate::transport) fn shrink(&self) {
        self.open.shrink_to_fit();
        self.by_address.shrink();
    }

    /// Ends the idlest connection.
    fn make_room(&self) -> io::Result<()> {
        if !self.is_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                count = self.limit,
                "as many connections as the system allows (ulimit -n): the idle ones are ended for new ones"
            );
        }
        let mut idlest = self.idlest.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idlest.pop() {
                // It may have gone meanwhile, or become busy.
                Some((doing, conn)) if conn.end(doing) => return Ok(()),
                Some(_) => {}
                None => *idlest = self.find_idlest().ok_or_else(|| self.refuse("too many connections"))?,
            }
        }
    }

    /// The connections that have been idle longest, the idlest at the end.
    fn find_idlest(&self) -> Option<Vec<(Doing, Arc<Conn>)>> {
        let open = self.open.iter().filter_map(|open| Some((open.doing()?, Arc::clone(&open))));
        let mut idlest: Vec<_> = open.collect();
        let (phase, _) = idlest.iter().map(|(doing, _)| *doing).min()?;
        idlest.retain(|(doing, _)| doing.0 == phase);
        // One with an open request is ended only if there is no other. There may be another one
        // next time.
        let found = if phase < Phase::Answering { self.open.len() / FOUND_PART + 1 } else { 1 };
        if found < idlest.len() {
            idlest.select_nth_unstable_by_key(found - 1, |(doing, _)| *doing);
            idlest.truncate(found);
        }
        idlest.sort_unstable_by_key(|(doing, _)| Reverse(*doing));
        Some(idlest)
    }

    fn refuse(&self, why: &'static str) -> io::Error {
        self.traffic.limited(Limit::Connections);
        tracing::debug!(why, "connection refused");
        io::ErrorKind::ConnectionRefused.into()
    }
}

/// How many descriptors clients may have: any number if the system sets no limit, or does not say
/// how many are open.
fn descriptors_left() -> usize {
    let (Some(limit), Ok(open)) = (getrlimit(Resource::Nofile).current, fs::read_dir("/proc/self/fd")) else {
        return usize::MAX;
    };
    let threads = available_parallelism().map_or(1, |threads| threads.get() as u64);
    let reserve = RESERVE + limit / RESERVE_PART + RESERVE_OF_THREAD * threads;
    let left = limit.saturating_sub(open.count() as u64).saturating_sub(reserve).max(1);
    usize::try_from(left).unwrap_or(usize::MAX)
}

/// A connection without a WebSocket, listed until it is dropped.
pub(super) struct Entry {
    connections: Arc<TcpConnections>,
    id: u64,
    _counted: Option<CountedAddress>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ConnectionLimits;

    #[tokio::test]
    async fn the_idlest_connections_are_ended_first() {
        let by_address = ConnectionCounter::new(ConnectionLimits { per_address: 1, per_user: 1 });
        let connections =
            TcpConnections::new(by_address, Arc::default(), Arc::default(), HttpTimeouts::default());
        let conns: Vec<_> = (0..200).map(|_| Conn::new()).collect();
        for (id, conn) in (0..).zip(&conns) {
            connections.open.insert(id, Arc::clone(conn));
        }
        let is_ended = |at: usize| conns[at].doing().is_none();
        // These have received nothing; the others have received a request.
        for conn in &conns[..190] {
            conn.begin();
            conn.complete();
        }
        for ended in 190..194 {
            connections.make_room().unwrap();
            assert!(is_ended(ended) && !is_ended(ended + 1), "{ended}");
        }
        assert_eq!(connections.find_idlest().unwrap().len(), 200 / FOUND_PART + 1, "several at once");
        // Connections that were found and have become busy are spared.
        for conn in &conns[194..199] {
            conn.begin();
            conn.complete();
        }
        connections.make_room().unwrap();
        assert!(is_ended(199));
        for ended in 0..2 {
            connections.make_room().unwrap();
            assert!(is_ended(ended) && !is_ended(ended + 1), "{ended}");
        }
        assert!(connections.idlest.lock().unwrap().is_empty(), "answers are ended one by one");
    }
}
