//! How many requests are open in all rooms, where the database does not count them.
//!
//! Counting there would make all writers wait for each other. So the sum over the rooms is read now
//! and then, and each writer adds what it changes: the quota that depends on it is exact to within
//! what others change meanwhile.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use vestibule_schema::{
    Connection, Error,
    repository::{census, store},
};

/// How long a sum counts.
const FRESH: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct OpenTotal {
    sum: AtomicI64,
    read_at: Mutex<Option<Instant>>,
}

impl OpenTotal {
    /// How many are open. In a file this is exact.
    pub(super) fn get(&self, conn: &mut Connection) -> Result<usize, Error> {
        if let Some(exact) = store::open(conn)? {
            return Ok(usize::try_from(exact).unwrap_or_default());
        }
        if self.is_due() {
            self.sum.store(census::open_requests(conn)?, Ordering::Relaxed);
        }
        Ok(usize::try_from(self.sum.load(Ordering::Relaxed)).unwrap_or_default())
    }

    /// Notes that so many more are open.
    pub(super) fn add(&self, opened: i64) {
        self.sum.fetch_add(opened, Ordering::Relaxed);
    }

    /// Whether it is this caller's turn to read the sum.
    fn is_due(&self) -> bool {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = read_at.is_none_or(|at| at.elapsed() >= FRESH);
        if is_due {
            *read_at = Some(Instant::now());
        }
        is_due
    }
}
