//! Subscribers that rest: kept while no actor runs.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::channel::{Call, Channel, Subscriber, SubscriberId};

/// A subscriber at rest.
pub(super) struct Rested<C: Channel> {
    pub(super) subscriber: Subscriber<C>,
    /// Gives the channel back what it knew of the subscriber.
    pub(super) wake: Call<C>,
}

/// A subscriber on its way to or from rest. Only one thread at a time has it: the mutex is there to
/// make it `Sync`, and never contended.
type Kept<C> = Box<Mutex<Rested<C>>>;

/// The subscribers of one topic that rest, in the order of their ids. Most often there is one: a
/// map would be larger than its content.
pub(super) struct Resting<C: Channel>(Vec<(SubscriberId, Kept<C>)>);

impl<C: Channel> Resting<C> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, who: SubscriberId) -> bool {
        self.place(who).is_ok()
    }

    pub(super) fn add(&mut self, who: SubscriberId, rested: Rested<C>) {
        if let Err(place) = self.place(who) {
            self.0.reserve_exact(usize::from(self.is_empty()));
            self.0.insert(place, (who, Box::new(Mutex::new(rested))));
        }
    }

    /// Takes one out, if it is there.
    pub(super) fn take(&mut self, who: SubscriberId) -> Option<Self> {
        self.place(who).ok().map(|place| Self(vec![self.0.remove(place)]))
    }

    /// Takes all out, if there are any.
    pub(super) fn take_all(&mut self) -> Option<Self> {
        let all = std::mem::take(&mut self.0);
        (!all.is_empty()).then_some(Self(all))
    }

    fn place(&self, who: SubscriberId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&who, |(id, _)| *id)
    }
}

impl<C: Channel> IntoIterator for Resting<C> {
    type Item = (SubscriberId, Rested<C>);
    type IntoIter = Box<dyn Iterator<Item = Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        let open = |kept: Kept<C>| kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        Box::new(self.0.into_iter().map(move |(who, kept)| (who, open(kept))))
    }
}

impl<C: Channel> Default for Resting<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Channel> fmt::Debug for Resting<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Resting").field(&self.0.len()).finish()
    }
}
