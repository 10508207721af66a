//! The presence list of a topic, in the shapes of `Phoenix.Presence`.
//!
//! A key, such as a user, has one meta for each tracker, such as a connection, oldest first.
//! [`Presence::state`] is sent to new watchers. Later changes are gathered in one [`Diff`] for all
//! watchers ([`Presence::take_changes`]); trackers that came and left in between are not in it.
//!
//! The list is bounded, since every watcher gets all of it. A tracker that comes when the list is
//! full waits for a place. So all watchers see the same list, and no diff names a tracker that they
//! have not been shown.

use std::{collections::BTreeMap, hash::Hash, io, mem, sync::Arc};

use bytestring::ByteString;
use serde::{Serialize, Serializer};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use crate::small_map::{OwnMap, SmallMap};

/// What a tracker says about itself: any JSON object. Phoenix adds `phx_ref`.
pub type Meta = Map<String, Value>;

/// The presence list of one topic. `T` identifies trackers, such as connections, by numbers that
/// the server chose.
#[derive(Debug)]
pub struct Presence<T> {
    listed: SmallMap<ByteString, Metas<Entry<T>>>,
    /// The length of the list, in bytes.
    bytes: usize,
    /// The longest list, in bytes.
    capacity: usize,
    /// Entries that found no place, in the order in which they came.
    waiting: BTreeMap<u64, (ByteString, Entry<T>)>,
    /// The keys of each tracker, which are few.
    places: OwnMap<T, Vec<(ByteString, Place)>>,
    changes: Diff,
    prefix: String,
    next_ref: u64,
}

#[derive(Debug)]
struct Entry<T> {
    tracker: T,
    meta: Written,
    bytes: usize,
}

/// A meta as it is sent: written once, and shared by the list and the changes. A map of its fields
/// would take ten times the bytes.
#[derive(Clone, Debug)]
struct Written {
    /// The number in its `phx_ref`.
    number: u64,
    json: Arc<RawValue>,
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

/// Whether an entry is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Listed,
    Waiting(u64),
}

/// Metas by key: one half of a `presence_diff`.
type Entries = BTreeMap<ByteString, Metas<Written>>;

#[derive(Clone, Debug, Serialize)]
struct Metas<M> {
    metas: Vec<M>,
}

impl<M> Metas<M> {
    /// One, in a place of exactly its size: most keys never have another.
    fn of(meta: M) -> Self {
        Self { metas: Vec::from([meta]) }
    }
}

/// The payload of `presence_diff`: one change, or several that came after each other.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Diff {
    joins: Entries,
    leaves: Entries,
}

impl Diff {
    /// Whether there is no change.
    pub fn is_empty(&self) -> bool {
        self.joins.is_empty() && self.leaves.is_empty()
    }

    fn join(&mut self, key: &ByteString, meta: Written) {
        add(&mut self.joins, key, meta);
    }

    /// A join that nobody has been told of is cancelled by its leave.
    fn leave(&mut self, key: &ByteString, meta: Written) {
        if !self.take_back(key, &meta) {
            add(&mut self.leaves, key, meta);
        }
    }

    /// Takes out the join of the same ref, and returns whether there was one.
    fn take_back(&mut self, key: &ByteString, meta: &Written) -> bool {
        let Some(Metas { metas }) = self.joins.get_mut(key) else { return false };
        let is_it = |joined: &Written| joined.number == meta.number;
        let Some(index) = metas.iter().position(is_it) else { return false };
        metas.remove(index);
        if metas.is_empty() {
            self.joins.remove(key);
        }
        true
    }
}

impl<T: Copy + Eq + Hash> Presence<T> {
    /// An empty list of at most `capacity` bytes. `prefix` begins every `phx_ref`; it must differ
    /// between topics, and between runs of one topic, so that no client sees a ref twice.
    pub fn new(prefix: String, capacity: usize) -> Self {
        Self {
            listed: SmallMap::new(),
            bytes: 0,
            capacity,
            waiting: BTreeMap::new(),
            places: OwnMap::new(),
            changes: Diff::default(),
            prefix,
            next_ref: 0,
        }
    }

