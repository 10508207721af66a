//! One moment of the small world.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::{Arc, Mutex},
};

use super::names::{ApproveName, Device, RequestName};
use crate::reference::Reference;

/// One moment: what everybody knows, and what is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// What the server answers from.
    pub store: Store,
    /// What would be left of it after a crash, where that is not the same.
    pub disk: Option<Store>,
    /// The time, in ticks.
    pub now: i64,
    /// What the phone and the laptop know.
    pub devices: [Knows; 2],
    /// How often Alice's client has crashed.
    pub alice_crashes: u8,
    /// What is under way, in no order: a frame may be late, or lost with its connection. Whoever is
    /// not connected is somebody whose frames are lost.
    pub network: BTreeSet<Frame>,
    /// What the server has answered. Nobody in this world looks at it; the properties do.
    pub told: Told,
}

impl State {
    /// What one of the devices knows.
    pub fn device(&self, device: Device) -> &Knows {
        &self.devices[device as usize]
    }

    pub(super) fn device_mut(&mut self, device: Device) -> &mut Knows {
        &mut self.devices[device as usize]
    }

    /// What a device asks at present.
    pub fn asks(&self, device: Device) -> RequestName {
        RequestName { device, turn: self.device(device).turn }
    }

    /// The request that a device waits for, once its question was answered ok: its own, or an
    /// earlier one for the same box.
    pub fn waits_for(&self, device: Device) -> Option<RequestName> {
        self.told.requests.get(&self.asks(device)).copied()
    }
}

/// What a device knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Knows {
    /// It has saved the room key.
    pub has_key: bool,
    /// It has the room key in its memory and not on its disk, which only a wrong client lets
    /// happen.
    pub is_unsaved: bool,
    /// How many requests it made before the present one.
    pub turn: u8,
}

/// A frame under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frame {
    /// A device asks.
    Ask(RequestName),
    /// Alice approves.
    Approve(ApproveName),
    /// The server sends an approve.
    Push(Device, ApproveName),
    /// A device has the key.
    Ack(Device, ApproveName),
    /// A device could not use the approve.
    Nack(Device, ApproveName),
}

/// What the server has answered ok.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Told {
    /// To whom asked: the request that is known by.
    pub requests: BTreeMap<RequestName, RequestName>,
    /// To Alice.
    pub approves: BTreeSet<ApproveName>,
    /// The requests that ended because nobody did anything in time: a device that had days to fetch
    /// the key, or members who had a whole cooldown to overrule a denial.
    pub timed_out: BTreeSet<RequestName>,
}

/// A store that is cheap to copy and to compare: most steps leave it as it is.
#[derive(Clone, Debug)]
pub struct Store {
    reference: Arc<Reference>,
    hash: u64,
}

/// Every store there ever was: some thousand, in millions of states.
#[derive(Clone, Debug, Default)]
pub(super) struct Stores(Arc<Mutex<HashSet<Store>>>);

impl Stores {
    /// The store with these contents.
    pub(super) fn of(&self, mut reference: Reference) -> Store {
        // In which order things came is nothing the rules look at.
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
