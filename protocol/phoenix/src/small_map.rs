//! A map that costs little more than its entries, also where there is only one.
//!
//! Most tables of a channel server have one entry: the topics of a connection, the subscribers of
//! an inbox. The standard library's hash table allocates places for four, its `BTreeMap` for
//! eleven. A [`SmallMap`] keeps up to [`FEW`] entries in a list, which is searched from its start,
//! and more of them in a hash table, so that no operation takes longer the more entries there are.
//! It gives memory back when entries are removed.

use std::{
    borrow::Borrow,
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    mem,
};

/// Hashes keys that the server chose itself, as the numbers of connections. It is several times as
/// fast as the standard library's, and randomly seeded, but not made to withstand a client that
/// chooses many keys.
pub type OwnKeys = foldhash::fast::RandomState;

/// A [`SmallMap`] whose keys the server chose itself.
pub type OwnMap<K, V> = SmallMap<K, V, OwnKeys>;

/// The most entries that are kept in a list.
pub const FEW: usize = 16;

/// A map. See the [module](self).
///
/// `S` hashes the keys once they are many: the default withstands clients that choose them.
pub struct SmallMap<K, V, S = RandomState>(Entries<K, V, S>);

enum Entries<K, V, S> {
    /// In no order, each key once.
    Few(Vec<(K, V)>),
    #[allow(clippy::box_collection, reason = "few entries need no room for a table's fields")]
    Many(Box<HashMap<K, V, S>>),
}

use Entries::{Few, Many};

impl<K, V, S> SmallMap<K, V, S> {
    /// An empty map, which allocates nothing.
    pub const fn new() -> Self {
        Self(Few(Vec::new()))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Few(few) => few.len(),
            Many(many) => many.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match &self.0 {
            Few(few) => (few.as_slice(), None),
            Many(many) => (&[][..], Some(many.iter())),
        };
        few.iter().map(|(key, value)| (key, value)).chain(many.into_iter().flatten())
    }

    /// The keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The values, in no order, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let (few, many) = match &mut self.0 {
            Few(few) => (few.as_mut_slice(), None),
            Many(many) => (&mut [][..], Some(many.values_mut())),
        };
        few.iter_mut().map(|(_, value)| value).chain(many.into_iter().flatten())
    }

    /// Takes all entries out, in no order.
    pub fn take(&mut self) -> impl Iterator<Item = (K, V)> + use<K, V, S> {
        let (few, many) = match mem::take(self).0 {
            Few(few) => (few, None),
            Many(many) => (Vec::new(), Some(*many)),
        };
        few.into_iter().chain(many.into_iter().flatten())
    }
}

impl<K: Eq + Hash, V, S: BuildHasher + Default> SmallMap<K, V, S> {
    /// The value of a key.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match &self.0 {
            Few(few) => few.iter().find(|(known, _)| known.borrow() == key).map(|(_, value)| value),
            Many(many) => many.get(key),
        }
    }

    /// The value of a key, to change it.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        match &mut self.0 {
            Few(few) => few.iter_mut().find(|(known, _)| (*known).borrow() == key).map(|(_, value)| value),
            Many(many) => many.get_mut(key),
        }
    }

    /// Whether there is an entry with this key.
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Adds an entry, and returns the value that the key had before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(&key) {
            return Some(mem::replace(known, value));
        }
        self.add(key, value);
        None
    }

    /// Keeps the entries that `keeps` accepts.
    pub fn retain(&mut self, mut keeps: impl FnMut(&K, &mut V) -> bool) {
        match &mut self.0 {
            Few(few) => few.retain_mut(|(key, value)| keeps(key, value)),
            Many(many) => many.retain(keeps),
        }
        self.shrink();
    }

    /// Adds an entry whose key is new.
    fn add(&mut self, key: K, value: V) {
        match &mut self.0 {
            Few(few) if few.len() < FEW => {
                if few.len() == few.capacity() {
                    few.reserve_exact(few.len().div_ceil(2).max(1));
                }
                few.push((key, value));
            }
            Few(few) => {
                let mut many: HashMap<K, V, S> = mem::take(few).into_iter().collect();
                many.insert(key, value);
                self.0 = Many(Box::new(many));
            }
            Many(many) => drop(many.insert(key, value)),
        }
    }

    /// Removes an entry, and returns its value.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let value = match &mut self.0 {
            Few(few) => {
                let index = few.iter().position(|(known, _)| known.borrow() == key)?;
                few.swap_remove(index).1
            }
            Many(many) => many.remove(key)?,
        };
        self.shrink();
        Some(value)
    }

    /// Gives back room, well below the size at which it grew, so that it does not grow again at
    /// once.
    fn shrink(&mut self) {
        match &mut self.0 {
            Few(few) if few.len() <= few.capacity() / 2 => few.shrink_to_fit(),
            Many(many) if many.len() <= FEW / 2 => self.0 = Few(many.drain().collect()),
            Many(many) if many.len() < many.capacity() / 4 => many.shrink_to(many.len() * 2),
            Few(_) | Many(_) => {}
        }
    }
}

