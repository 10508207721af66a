//! Connections that ended recently, and how, for operators.

use std::{
    collections::VecDeque,
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
    kept: VecDeque<ClosedConnection>,
    last: u64,
}

impl RecentlyClosed {
    /// Remembers one, under the next number.
    pub(super) fn note(&self, ended: ClosedConnection) {
        let mut ring = self.lock();
        ring.last += 1;
        let number = ring.last;
        if ring.kept.len() == KEPT {
            ring.kept.pop_front();
        }
        ring.kept.push_back(ClosedConnection { number, ..ended });
    }

    /// At most `limit` of them, latest first: those with a smaller number than `number`, if given.
    pub fn before(&self, number: Option<u64>, limit: usize) -> Vec<ClosedConnection> {
        let is_before = |ended: &&ClosedConnection| number.is_none_or(|number| ended.number < number);
        self.lock().kept.iter().rev().filter(is_before).take(limit).cloned().collect()
    }

    /// Every change leaves a ring that is whole.
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thousand_are_listed_latest_first() {
        let ended = RecentlyClosed::default();
        for connection in 0..1500 {
            let (at, since, how) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH, Ending::Lost);
            let transport = "websocket";
            ended.note(ClosedConnection {
                number: 0,
                at,
                connection,
                socket_id: None,
                transport,
                since,
                how,
            });
        }
        let all = ended.before(None, usize::MAX);
        assert_eq!((all.len(), all[0].connection, all[999].connection), (1000, 1499, 500));
        let page = ended.before(Some(all[1].number), 2);
        assert_eq!(page.iter().map(|ended| ended.connection).collect::<Vec<_>>(), [1497, 1496]);
    }
}
