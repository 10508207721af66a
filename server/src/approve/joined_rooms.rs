//! Which connections have joined which rooms, including those whose topic rests.

use std::sync::Arc;

use dashmap::DashSet;
use vestibule_approve::signed::Rid;
use vestibule_channels::channel::SubscriberId;

/// Pairs of a connection and a room that it has joined.
#[derive(Clone, Debug, Default)]
pub(super) struct JoinedRooms(Arc<DashSet<(u64, Rid)>>);

/// Keeps a pair in the set until dropped.
#[derive(Debug)]
pub(super) struct JoinedRoom {
    rooms: JoinedRooms,
    pair: (u64, Rid),
}

impl JoinedRooms {
    /// Notes that the connection of this join is in a room, for as long as the result is kept.
    pub(super) fn note(&self, who: SubscriberId, rid: Rid) -> JoinedRoom {
        let pair = (who.connection, rid);
        self.0.insert(pair);
        JoinedRoom { rooms: self.clone(), pair }
    }

    /// Whether the connection of this join is in a room.
    pub(super) fn contains(&self, who: SubscriberId, rid: &Rid) -> bool {
        self.0.contains(&(who.connection, *rid))
    }
}

impl Drop for JoinedRoom {
    fn drop(&mut self) {
        self.rooms.0.remove(&self.pair);
    }
}
