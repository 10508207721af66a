//! The TCP connections there are: how many one address may have without a WebSocket, and how many the system allows in all.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use actix_web::rt::net::TcpStream;
use dashmap::DashMap;
use procfs::process::{LimitValue, Process};

use super::{Patience, conn::Conn, stream::Stream};
use crate::{
    live::Live,
    metrics::{Limit, Traffic},
    transport::{Caps, Rules, caps::Place, websocket::prepare},
};

/// Descriptors that are kept free of clients: for the database, certificates that are read again, operators, and connections that
/// have been accepted and not yet been looked at.
const RESERVE: u64 = 32;

/// As many again for each processor: its thread has some of its own, and begins when the connections have been counted out.
const RESERVE_OF_THREAD: u64 = 8;

/// The connections of a listener. Shared by all threads.
pub struct Accepted {
    caps: Arc<Caps>,
    rules: Live<Rules>,
    traffic: Arc<Traffic>,
    patience: Patience,
    /// How many the system allows.
    most: usize,
    count: AtomicUsize,
    next: AtomicU64,
    /// Those without a WebSocket.
    open: DashMap<u64, Arc<Conn>>,
    /// Whether the log says already that there are too many.
    is_told: AtomicBool,
}

impl Accepted {
    /// No connections yet. `caps` are those of one address, which trusted proxies do not have; how many there may be in all is what
    /// the system lets the process open besides what it has open now, less a reserve.
    pub fn new(caps: Arc<Caps>, rules: Live<Rules>, traffic: Arc<Traffic>, patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            caps,
            rules,
            traffic,
            patience,
            most: descriptors_left(),
            count: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            open: DashMap::new(),
            is_told: AtomicBool::new(false),
        })
    }

    /// Takes a connection, unless its address has too many, or there are too many in all and none can be ended.
    pub(super) fn admit(self: &Arc<Self>, socket: TcpStream) -> io::Result<Stream> {
        let counted = Counted::new(self);
        let address = socket.peer_addr()?.ip();
        let place = if self.rules.now().proxies.trusts(address.to_canonical()) {
            None
        } else {
            let place = self.caps.take(Some(address), None);
            Some(place.ok_or_else(|| self.refuse("too many connections of one address"))?)
        };
        if self.count.load(Ordering::Relaxed) > self.most {
            self.make_room()?;
        }
        prepare(&socket);
        let conn = Conn::new();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.insert(id, Arc::clone(&conn));
        conn.keep(Entry { accepted: Arc::clone(self), id, _place: place });
        Ok(Stream::new(socket, conn, self.patience, counted))
    }

    /// Ends the connection that has been of no use for longest.
    fn make_room(&self) -> io::Result<()> {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                count = self.most,
                "as many connections as the system allows (ulimit -n): the idle ones are ended for new ones"
            );
        }
        loop {
            let doing = self.open.iter().filter_map(|open| Some((open.doing()?, Arc::clone(&open))));
            let idlest = doing.min_by_key(|(doing, _)| *doing).map(|(_, conn)| conn);
            match idlest {
                // Somebody else may have ended it meanwhile.
                Some(conn) if conn.end() => return Ok(()),
                Some(_) => {}
                None => return Err(self.refuse("too many connections")),
            }
        }
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
        let reserve = RESERVE + RESERVE_OF_THREAD * threads;
        Ok(limit.saturating_sub(process.fd_count()? as u64).saturating_sub(reserve).max(1))
    });
    left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
}

/// A connection's place among those without a WebSocket, given back on drop.
pub(super) struct Entry {
    accepted: Arc<Accepted>,
    id: u64,
    _place: Option<Place>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.accepted.open.remove(&self.id);
    }
}

/// A descriptor that is used, given back on drop.
pub(super) struct Counted(Arc<Accepted>);

impl Counted {
    fn new(accepted: &Arc<Accepted>) -> Self {
        accepted.count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(accepted))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}
