//! Used challenges: each is valid once, as far as memory allows.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::nonce::{NONCE, expiry};

/// The most nonces that are remembered, about 4 MB.
const MOST: usize = 65_536;

/// Used nonces that have not expired, in order. A nonce begins with its expiry, so the first one
/// expires first, and a new one belongs near the end. They are in one block of memory: the many of
/// a tree would lie between those of connections, and keep their pages when these have gone.
#[derive(Default)]
pub(super) struct Used(Mutex<VecDeque<[u8; NONCE]>>);

impl Used {
    /// Remembers a nonce, and returns whether it is new. If there are too many, the oldest is
    /// forgotten.
    pub(super) fn add(&self, nonce: [u8; NONCE], now: i64) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while used.front().is_some_and(|first| expiry(first) <= now || used.len() >= MOST) {
            used.pop_front();
        }
        let Err(place) = used.binary_search(&nonce) else { return false };
        used.insert(place, nonce);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(exp: i64, number: u32) -> [u8; NONCE] {
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&exp.to_be_bytes());
        nonce[8..12].copy_from_slice(&number.to_be_bytes());
        nonce
    }

    fn count(used: &Used) -> usize {
        used.0.lock().unwrap().len()
    }

    #[test]
    fn a_nonce_is_new_once_and_forgotten_when_expired() {
        let used = Used::default();
        assert!(used.add(nonce(100, 1), 1) && used.add(nonce(100, 2), 1) && used.add(nonce(50, 1), 1));
        assert!(!used.add(nonce(100, 1), 99));
        assert_eq!(count(&used), 2, "the one that ended at 50 is forgotten");
        assert!(used.add(nonce(200, 1), 100));
        assert_eq!(count(&used), 1);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_forgotten_first() {
        let used = Used::default();
        let most = u32::try_from(MOST).unwrap();
        for number in 0..most + 10 {
            assert!(used.add(nonce(100 + i64::from(number), number), 1));
        }
        assert_eq!(count(&used), MOST);
        assert!(!used.add(nonce(100 + i64::from(most), most), 1), "a later one is remembered");
        assert!(used.add(nonce(100, 0), 1), "the first one is not");
    }
}
