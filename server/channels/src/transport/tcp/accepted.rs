//! The TCP connections there are: how many one address may have without a WebSocket, and how many
//! the system allows in all.

use std::{
    cmp::Reverse,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use actix_web::rt::net::TcpStream;
use arc_swap::ArcSwap;
use dashmap::DashMap;
use procfs::process::{LimitValue, Process};

use super::{
    conn::{Conn, Doing, Phase},
    counted::Counted,
    patience::Patience,
    stream::Stream,
};
use crate::{
    metrics::{Limit, Traffic},
    transport::{
        ConnectPolicy, ConnectionCounter, connection_counter::Counted as CountedAddress, socket::prepare,
    },
};

/// Descriptors that are kept free of clients: for the database, certificates that are read again,
/// operators, and connections that have been accepted and not yet been looked at.
const RESERVE: u64 = 32;

/// This part of all descriptors too: where there are many, many clients may come at once, and each
/// has a descriptor before it is looked at. Without one left the library accepts nobody for half a
/// second.
const RESERVE_PART: u64 = 16;

/// So many for each processor: its thread has some of its own, and begins when the connections have
/// been counted out.
const RESERVE_OF_THREAD: u64 = 8;

/// Of all connections, this part is found at once of those that are to be ended: to look at all of
/// them for each would take too long.
const FOUND_PART: usize = 64;

/// The connections of a listener. Shared by all threads.
pub struct Accepted {
    by_address: Arc<ConnectionCounter>,
    policy: Arc<ArcSwap<ConnectPolicy>>,
    traffic: Arc<Traffic>,
    patience: Patience,
    /// How many the system allows.
    most: usize,
    count: Arc<AtomicUsize>,
    next: AtomicU64,
    /// Those without a WebSocket.
    open: DashMap<u64, Arc<Conn>>,
    /// What those were doing that were of no use for longest when it was last looked, the idlest at
    /// the end.
    idlest: Mutex<Vec<(Doing, Arc<Conn>)>>,
    /// Whether the log says already that there are too many.
    is_told: AtomicBool,
}

impl Accepted {
    /// No connections yet. `connection_limits` are those of one address, which trusted proxies do
    /// not have; how many there may be in all is what the system lets the process open besides what
    /// it has open now, less a reserve.
    pub fn new(
        by_address: Arc<ConnectionCounter>,
        policy: Arc<ArcSwap<ConnectPolicy>>,
        traffic: Arc<Traffic>,
        patience: Patience,
    ) -> Arc<Self> {
        Arc::new(Self {
            by_address,
            policy,
            traffic,
            patience,
            most: descriptors_left(),
            count: Arc::default(),
            next: AtomicU64::new(0),
            open: DashMap::new(),
            idlest: Mutex::default(),
            is_told: AtomicBool::new(false),
        })
    }

    /// Takes a connection, unless its address has too many, or there are too many in all and none
    /// can be ended.
    pub(super) fn admit(self: &Arc<Self>, socket: TcpStream) -> io::Result<Stream> {
        let in_all = Counted::new(&self.count);
        let address = socket.peer_addr()?.ip();
        let counted = if self.policy.load().proxies.trusts(address.to_canonical()) {
            None
        } else {
            let counted = self.by_address.count(Some(address), None);
            Some(counted.ok_or_else(|| self.refuse("too many connections of one address"))?)
        };
        if self.count.load(Ordering::Relaxed) > self.most {
            self.make_room()?;
        }
        prepare(&socket);
        let conn = Conn::new();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.insert(id, Arc::clone(&conn));
        conn.keep(Box::new(Entry { accepted: Arc::clone(self), id, _counted: counted }));
        Ok(Stream::new(socket, conn, self.patience, in_all))
    }

    /// Ends the connection that has been of no use for longest.
    fn make_room(&self) -> io::Result<()> {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                count = self.most,
                "as many connections as the system allows (ulimit -n): the idle ones are ended for new ones"
            );
        }
        let mut idlest = self.idlest.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idlest.pop() {
                // It may have gone meanwhile, or be of use again.
                Some((doing, conn)) if conn.end(doing) => return Ok(()),
                Some(_) => {}
                None => *idlest = self.find_idlest().ok_or_else(|| self.refuse("too many connections"))?,
            }
        }
    }

    /// Those that have been of no use for longest, the idlest at the end.
    fn find_idlest(&self) -> Option<Vec<(Doing, Arc<Conn>)>> {
        let open = self.open.iter().filter_map(|open| Some((open.doing()?, Arc::clone(&open))));
        let mut idlest: Vec<_> = open.collect();
        let (phase, _) = idlest.iter().map(|(doing, _)| *doing).min()?;
        idlest.retain(|(doing, _)| doing.0 == phase);
        // One that is being answered goes only when there is no other, which there may be again
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

/// How many descriptors clients may have. As many as they like where the system does not say.
fn descriptors_left() -> usize {
    let left = Process::myself().and_then(|process| {
        let LimitValue::Value(limit) = process.limits()?.max_open_files.soft_limit else {
            return Ok(u64::MAX);
        };
        let threads = available_parallelism().map_or(1, |threads| threads.get() as u64);
        let reserve = RESERVE + limit / RESERVE_PART + RESERVE_OF_THREAD * threads;
        Ok(limit.saturating_sub(process.fd_count()? as u64).saturating_sub(reserve).max(1))
    });
    left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
}

/// A connection's place among those without a WebSocket, given back on drop.
struct Entry {
    accepted: Arc<Accepted>,
    id: u64,
    _counted: Option<CountedAddress>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.accepted.open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ConnectionLimits;

    #[tokio::test]
    async fn the_idlest_are_ended_first_and_looked_for_seldom() {
        let by_address = ConnectionCounter::new(ConnectionLimits { per_address: 1, per_user: 1 });
        let accepted = Accepted::new(by_address, Arc::default(), Arc::default(), Patience::default());
        let conns: Vec<_> = (0..200).map(|_| Conn::new()).collect();
        for (id, conn) in (0..).zip(&conns) {
            accepted.open.insert(id, Arc::clone(conn));
        }
        let is_ended = |at: usize| conns[at].doing().is_none();
        // Nothing of it has come, and a request of the others.
        for conn in &conns[..190] {
            conn.begin();
            conn.complete();
        }
        for ended in 190..194 {
            accepted.make_room().unwrap();
            assert!(is_ended(ended) && !is_ended(ended + 1), "{ended}");
        }
        assert_eq!(accepted.find_idlest().unwrap().len(), 200 / FOUND_PART + 1, "several at once");
        // Those that were found and are of use by now are left alone.
        for conn in &conns[194..199] {
            conn.begin();
            conn.complete();
        }
        accepted.make_room().unwrap();
        assert!(is_ended(199));
        for ended in 0..2 {
            accepted.make_room().unwrap();
            assert!(is_ended(ended) && !is_ended(ended + 1), "{ended}");
        }
        assert!(accepted.idlest.lock().unwrap().is_empty(), "answers are ended one by one");
    }
}
