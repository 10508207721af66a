//! How many connections one user and one address may have at once.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dashmap::{DashMap, Entry};

use super::address::network;

/// The caps, and how far they are used.
#[derive(Debug)]
pub struct ConnectionLimits {
    per_address: AtomicUsize,
    per_user: AtomicUsize,
    used: DashMap<Holder, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Address(IpAddr),
    User(String),
}

/// One connection's share of the caps, given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    caps: Arc<ConnectionLimits>,
    holders: Vec<Holder>,
}

impl ConnectionLimits {
    /// At most so many connections of one address (for IPv6, of a network /64), and of one user (by socket id).
    pub fn new(per_address: usize, per_user: usize) -> Arc<Self> {
        let (per_address, per_user) = (per_address.into(), per_user.into());
        Arc::new(Self { per_address, per_user, used: DashMap::new() })
    }

    /// Other caps, for who comes from now on: nobody is sent away.
    pub fn change(&self, per_address: usize, per_user: usize) {
        self.per_address.store(per_address, Ordering::Relaxed);
        self.per_user.store(per_user, Ordering::Relaxed);
    }

    /// Takes a place, unless a cap is reached. A connection without a user counts for its address alone.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>, user: Option<&str>) -> Option<Place> {
        let mut place = Place { caps: Arc::clone(self), holders: Vec::new() };
        let address = address
            .map(|address| (Holder::Address(network(address)), self.per_address.load(Ordering::Relaxed)));
        let user = user.map(|user| (Holder::User(user.to_owned()), self.per_user.load(Ordering::Relaxed)));
        for (holder, cap) in address.into_iter().chain(user) {
            let is_free = match self.used.entry(holder.clone()) {
                Entry::Occupied(mut count) if *count.get() < cap => {
                    *count.get_mut() += 1;
                    true
                }
                Entry::Vacant(unused) if cap > 0 => {
                    unused.insert(1);
                    true
                }
                Entry::Occupied(_) | Entry::Vacant(_) => false,
            };
            if !is_free {
                return None;
            }
            place.holders.push(holder);
        }
        Some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for holder in self.holders.drain(..) {
            if let Entry::Occupied(mut used) = self.caps.used.entry(holder) {
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

    #[test]
    fn places_end_at_the_caps_and_are_given_back() {
        let caps = ConnectionLimits::new(3, 2);
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        let first = caps.take(address, Some("bob"));
        let second = caps.take(address, Some("bob"));
        assert!(first.is_some() && second.is_some());
        assert!(caps.take(address, Some("bob")).is_none(), "the user's cap");
        let third = caps.take(address, Some("eve"));
        assert!(third.is_some(), "the refused one gave back its address's place");
        assert!(caps.take(address, None).is_none(), "the address's cap");
        drop(first);
        assert!(caps.take(address, Some("bob")).is_some());
        drop((second, third));
        assert!(caps.used.is_empty());
    }

    #[test]
    fn other_caps_count_who_is_there_already() {
        let caps = ConnectionLimits::new(2, 2);
        let take = || caps.take(Some(IpAddr::from([127, 0, 0, 1])), None);
        let held = [take(), take()];
        caps.change(3, 2);
        let third = take();
        assert!(third.is_some() && take().is_none());
        caps.change(1, 2);
        drop(third);
        assert!(take().is_none(), "those before are still there");
        drop(held);
        assert!(take().is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let caps = ConnectionLimits::new(1, 1);
        let take = |address: &str| caps.take(Some(address.parse().unwrap()), None);
        let _one = take("2001:db8:0:1::1");
        assert!(take("2001:db8:0:1:ffff::2").is_none());
        assert!(take("2001:db8:0:2::1").is_some());
    }

    #[test]
    fn a_cap_of_nothing_lets_nobody_in_and_keeps_nothing() {
        let caps = ConnectionLimits::new(0, 0);
        assert!(caps.take(Some(IpAddr::from([127, 0, 0, 1])), None).is_none());
        assert!(caps.take(None, Some("bob")).is_none());
        assert!(caps.used.is_empty());
    }
}
