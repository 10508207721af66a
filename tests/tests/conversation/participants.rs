//! The participants: users with their tokens, the seats of their devices, and the rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use vestibule_approve::frames::Id;
use vestibule_approve::signed::{Alg, Rid, Uid};
use vestibule_tests::people::{Device, Person, Room, random};

use crate::steps::SeatNumber;

pub(crate) const USERS: usize = 3;
pub(crate) const SEATS: usize = 2 * USERS;
const ROOMS: usize = 2;

/// A user, who has signed in.
pub(crate) struct User {
    pub(crate) person: Person,
    pub(crate) uid: Uid,
    pub(crate) token: String,
}

/// One device of a user, connected or not.
pub(crate) struct Seat {
    pub(crate) id: Id,
    pub(crate) device: Option<Device>,
    /// The rooms it has joined, and whether it proved their keys.
    pub(crate) rooms: BTreeMap<Rid, bool>,
    pub(crate) listens: bool,
}

impl Seat {
    /// Forgets the joins of a connection that is gone.
    pub(crate) fn hang(&mut self) {
        *self = Self { id: self.id, device: None, rooms: BTreeMap::new(), listens: false };
    }

    pub(crate) fn topics(&self) -> BTreeSet<Topic> {
        let rooms = self.rooms.keys().map(|rid| Topic::Room(*rid));
        rooms.chain(self.listens.then_some(Topic::Inbox)).collect()
    }
}

/// A topic on which a device receives pushes. Inboxes come last, since rooms forward to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Room(Rid),
    Inbox,
}

/// All users and all rooms.
pub(crate) struct Participants {
    pub(crate) address: SocketAddr,
    pub(crate) users: Vec<User>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) rooms: Vec<Room>,
}

impl Participants {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let user = |_| {
            let person = Person::new(Alg::Ed25519);
            User { uid: person.uid(), token: person.sign_in(address), person }
        };
        let seat = |_| Seat { id: random(), device: None, rooms: BTreeMap::new(), listens: false };
        Self {
            address,
            users: (0..USERS).map(user).collect(),
            seats: (0..SEATS).map(seat).collect(),
            rooms: (0..ROOMS).map(|_| Room::new(Alg::Ed25519)).collect(),
        }
    }

    /// The user of a seat.
    pub(crate) fn user_at(&self, seat: SeatNumber) -> &User {
        &self.users[seat % USERS]
    }

    pub(crate) fn user(&self, uid: &Uid) -> &User {
        self.users.iter().find(|user| user.uid == *uid).expect("a known user")
    }

    /// The seats of a user.
    pub(crate) fn seats_of(&self, uid: &Uid) -> impl Iterator<Item = SeatNumber> {
        (0..SEATS).filter(|seat| self.user_at(*seat).uid == *uid)
    }

    pub(crate) fn room(&self, rid: &Rid) -> &Room {
        self.rooms.iter().find(|room| room.rid() == *rid).expect("a known room")
    }

    /// The name of a topic for the user at this seat.
    pub(crate) fn name(&self, seat: SeatNumber, topic: Topic) -> String {
        match topic {
            Topic::Room(rid) => format!("room:{rid}"),
            Topic::Inbox => self.user_at(seat).person.inbox(),
        }
    }

    /// A new connection of a user.
    pub(crate) fn connect(&self, uid: &Uid, id: Id) -> Device {
        let user = self.user(uid);
        let mut device = Device::with_token(self.address, &user.person, Some(&user.token));
        device.id = id;
        device
    }

    /// The device at a seat, connected if necessary.
    pub(crate) fn device(&mut self, seat: SeatNumber) -> &mut Device {
        if self.seats[seat].device.is_none() {
            let (uid, id) = (self.user_at(seat).uid, self.seats[seat].id);
            self.seats[seat].device = Some(self.connect(&uid, id));
        }
        self.seats[seat].device.as_mut().expect("a connected device")
    }
}
