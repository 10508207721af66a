//! The memory of connections that have gone, given back to the system.
//!
//! The allocator keeps freed memory for later, and so do tables. For a server that thousands have
//! left that is most of what it has.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::web::block;
use tokio::time::{MissedTickBehavior, interval};

use super::{Endpoint, TcpConnections};

/// How often it is looked whether connections have gone. Memory is given back no more often.
const INTERVAL: Duration = Duration::from_secs(3);

/// How many connections must have gone at least, and how many of those that were open: looking at
/// the whole heap for the memory of a few does not pay.
const GONE: usize = 100;
const GONE_PART: usize = 4;

/// Gives memory back to the system, some seconds after many connections have gone. Never ends: a
/// server spawns it, and aborts it when it stops. [`Server`](crate::Server) does so by itself.
///
/// Then, on a thread for calls that block, tables shrink to what they hold, and glibc is asked to
/// give back all of the process's memory that is free (`malloc_trim`). Other threads that allocate
/// meanwhile wait for some milliseconds. With another allocator than glibc's only tables shrink.
pub async fn give_back_memory<S: Send + Sync + 'static>(
    endpoint: Arc<Endpoint<S>>,
    tcp_connections: Arc<TcpConnections>,
) {
    let mut interval = interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_due = false;
    loop {
        interval.tick().await;
        let crowd = endpoint.connections().crowd();
        // A look later: what connections leave behind, in their topics, is freed after them.
        if std::mem::take(&mut is_due) {
            crowd.count_anew();
            let (endpoint, tcp_connections) = (Arc::clone(&endpoint), Arc::clone(&tcp_connections));
            let shrink = move || {
                endpoint.shrink();
                tcp_connections.shrink();
                vestibule_memory::give_back()
            };
            // It fails if it panics, which was logged.
            if let Ok(gave_back) = block(shrink).await {
                tracing::debug!(gave_back, "many connections have gone: memory was given back");
            }
        } else {
            is_due = crowd.has_thinned();
        }
    }
}

/// How many connections there are, and how many there were at most since memory was given back:
/// a crowd may come and go between two looks.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    pub(super) fn came(&self) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(open, Ordering::Relaxed);
    }

    pub(super) fn went(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether so many have gone that giving back pays.
    fn has_thinned(&self) -> bool {
        let (open, most) = (self.open.load(Ordering::Relaxed), self.most.load(Ordering::Relaxed));
        most.saturating_sub(open) >= GONE.max(most / GONE_PART)
    }

    /// Those that are there now are the most.
    fn count_anew(&self) {
        self.most.store(self.open.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pays_once_many_have_gone() {
        let crowd = Crowd::default();
        let at = |open: usize| {
            while crowd.open.load(Ordering::Relaxed) < open {
                crowd.came();
            }
            while crowd.open.load(Ordering::Relaxed) > open {
                crowd.went();
            }
        };
        let pays = |open| {
            at(open);
            let pays = crowd.has_thinned();
            if pays {
                crowd.count_anew();
            }
            pays
        };
        assert!(!pays(0) && !pays(99) && !pays(0), "too few");
        at(100);
        assert!(pays(0) && !pays(0), "once, and also for those that nobody saw");
        assert!(!pays(1000) && !pays(751) && pays(750), "a quarter");
        assert!(!pays(564) && pays(563), "a quarter of those that were left");
        assert!(!pays(800) && !pays(700) && pays(600), "others have come meanwhile");
    }
}
