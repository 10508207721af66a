//! Counts the connections of each user and each address.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dashmap::{DashMap, Entry};

use super::{ConnectionLimits, address::network};

/// How many connections each user and each address has, and how many they may have.
#[derive(Debug)]
pub struct ConnectionCounter {
    per_address: AtomicUsize,
    per_user: AtomicUsize,
    used: DashMap<Holder, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Address(IpAddr),
    User(Arc<str>),
}

/// One connection, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    counter: Arc<ConnectionCounter>,
    holders: [Option<Holder>; 2],
}

impl ConnectionCounter {
    /// No connections yet.
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        let ConnectionLimits { per_address, per_user } = limits;
        let (per_address, per_user) = (per_address.into(), per_user.into());
        Arc::new(Self { per_address, per_user, used: DashMap::new() })
    }

    /// Changes the limits for new connections; existing ones stay.
    pub fn set_limits(&self, limits: ConnectionLimits) {
        self.per_address.store(limits.per_address, Ordering::Relaxed);
        self.per_user.store(limits.per_user, Ordering::Relaxed);
    }

    pub(super) fn shrink(&self) {
        self.used.shrink_to_fit();
    }

    /// Counts a connection, unless a limit is reached. One without a user counts for its address
    /// alone.
    pub(super) fn count(self: &Arc<Self>, address: Option<IpAddr>, user: Option<&str>) -> Option<Counted> {
        let mut counted = Counted { counter: Arc::clone(self), holders: [None, None] };
        let address = address
            .map(|address| (Holder::Address(network(address)), self.per_address.load(Ordering::Relaxed)));
        let user = user.map(|user| (Holder::User(user.into()), self.per_user.load(Ordering::Relaxed)));
        for (place, holder) in counted.holders.iter_mut().zip([address, user]) {
            let Some((holder, limit)) = holder else { continue };
            let is_free = match self.used.entry(holder.clone()) {
                Entry::Occupied(mut count) if *count.get() < limit => {
                    *count.get_mut() += 1;
                    true
                }
                Entry::Vacant(unused) if limit > 0 => {
                    unused.insert(1);
                    true
                }
                Entry::Occupied(_) | Entry::Vacant(_) => false,
            };
            if !is_free {
                return None;
            }
            *place = Some(holder);
        }
        Some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        for holder in self.holders.iter_mut().filter_map(Option::take) {
            if let Entry::Occupied(mut used) = self.counter.used.entry(holder) {
                *used.get_mut() -= 1;
                if *used.get() == 0 {
                    used.remove();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(per_address: usize, per_user: usize) -> Arc<ConnectionCounter> {
        ConnectionCounter::new(ConnectionLimits { per_address, per_user })
    }

    #[test]
    fn connections_count_until_they_are_dropped() {
        let counter = limited(3, 2);
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        let first = counter.count(address, Some("bob"));
        let second = counter.count(address, Some("bob"));
        assert!(first.is_some() && second.is_some());
        assert!(counter.count(address, Some("bob")).is_none(), "the user's limit");
        let third = counter.count(address, Some("eve"));
        assert!(third.is_some(), "the refused one no longer counts for its address");
        assert!(counter.count(address, None).is_none(), "the address's limit");
        drop(first);
        assert!(counter.count(address, Some("bob")).is_some());
        drop((second, third));
        assert!(counter.used.is_empty());
    }

    #[test]
    fn changed_limits_count_open_connections() {
        let counter = limited(2, 2);
        let take = || counter.count(Some(IpAddr::from([127, 0, 0, 1])), None);
        let held = [take(), take()];
        counter.set_limits(ConnectionLimits { per_address: 3, per_user: 2 });
        let third = take();
        assert!(third.is_some() && take().is_none());
        counter.set_limits(ConnectionLimits { per_address: 1, per_user: 2 });
        drop(third);
        assert!(take().is_none(), "those before are still there");
        drop(held);
        assert!(take().is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let counter = limited(1, 1);
        let take = |address: &str| counter.count(Some(address.parse().unwrap()), None);
        let _one = take("2001:db8:0:1::1");
        assert!(take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("2001:db8:0:2::1").is_some());
    }

    #[test]
    fn a_limit_of_zero_accepts_nobody_and_keeps_nothing() {
        let counter = limited(0, 0);
        assert!(counter.count(Some(IpAddr::from([127, 0, 0, 1])), None).is_none());
        assert!(counter.count(None, Some("bob")).is_none());
        assert!(counter.used.is_empty());
    }
}
