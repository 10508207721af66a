//! A room's subscribers, and what the room knows of each.

use std::sync::Arc;

use serde::Serialize;
use vestibule_approve::{
    base64url::Fixed,
    frames::{Id, RoomKey},
    refusal::{Reason, Refusal},
    rules::Caller,
    signed::{Rid, Uid},
};
use vestibule_channels::{Payload, ReplyTo, SubscriberId, small_map::OwnMap};

use crate::approve::{
    catch_up::Feed, delivery::Recipient, event::ServerEvent, joined_rooms::JoinedRoom,
    notifier::WeakNotifier, services::Services,
};

/// One room's channel.
pub(in crate::approve) struct KeyRoom {
    pub(super) services: Arc<Services>,
    pub(super) notifier: WeakNotifier,
    pub(super) rid: Rid,
    pub(super) subscribers: OwnMap<SubscriberId, Subscriber>,
    pub(super) count: PresenceCount,
}

/// A guest or member, from the start of the join.
pub(super) struct Subscriber {
    pub(super) recipient: Recipient,
    pub(super) nonce: Fixed<32>,
    /// The room's public key, once the subscriber has proved that it holds the private one.
    pub(super) key: Option<RoomKey>,
    /// Whether the subscriber has been sent a card, and so knows that the room exists.
    pub(super) has_seen_card: bool,
    /// Proofs to answer once the requests that wait have been read.
    pub(super) proofs: Vec<ReplyTo>,
    /// Updates for members.
    pub(super) updates: Feed<MemberPush>,
    /// The role in which it is counted, once the join is answered.
    pub(super) counted_as: Option<Role>,
    pub(super) _joined: JoinedRoom,
}

/// A push to members.
#[derive(Clone, Debug)]
pub(super) struct MemberPush {
    pub(super) event: ServerEvent,
    pub(super) payload: Payload,
}

/// The sender of a message, and where to reply.
pub(super) struct Visit {
    pub(super) rid: Rid,
    pub(super) caller: Caller,
    pub(super) to: ReplyTo,
}

/// A role in which a subscriber is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Guest,
    /// A member who has been sent the requests that wait.
    Member,
}

/// The push `presence_count`, and the field `count` of `presence_diff`. It counts connections, of
/// which a user may have several.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct PresenceCount {
    /// May be more than are listed, since the list is bounded.
    pub(super) members: usize,
    pub(super) guests: usize,
}

/// A subscriber of a room, as operators see it.
#[derive(Clone, Copy, Debug)]
pub struct RoomSubscriber {
    /// The number of the connection.
    pub connection: u64,
    /// The user.
    pub uid: Uid,
    /// The device.
    pub device: Id,
    /// Whether this connection has proved the room key.
    pub is_member: bool,
}

impl Subscriber {
    /// Whether this is a guest who has seen no card, and so does not know whether the room exists.
    pub(super) fn is_stranger(&self) -> bool {
        self.key.is_none() && !self.has_seen_card
    }
}

impl PresenceCount {
    pub(super) fn add(&mut self, role: Role) {
        *self.of(role) += 1;
    }

    pub(super) fn subtract(&mut self, role: Role) {
        *self.of(role) -= 1;
    }

    fn of(&mut self, role: Role) -> &mut usize {
        match role {
            Role::Guest => &mut self.guests,
            Role::Member => &mut self.members,
        }
    }
}

impl KeyRoom {
    pub(in crate::approve) fn new(services: &Arc<Services>, notifier: &WeakNotifier, rid: Rid) -> Self {
        Self {
            services: Arc::clone(services),
            notifier: notifier.clone(),
            rid,
            subscribers: OwnMap::new(),
            count: PresenceCount::default(),
        }
    }

    /// All subscribers, in no order.
    pub(in crate::approve) fn subscribers(&self) -> Vec<RoomSubscriber> {
        let seen = |(who, subscriber): (&SubscriberId, &Subscriber)| RoomSubscriber {
            connection: who.connection,
            uid: subscriber.recipient.uid,
            device: subscriber.recipient.device,
            is_member: subscriber.key.is_some(),
        };
        self.subscribers.iter().map(seen).collect()
    }

    /// The room's public key as this subscriber has proved it, or `not_member`.
    pub(super) fn key_of(&self, who: SubscriberId) -> Result<&RoomKey, Refusal> {
        let subscriber = self.subscribers.get(&who);
        subscriber.and_then(|subscriber| subscriber.key.as_ref()).ok_or_else(|| Reason::NotMember.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_takes_few_bytes() {
        assert_eq!((size_of::<Subscriber>(), size_of::<KeyRoom>()), (360, 96));
    }
}
