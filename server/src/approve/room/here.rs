//! Which connections are in which rooms, those among them that rest.

use std::sync::Arc;

use vestibule_approve::signed::Rid;
use vestibule_channels::channel::SubscriberId;

use crate::approve::Flow;

/// Notes that a connection is in a room, for as long as this is kept.
pub(super) struct Here {
    flow: Arc<Flow>,
    place: (u64, Rid),
}

impl Here {
    pub(super) fn note(flow: &Arc<Flow>, who: SubscriberId, rid: Rid) -> Self {
        let place = (who.connection, rid);
        flow.in_rooms.insert(place);
        Self { flow: Arc::clone(flow), place }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.flow.in_rooms.remove(&self.place);
    }
}
