//! Tells a room how many members and guests are in it. Members are listed to members; guests are
//! only counted, as there may be thousands.

use vestibule_channels::{Context, SubscriberId};

use super::state::{KeyRoom, Role};

impl KeyRoom {
    /// Counts a subscriber in this role from now on.
    pub(super) fn count_as(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, role: Role) {
        let Some(subscriber) = self.subscribers.get_mut(&who) else { return };
        if let Some(before) = subscriber.counted_as.replace(role) {
            self.count.subtract(before);
        }
        self.count.add(role);
        self.tell_count(cx);
    }

    /// Pushes how many there are.
    pub(super) fn tell_count(&self, cx: &mut Context<'_, Self>) {
        cx.count_presence(&self.count);
    }
}