impl<K, V, S> Default for SmallMap<K, V, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for SmallMap<K, V, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, u32),
        Remove(u8),
        Change(u8, u32),
        Retain(u32),
        Take,
    }

    fn step() -> impl Strategy<Value = Step> {
        // Few enough keys that they are met again, and more than fit a list.
        let key = || 0..48_u8;
        prop_oneof![
            60 => (key(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
            50 => key().prop_map(Step::Remove),
            10 => (key(), any::<u32>()).prop_map(|(key, value)| Step::Change(key, value)),
            2 => (2..5_u32).prop_map(Step::Retain),
            1 => Just(Step::Take),
        ]
    }

    fn sorted(entries: impl Iterator<Item = (u8, u32)>) -> BTreeMap<u8, u32> {
        entries.collect()
    }

    proptest! {
        #[test]
        fn does_what_a_hash_map_does(steps in prop::collection::vec(step(), 0..400)) {
            let mut small: OwnMap<u8, u32> = SmallMap::new();
            let mut model: HashMap<u8, u32> = HashMap::new();
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        prop_assert_eq!(small.insert(key, value), model.insert(key, value));
                    }
                    Step::Remove(key) => prop_assert_eq!(small.remove(&key), model.remove(&key)),
                    Step::Change(key, value) => {
                        prop_assert_eq!(small.get_mut(&key).map(|known| mem::replace(known, value)),
                            model.get_mut(&key).map(|known| mem::replace(known, value)));
                    }
                    Step::Retain(divisor) => {
                        small.retain(|_, value| *value % divisor != 0);
                        model.retain(|_, value| *value % divisor != 0);
                    }
                    Step::Take => prop_assert_eq!(sorted(small.take()), sorted(model.drain())),
                }
                prop_assert_eq!(small.len(), model.len());
                prop_assert_eq!(small.is_empty(), model.is_empty());
                let pairs = model.iter().map(|(key, value)| (*key, *value));
                prop_assert_eq!(sorted(small.iter().map(|(key, value)| (*key, *value))), sorted(pairs));
                prop_assert_eq!(small.iter().count(), model.len());
                for key in 0..48 {
                    prop_assert_eq!(small.get(&key), model.get(&key));
                    prop_assert_eq!(small.contains_key(&key), model.contains_key(&key));
                }
            }
            for value in small.values_mut().chain(model.values_mut()) {
                *value ^= 1;
            }
            let key_sum = |sum: u32, key: &u8| sum + u32::from(*key);
            prop_assert_eq!(small.keys().fold(0, key_sum), model.keys().fold(0, key_sum));
            let value_sum = |sum: u64, value: &u32| sum + u64::from(*value);
            prop_assert_eq!(small.values().fold(0, value_sum), model.values().fold(0, value_sum));
        }
    }

    /// How many entries there is room for.
    fn room(map: &OwnMap<u32, u32>) -> usize {
        match &map.0 {
            Few(few) => few.capacity(),
            Many(many) => many.capacity(),
        }
    }

    #[test]
    fn one_entry_takes_the_room_of_one() {
        assert_eq!(size_of::<SmallMap<u32, u32>>(), 24);
        let mut map = OwnMap::new();
        assert_eq!(room(&map), 0);
        for (key, expected) in [(0, 1), (1, 2), (2, 3), (3, 5), (4, 5), (5, 8)] {
            map.insert(key, key);
            assert_eq!(room(&map), expected, "{} entries", key + 1);
        }
    }

    #[test]
    fn many_entries_are_hashed_and_give_their_room_back() {
        let mut map = OwnMap::new();
        for key in 0..10_000 {
            map.insert(key, key);
        }
        assert!(matches!(map.0, Many(_)) && room(&map) < 15_000);
        for key in 100..10_000 {
            map.remove(&key);
        }
        assert!(matches!(map.0, Many(_)) && room(&map) < 500, "{}", room(&map));
        for key in 1..100 {
            map.remove(&key);
        }
        assert!(matches!(map.0, Few(_)) && room(&map) <= 2, "{}", room(&map));
        assert_eq!(map.remove(&0), Some(0));
        assert_eq!(room(&map), 0);
    }

    #[test]
    fn growing_and_shrinking_by_one_does_not_rebuild() {
        let mut map = OwnMap::new();
        for key in 0..=u32::try_from(FEW).unwrap() {
            map.insert(key, key);
        }
        for _ in 0..10 {
            map.remove(&0);
            assert!(matches!(map.0, Many(_)));
            map.insert(0, 0);
        }
    }
}
