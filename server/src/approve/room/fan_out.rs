//! Tells a room about committed changes: its members, and the one user whom a change concerns.

use vestibule_approve::{
    frames::Policy,
    ids::{Seq, Uid},
    items::RequestItem,
};
use vestibule_channels::{Context, Payload, SubscriberId};

use super::state::{KeyRoom, MemberPush, Subscriber};
use crate::approve::{
    delivery::deliver,
    event::ServerEvent,
    notifications::{MemberUpdate, Notifications, UserUpdate},
    notifier::Notifier as _,
    payloads::RequestPush,
};

/// How much longer each group of members waits before its clients approve by themselves, in
/// milliseconds.
const STEP_MS: u32 = 1500;

/// How long the client of the member at this position waits, in milliseconds. Each group is as
/// large as all groups before it together: the first two have one member each, and a thousand
/// members make eleven, so a request is encoded at most eleven times for them.
pub(super) fn after_ms(place: usize) -> u32 {
    (usize::BITS - place.leading_zeros()) * STEP_MS
}

/// Splits members into the groups of [`after_ms`].
fn groups(mut members: &[SubscriberId]) -> impl Iterator<Item = (u32, &[SubscriberId])> {
    let mut place: usize = 0;
    std::iter::from_fn(move || {
        if members.is_empty() {
            return None;
        }
        let (group, rest) = members.split_at(place.max(1).min(members.len()));
        let after_ms = after_ms(place);
        members = rest;
        place += group.len();
        Some((after_ms, group))
    })
}

impl KeyRoom {
    /// Tells everybody whom a change concerns.
    pub(in crate::approve) fn notify_here(&mut self, cx: &Context<'_, Self>, notifications: Notifications) {
        // The newcomer comes first, because it waits for this.
        if let Some((uid, own)) = notifications.own {
            self.deliver(cx, uid, own);
        }
        for update in &notifications.members {
            self.announce(cx, update);
        }
    }

    /// Tells the members. The push is encoded once, or once for each group with the same waiting
    /// time.
    pub(super) fn announce(&mut self, cx: &Context<'_, Self>, update: &MemberUpdate) {
        match update {
            MemberUpdate::Request { item, seq } => self.show(cx, item, *seq),
            MemberUpdate::Gone(gone) => {
                let members = self.members();
                self.push_to(cx, &members, gone.seq, ServerEvent::RequestGone, &Payload::of(gone));
            }
            MemberUpdate::Creator(changed) => {
                let members = self.members();
                self.push_to(cx, &members, changed.seq, ServerEvent::CreatorChanged, &Payload::of(changed));
            }
            MemberUpdate::Card(card) => {
                // Guests no longer see a room that has become secret.
                let is_public = card.policy != Policy::Secret;
                if is_public {
                    self.subscribers.values_mut().for_each(|subscriber| subscriber.has_seen_card = true);
                }
                let sees = |subscriber: &Subscriber| is_public || subscriber.key.is_some();
                let subscribers = &self.subscribers;
                cx.broadcast_to(ServerEvent::Card.name(), Payload::of(card), |id, _| {
                    subscribers.get(&id).is_some_and(sees)
                });
            }
        }
    }

    fn show(&mut self, cx: &Context<'_, Self>, item: &RequestItem, seq: Seq) {
        let online = self.subscribers.values().any(|subscriber| subscriber.recipient.uid == item.uid);
        let mut members = self.members();
        // Another member is first each time.
        let first = usize::try_from(seq.0).unwrap_or_default() % members.len().max(1);
        members.rotate_left(first);
        // The setting may have changed since the request was stored.
        let server_says = item.server_says.clone().filter(|_| self.services.store.shows_accounts());
        let item = &RequestItem { server_says, ..item.clone() };
        for (after_ms, group) in groups(&members) {
            let payload = Payload::of(&RequestPush { item, online, after_ms });
            self.push_to(cx, group, seq, ServerEvent::Request, &payload);
        }
    }

    fn members(&self) -> Vec<SubscriberId> {
        let members = self.subscribers.iter().filter(|(_, subscriber)| subscriber.key.is_some());
        members.map(|(id, _)| *id).collect()
    }

    /// Sends to the members that have read what is stored, and holds the push back for the others.
    fn push_to(
        &mut self,
        cx: &Context<'_, Self>,
        members: &[SubscriberId],
        seq: Seq,
        event: ServerEvent,
        payload: &Payload,
    ) {
        let takes_it = |id: &SubscriberId| {
            let push = MemberPush { event, payload: payload.clone() };
            self.subscribers
                .get_mut(id)
                .is_some_and(|subscriber| subscriber.updates.offer(seq, push).is_some())
        };
        let ready: Vec<SubscriberId> = members.iter().copied().filter(takes_it).collect();
        vestibule_store::failpoint::pass("before_push");
        cx.multicast(event.name(), payload.clone(), &ready);
        vestibule_store::failpoint::pass("after_push");
    }

    /// Sends an update to its user: in the room to connections that have joined it, in the inbox to
    /// the others.
    fn deliver(&mut self, cx: &Context<'_, Self>, uid: Uid, own: UserUpdate) {
        let is_theirs = |subscriber: &Subscriber| subscriber.recipient.uid == uid;
        let theirs = self.subscribers.iter().filter(|(_, subscriber)| is_theirs(subscriber));
        let here: Vec<SubscriberId> = theirs.map(|(id, _)| *id).collect();
        for who in &here {
            deliver(self, cx, *who, own.clone());
        }
        let except: Vec<u64> = here.iter().map(|who| who.connection).collect();
        self.notifier.notify_inbox(uid, own, except);
    }
}

#[cfg(test)]
mod tests {

    use vestibule_channels::JoinId;

    use super::*;

    #[test]
    fn groups_double() {
        let members: Vec<SubscriberId> =
            (0..1000).map(|connection| SubscriberId { connection, join: JoinId(0) }).collect();
        let sizes: Vec<(u32, usize)> =
            groups(&members).map(|(after_ms, group)| (after_ms, group.len())).collect();
        assert_eq!(sizes[..5], [(0, 1), (1500, 1), (3000, 2), (4500, 4), (6000, 8)]);
        assert_eq!(sizes.len(), 11);
        assert_eq!(sizes.iter().map(|(_, size)| size).sum::<usize>(), 1000);
        assert_eq!(groups(&[]).count(), 0);
    }

    #[test]
    fn a_member_waits_as_its_group_does() {
        assert_eq!([0, 1, 2, 3, 4, 7, 8].map(after_ms), [0, 1500, 3000, 3000, 4500, 4500, 6000]);
    }
}
