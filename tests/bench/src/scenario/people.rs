//! The product's users: they sign in, connect, and prove the key of a room of ten.

use std::{net::SocketAddr, thread};

use vestibule_approve::signed::Alg;
use vestibule_tests::people::{Device, Person, Room};

/// How many share a room.
const MEMBERS: usize = 10;

/// How many threads users have: enough for their commits to be grouped.
pub(super) const THREADS: usize = 8;

/// A user with a token, and the room that the user is a member of.
pub(super) struct Member<'a> {
    person: Person,
    token: String,
    room: &'a Room,
}

/// As many rooms as this many people need.
pub(super) fn rooms(people: usize) -> Vec<Room> {
    (0..people.div_ceil(MEMBERS)).map(|_| Room::new(Alg::Ed25519)).collect()
}

/// People who have signed in: for each room ten.
pub(super) fn members(server: SocketAddr, rooms: &[Room]) -> Vec<Member<'_>> {
    let of_room = |room| {
        (0..MEMBERS).map(move |_| {
            let person = Person::new(Alg::Ed25519);
            let token = person.sign_in(server);
            Member { person, token, room }
        })
    };
    rooms.iter().flat_map(of_room).collect()
}

impl Member<'_> {
    /// Connects, joins the inbox and the room, and proves the room's key.
    pub(super) fn enter(&self, server: SocketAddr) -> Device {
        let mut device = Device::with_token(server, &self.person, Some(&self.token));
        device.arrive(&self.person.inbox());
        device.enter(self.room);
        // What the others cause is of no interest, and must not pile up.
        device.drain();
        device
    }
}

/// Does something with each of these, in a few threads, and returns the results.
///
/// # Panics
/// If a thread does.
pub(super) fn in_threads<T: Sync, R: Send>(of: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let parts = of.chunks(of.len().div_ceil(THREADS).max(1));
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread of clients")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::in_threads;

    #[test]
    fn results_keep_the_order_of_what_they_are_of() {
        for count in [0, 1, 7, 8, 100] {
            let numbers: Vec<u32> = (0..count).collect();
            assert_eq!(in_threads(&numbers, |number| number + 1), (1..=count).collect::<Vec<_>>());
        }
    }
}
