//! The topics of the flow: rooms and inboxes.

use std::sync::{Arc, Weak};

use vestibule_approve::signed::{Rid, Uid};
use vestibule_channels::{Router, Stop, TopicRegistry};

use super::{
    guard,
    identity::Identity,
    inbox::Inbox,
    notifications::{Notifications, UserUpdate},
    notifier::{Notifier, WeakNotifier},
    room::KeyRoom,
    services::Services,
    topic::Topic,
};

/// The registries of both kinds of topics.
pub(super) struct Topics {
    pub(super) rooms: Arc<TopicRegistry<KeyRoom>>,
    pub(super) inboxes: Arc<TopicRegistry<Inbox>>,
}

impl Topics {
    pub(super) fn new(services: &Arc<Services>) -> Arc<Self> {
        let mailbox = services.config.mailbox;
        Arc::new_cyclic(|topics: &Weak<Self>| {
            let notifier = WeakNotifier::new(topics.clone());
            let (to_room, to_inbox) =
                ((Arc::clone(services), notifier.clone()), (Arc::clone(services), notifier));
            let (at_rooms, at_inboxes) = (Arc::clone(services), Arc::clone(services));
            Self {
                rooms: TopicRegistry::builder(move |topic| {
                    KeyRoom::new(&to_room.0, &to_room.1, rid_of(topic))
                })
                .mailbox(mailbox)
                .authorize(move |topic, client, params| guard::join_room(&at_rooms, topic, client, params))
                .build(),
                inboxes: TopicRegistry::builder(move |topic| {
                    Inbox::new(&to_inbox.0, &to_inbox.1, owner_of(topic))
                })
                .mailbox(mailbox)
                .authorize(move |topic, client, params| guard::join_inbox(&at_inboxes, topic, client, params))
                .build(),
            }
        })
    }

    /// Routes both kinds of topics.
    pub(super) fn router(&self) -> Router<Identity> {
        Router::new().route("room:*", Arc::clone(&self.rooms)).route("user:*", Arc::clone(&self.inboxes))
    }

    /// Ends all joins as a crash would: clients join again, and fetch what they may have missed.
    pub(super) fn restart(&self) {
        self.rooms.call_all(|room, cx| room.end_joins(cx, Stop::Crash));
        self.inboxes.call_all(|inbox, cx| inbox.restart(cx));
    }

    /// The numbers of running rooms, and of inboxes that somebody has joined.
    pub(super) fn running(&self) -> (usize, usize) {
        (self.rooms.count(), self.inboxes.count_with_subscribers())
    }
}

/// The room of a topic that the guard has admitted.
fn rid_of(topic: &str) -> Rid {
    match topic.parse() {
        Ok(Topic::Room(rid)) => rid,
        _ => unreachable!("the guard admits only topics that name a room"),
    }
}

/// The owner of an inbox that the guard has admitted.
fn owner_of(topic: &str) -> Uid {
    match topic.parse() {
        Ok(Topic::Inbox(uid)) => uid,
        _ => unreachable!("the guard admits only topics that name a user"),
    }
}

impl Notifier for Topics {
    fn notify(&self, rid: &Rid, notifications: Notifications) {
        // Nobody is woken for nothing.
        if notifications.is_nothing() {
            return;
        }
        let own = notifications.own.clone();
        let room = Topic::Room(*rid).to_string();
        let is_running = self.rooms.call(&room, move |room, cx| room.notify_here(cx, notifications));
        // A running room knows which connections it has reached, and passes the rest on.
        if !is_running && let Some((uid, own)) = own {
            self.notify_inbox(uid, own, Vec::new());
        }
    }

    fn notify_inbox(&self, uid: Uid, update: UserUpdate, except: Vec<u64>) {
        let inbox = Topic::Inbox(uid).to_string();
        self.inboxes.call(&inbox, move |inbox, cx| inbox.deliver(cx, &update, &except));
    }
}
