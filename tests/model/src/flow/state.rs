//! A state of the small world.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::{Arc, Mutex},
};

use super::names::{ApproveName, Device, RequestName};
use crate::reference::Reference;

/// A state: what everybody knows, and which frames are on their way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The server's store.
    pub store: Store,
    /// What a crash would leave of it, if that differs.
    pub disk: Option<Store>,
    /// The time, in ticks.
    pub now: i64,
    /// The state of the phone and of the laptop.
    pub devices: [Knows; 2],
    /// How often Alice's client has crashed.
    pub alice_crashes: u8,
    /// The frames on their way, in no order: each may be late, or lost with its connection. A
    /// client that is offline is one whose frames are lost.
    pub network: BTreeSet<Frame>,
    /// The server's answers. Only the properties look at them.
    pub told: Told,
}

impl State {
    /// The state of one device.
    pub fn device(&self, device: Device) -> &Knows {
        &self.devices[device as usize]
    }

    pub(super) fn device_mut(&mut self, device: Device) -> &mut Knows {
        &mut self.devices[device as usize]
    }

    /// A device's present request.
    pub fn asks(&self, device: Device) -> RequestName {
        RequestName { device, turn: self.device(device).turn }
    }

    /// The request that a device waits for, once its own was answered ok: its own, or an earlier
    /// one for the same box.
    pub fn waits_for(&self, device: Device) -> Option<RequestName> {
        self.told.requests.get(&self.asks(device)).copied()
    }
}

/// The state of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Knows {
    /// It has saved the room key.
    pub has_key: bool,
    /// It has the room key in memory but not on disk, which only a flawed client does.
    pub is_unsaved: bool,
    /// How many requests it made before the present one.
    pub turn: u8,
}

/// A frame on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frame {
    /// A device's request.
    Ask(RequestName),
    /// Alice's approve.
    Approve(ApproveName),
    /// An approve from the server.
    Push(Device, ApproveName),
    /// A device's ack.
    Ack(Device, ApproveName),
    /// A device's nack.
    Nack(Device, ApproveName),
}

/// The server's ok answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Told {
    /// To a request: the id by which it is known.
    pub requests: BTreeMap<RequestName, RequestName>,
    /// To Alice.
    pub approves: BTreeSet<ApproveName>,
    /// The requests that ended because nobody acted in time: a device that had days to fetch the
    /// key, or members who had a whole cooldown to overrule a denial.
    pub timed_out: BTreeSet<RequestName>,
}

/// A store that is cheap to copy and to compare: most steps leave it as it is.
#[derive(Clone, Debug)]
pub struct Store {
    reference: Arc<Reference>,
    hash: u64,
}

/// All different stores: some thousand, in millions of states.
#[derive(Clone, Debug, Default)]
pub(super) struct Stores(Arc<Mutex<HashSet<Store>>>);

impl Stores {
    /// The store with these contents.
    pub(super) fn of(&self, mut reference: Reference) -> Store {
        // The rules do not look at the order in which frames were stored.
        reference.forget_order();
        let mut hasher = DefaultHasher::new();
        reference.hash(&mut hasher);
        let store = Store { hash: hasher.finish(), reference: Arc::new(reference) };
        let mut known = self.0.lock().expect("nobody panics with it");
        if let Some(known) = known.get(&store) {
            return known.clone();
        }
        known.insert(store.clone());
        store
    }
}

impl Deref for Store {
    type Target = Reference;

    fn deref(&self) -> &Reference {
        &self.reference
    }
}

impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.reference, &other.reference)
            || self.hash == other.hash && self.reference == other.reference
    }
}

impl Eq for Store {}

impl Hash for Store {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.hash.hash(hasher);
    }
}
