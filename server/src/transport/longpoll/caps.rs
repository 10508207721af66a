//! How many long-poll sessions one user and one address may have: each is memory that lives without a connection.

use std::{net::IpAddr, sync::Arc};

use dashmap::{DashMap, Entry};

/// The caps, and how far they are used.
#[derive(Debug)]
pub struct Caps {
    per_address: usize,
    per_user: usize,
    used: DashMap<Holder, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Address(IpAddr),
    User(String),
}

/// One session's share of the caps, given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    caps: Arc<Caps>,
    holders: Vec<Holder>,
}

impl Default for Caps {
    fn default() -> Self {
        Self::new(512, 32)
    }
}

impl Caps {
    /// At most so many sessions for one address, and for one user (by socket id).
    pub fn new(per_address: usize, per_user: usize) -> Self {
        Self { per_address, per_user, used: DashMap::new() }
    }

    /// Takes a place, unless a cap is reached.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>, user: Option<&str>) -> Option<Place> {
        let mut place = Place { caps: Arc::clone(self), holders: Vec::new() };
        let address = address.map(|address| (Holder::Address(address), self.per_address));
        let user = user.map(|user| (Holder::User(user.to_owned()), self.per_user));
        for (holder, cap) in address.into_iter().chain(user) {
            let mut taken = self.used.entry(holder.clone()).or_insert(0);
            if *taken >= cap {
                return None;
            }
            *taken += 1;
            drop(taken);
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
        let caps = Arc::new(Caps::new(3, 2));
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
}
