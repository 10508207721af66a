//! Connections that ended recently, and how, for operators.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use vestibule_phoenix::disconnect::Ending;

/// How many are remembered.
const KEPT: usize = 1000;

/// A connection that ended. Its address is not kept.
#[derive(Clone, Debug)]
pub struct ClosedConnection {
    /// The place in the list: later ones have larger numbers.
    pub number: u64,
    /// When it ended.
    pub at: SystemTime,
    /// The connection's number, unique within the process.
    pub connection: u64,
    /// Its socket id, if it had one.
    pub socket_id: Option<String>,
    /// How it was connected: `websocket` or `longpoll`.
    pub transport: &'static str,
    /// When it was opened.
    pub since: SystemTime,
    /// How it ended.
    pub how: Ending,
}

/// The last thousand connections that ended, in memory.
#[derive(Debug, Default)]
pub struct RecentlyClosed(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Kept>,
    /// The socket ids of all of them. Each in a block of its own would be somewhere in the memory
    /// that was free when its connection ended, and would keep that from being given back.
    socket_ids: VecDeque<u8>,
    last: u64,
}

/// One of them, without its socket id, of which only the length is known.
#[derive(Debug)]
struct Kept {
    ended: ClosedConnection,
    socket_id: Option<usize>,
}

impl RecentlyClosed {
    /// Remembers one, under the next number.
    pub(super) fn note(&self, mut ended: ClosedConnection) {
        let mut ring = self.lock();
        ring.last += 1;
        ended.number = ring.last;
        if ring.kept.len() == KEPT {
            ring.forget_first();
        }
        let socket_id = ended.socket_id.take();
        ring.socket_ids.extend(socket_id.iter().flat_map(|id| id.bytes()));
        ring.kept.push_back(Kept { ended, socket_id: socket_id.map(|id| id.len()) });
    }

    /// At most `limit` of them, latest first: those with a smaller number than `number`, if given.
    pub fn before(&self, number: Option<u64>, limit: usize) -> Vec<ClosedConnection> {
        let ring = self.lock();
        let mut end = ring.socket_ids.len();
        let mut found = Vec::new();
        for Kept { ended, socket_id } in ring.kept.iter().rev() {
            let start = end - socket_id.unwrap_or_default();
            if found.len() < limit && number.is_none_or(|number| ended.number < number) {
                let socket_id = socket_id.map(|_| ring.socket_id(start..end));
                found.push(ClosedConnection { socket_id, ..ended.clone() });
            }
            end = start;
        }
        found
    }

    /// Every change leaves a ring that is whole.
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn forget_first(&mut self) {
        if let Some(Kept { socket_id: Some(length), .. }) = self.kept.pop_front() {
            self.socket_ids.drain(..length);
        }
    }

    fn socket_id(&self, place: Range<usize>) -> String {
        let bytes = self.socket_ids.range(place).copied().collect();
        String::from_utf8(bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id of a connection's socket: none of each third, and of different lengths.
    fn socket_id(connection: u64) -> Option<String> {
        (!connection.is_multiple_of(3)).then(|| format!("user:é{}", 7 * connection))
    }

    #[test]
    fn the_last_thousand_are_listed_latest_first() {
        let ended = RecentlyClosed::default();
        for connection in 0..1500 {
            let (at, since, how) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH, Ending::Lost);
            let transport = "websocket";
            let socket_id = socket_id(connection);
            ended.note(ClosedConnection { number: 0, at, connection, socket_id, transport, since, how });
        }
        let all = ended.before(None, usize::MAX);
        assert_eq!((all.len(), all[0].connection, all[999].connection), (1000, 1499, 500));
        assert!(all.iter().all(|ended| ended.socket_id == socket_id(ended.connection)));
        let page = ended.before(Some(all[1].number), 2);
        assert_eq!(page.iter().map(|ended| ended.connection).collect::<Vec<_>>(), [1497, 1496]);
        assert!(page.iter().all(|ended| ended.socket_id == socket_id(ended.connection)));
        let bytes: usize = all.iter().filter_map(|ended| ended.socket_id.as_ref()).map(String::len).sum();
        assert_eq!(ended.lock().socket_ids.len(), bytes, "those of others are forgotten");
    }
}
