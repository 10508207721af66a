//! The way from one topic to others, without knowing their channels.

use std::sync::Weak;

use vestibule_approve::signed::{Rid, Uid};

use super::notifications::{Notifications, UserUpdate};

/// Reaches the subscribers of other topics. A notification takes one way only: through its room, if
/// that runs, and from there to the user's inbox. Only the room knows which connections it has
/// reached, so that none is told twice and none is missed.
pub(super) trait Notifier: Send + Sync {
    /// Tells everybody whom a change in a room concerns.
    fn notify(&self, rid: &Rid, notifications: Notifications);

    /// Tells the connections in a user's inbox, except those that were told in the room.
    fn notify_inbox(&self, uid: Uid, update: UserUpdate, except: Vec<u64>);
}

/// A notifier as channels hold it, without keeping it alive: it holds the channels itself.
#[derive(Clone)]
pub(super) struct WeakNotifier(Weak<dyn Notifier>);

impl WeakNotifier {
    pub(super) fn new(notifier: Weak<dyn Notifier>) -> Self {
        Self(notifier)
    }
}

impl Notifier for WeakNotifier {
    fn notify(&self, rid: &Rid, notifications: Notifications) {
        if let Some(notifier) = self.0.upgrade() {
            notifier.notify(rid, notifications);
        }
    }

    fn notify_inbox(&self, uid: Uid, update: UserUpdate, except: Vec<u64>) {
        if let Some(notifier) = self.0.upgrade() {
            notifier.notify_inbox(uid, update, except);
        }
    }
}