    /// Changes the longest list, in bytes. Listed entries stay.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.move_up();
    }

    /// Adds `tracker` under `key`, and returns whether it was not there yet (Phoenix:
    /// `:already_tracked`).
    pub fn track(&mut self, tracker: T, key: &str, meta: Meta) -> bool {
        if self.place(tracker, key).is_some() {
            return false;
        }
        let key = ByteString::from(key);
        let entry = self.entry(tracker, &key, meta);
        let place = self.wait(&key, entry);
        match self.places.get_mut(&tracker) {
            Some(places) => places.push((key, place)),
            None => drop(self.places.insert(tracker, Vec::from([(key, place)]))),
        }
        self.move_up();
        true
    }

    /// Replaces the meta of `tracker` under `key`: the old one leaves, and the new one, which names
    /// the old one's ref, joins. Returns whether it is tracked. A meta that no longer fits waits
    /// for a place.
    pub fn update(&mut self, tracker: T, key: &str, mut meta: Meta) -> bool {
        let Some(place) = self.place(tracker, key) else { return false };
        let key = ByteString::from(key);
        if let Some(previous) = self.find(tracker, &key, place) {
            meta.insert("phx_ref_prev".to_owned(), self.reference(previous.meta.number));
        }
        let entry = self.entry(tracker, &key, meta);
        match place {
            Place::Waiting(turn) => drop(self.waiting.insert(turn, (key, entry))),
            Place::Listed => {
                if let Some(entry) = self.replace(&key, entry) {
                    self.unlist(tracker, &key);
                    let place = self.wait(&key, entry);
                    self.set_place(tracker, &key, place);
                }
            }
        }
        self.move_up();
        true
    }

    /// The meta of `tracker` under `key`, without Phoenix's refs.
    pub fn meta(&self, tracker: T, key: &str) -> Option<Meta> {
        let written = &self.find(tracker, key, self.place(tracker, key)?)?.meta;
        let mut meta: Meta = serde_json::from_str(written.json.get()).ok()?;
        meta.remove("phx_ref");
        meta.remove("phx_ref_prev");
        Some(meta)
    }

    /// Removes `tracker` from one key, and returns whether it was under it.
    pub fn untrack(&mut self, tracker: T, key: &str) -> bool {
        let Some(places) = self.places.get_mut(&tracker) else { return false };
        let Some(index) = places.iter().position(|(tracked, _)| *tracked == *key) else { return false };
        let (key, place) = places.remove(index);
        if places.is_empty() {
            self.places.remove(&tracker);
        }
        self.remove(tracker, &key, place);
        self.move_up();
        true
    }

    /// Removes `tracker` from every key, and returns whether it was under any.
    pub fn untrack_all(&mut self, tracker: T) -> bool {
        let Some(places) = self.places.remove(&tracker) else { return false };
        for (key, place) in places {
            self.remove(tracker, &key, place);
        }
        self.move_up();
        true
    }

    /// The list: the payload of `presence_state`. It includes changes that
    /// [`Presence::take_changes`] has not returned yet.
    pub fn state(&self) -> impl Serialize {
        self.listed.iter().collect::<BTreeMap<_, _>>()
    }

    /// The changes since the last call.
    pub fn take_changes(&mut self) -> Diff {
        mem::take(&mut self.changes)
    }

    /// Whether [`Presence::take_changes`] would return any.
    pub fn has_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    fn place(&self, tracker: T, key: &str) -> Option<Place> {
        self.places.get(&tracker)?.iter().find(|(tracked, _)| *tracked == *key).map(|(_, place)| *place)
    }

    fn set_place(&mut self, tracker: T, key: &str, place: Place) {
        let places = self.places.get_mut(&tracker).into_iter().flatten();
        places.filter(|(tracked, _)| *tracked == *key).for_each(|(_, known)| *known = place);
    }

    fn find(&self, tracker: T, key: &str, place: Place) -> Option<&Entry<T>> {
        match place {
            Place::Listed => self.listed.get(key)?.metas.iter().find(|entry| entry.tracker == tracker),
            Place::Waiting(turn) => self.waiting.get(&turn).map(|(_, entry)| entry),
        }
    }

    fn entry(&mut self, tracker: T, key: &str, mut meta: Meta) -> Entry<T> {
        self.next_ref += 1;
        let number = self.next_ref;
        meta.insert("phx_ref".to_owned(), self.reference(number));
        let json: Arc<RawValue> = to_raw_value(&meta).expect("a map of values is JSON").into();
        let bytes = length(key) + json.get().len() + SEPARATORS;
        Entry { tracker, meta: Written { number, json }, bytes }
    }

    /// The `phx_ref` of this number.
    fn reference(&self, number: u64) -> Value {
        Value::String(format!("{}{number}", self.prefix))
    }

    /// Puts an entry behind those that wait; one that never fits, behind all that do.
    fn wait(&mut self, key: &ByteString, entry: Entry<T>) -> Place {
        let turn = if entry.bytes <= self.capacity { self.next_ref } else { u64::MAX - self.next_ref };
        self.waiting.insert(turn, (key.clone(), entry));
        Place::Waiting(turn)
    }

    /// Puts an entry in the place of its tracker's old one, or returns it if it does not fit there.
    fn replace(&mut self, key: &ByteString, entry: Entry<T>) -> Option<Entry<T>> {
        let entries = self.listed.get_mut(key).into_iter().flat_map(|listed| &mut listed.metas);
        let Some(old) = entries.into_iter().find(|old| old.tracker == entry.tracker) else {
            return Some(entry);
        };
        let bytes = self.bytes - old.bytes + entry.bytes;
        if bytes > self.capacity && entry.bytes > old.bytes {
            return Some(entry);
        }
        self.bytes = bytes;
        let meta = entry.meta.clone();
        let old = mem::replace(old, entry);
        self.changes.leave(key, old.meta);
        self.changes.join(key, meta);
        None
    }

    fn list(&mut self, key: &ByteString, entry: Entry<T>) {
        self.bytes += entry.bytes;
        self.changes.join(key, entry.meta.clone());
        match self.listed.get_mut(key) {
            Some(Metas { metas }) => metas.push(entry),
            None => drop(self.listed.insert(key.clone(), Metas::of(entry))),
        }
    }

    fn unlist(&mut self, tracker: T, key: &ByteString) {
        let Some(Metas { metas }) = self.listed.get_mut(key) else { return };
        let Some(index) = metas.iter().position(|entry| entry.tracker == tracker) else { return };
        let entry = metas.remove(index);
        if metas.is_empty() {
            self.listed.remove(key);
        }
        self.bytes -= entry.bytes;
        self.changes.leave(key, entry.meta);
    }

    fn remove(&mut self, tracker: T, key: &ByteString, place: Place) {
        match place {
            Place::Listed => self.unlist(tracker, key),
            Place::Waiting(turn) => drop(self.waiting.remove(&turn)),
        }
    }

    /// Lists those that have waited longest, as far as there is room.
    fn move_up(&mut self) {
        while let Some(first) = self.waiting.first_entry()
            && self.bytes + first.get().1.bytes <= self.capacity
        {
            let (key, entry) = first.remove();
            let tracker = entry.tracker;
            self.list(&key, entry);
            self.set_place(tracker, &key, Place::Listed);
        }
        if self.waiting.is_empty() {
            // An empty tree keeps a node, which has room for eleven.
            self.waiting = BTreeMap::new();
        }
    }
}

fn add(entries: &mut Entries, key: &ByteString, meta: Written) {
    match entries.get_mut(key) {
        Some(Metas { metas }) => metas.push(meta),
        None => drop(entries.insert(key.clone(), Metas::of(meta))),
    }
}

impl<T> Serialize for Entry<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.meta.serialize(serializer)
    }
}

/// The bytes around an entry in a state: `"key":{"metas":[…]},`.
const SEPARATORS: usize = r#":{"metas":[]},"#.len();

/// The length of a value as JSON.
fn length(value: &(impl Serialize + ?Sized)) -> usize {
    struct Counted(usize);

    impl io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counted = Counted(0);
    // Neither a text nor a map of values can fail to serialize.
    let _ = serde_json::to_writer(&mut counted, value);
    counted.0
}

#[cfg(test)]
mod tests;
