//! Telling everybody what was stored: the members, and the one user whom it is for.

use std::collections::HashSet;

use vestibule_approve::{
    frames::Policy,
    ids::{Seq, Uid},
    items::RequestItem,
};
use vestibule_channels::channel::{Context, SubscriberId};
use vestibule_phoenix::message::Payload;

use super::{KeyRoom, Visitor};
use crate::approve::{
    delivery::deliver,
    events::RequestPush,
    notifications::{MemberUpdate, Notifications, UserUpdate},
};

/// How much longer each group of members waits before its clients approve by themselves, in milliseconds.
const STEP_MS: u32 = 1500;

/// A push to a member.
#[derive(Clone, Debug)]
pub(super) struct MemberPush {
    pub(super) event: &'static str,
    pub(super) payload: Payload,
}

/// How long the client of the member at this place waits. Each group is as large as all before it together: the first two
/// groups are one member each, and a thousand members make eleven, so that a request is encoded eleven times at most.
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
    pub(in crate::approve) fn tell(&mut self, cx: &Context<'_, Self>, notifications: Notifications) {
        // The newcomer first: what it waits for is in there.
        if let Some((uid, own)) = notifications.own {
            self.deliver(cx, uid, own);
        }
        for news in &notifications.news {
            self.announce(cx, news);
        }
    }

    /// Tells the members. Encoded once for all of them, or once for each group that waits equally long.
    pub(super) fn announce(&mut self, cx: &Context<'_, Self>, news: &MemberUpdate) {
        match news {
            MemberUpdate::Request { item, seq } => self.show(cx, item, *seq),
            MemberUpdate::Gone(gone) => {
                let members = self.members();
                self.push_to(cx, &members, gone.seq, "request_gone", &Payload::of(gone));
            }
            MemberUpdate::Creator(changed) => {
                let members = self.members();
                self.push_to(cx, &members, changed.seq, "creator_changed", &Payload::of(changed));
            }
            MemberUpdate::Card(card) => {
                // To guests a room that has become secret is gone.
                let is_shown = card.policy != Policy::Secret;
                if is_shown {
                    self.visitors.values_mut().for_each(|visitor| visitor.is_shown = true);
                }
                let sees = |visitor: &Visitor| is_shown || visitor.key.is_some();
                let visitors = &self.visitors;
                cx.broadcast_to("card", Payload::of(card), |id, _| visitors.get(&id).is_some_and(sees));
            }
        }
    }

    fn show(&mut self, cx: &Context<'_, Self>, item: &RequestItem, seq: Seq) {
        let online = self.visitors.values().any(|visitor| visitor.recipient.uid == item.uid);
        let mut members = self.members();
        // Somebody else is first each time.
        let first = usize::try_from(seq.0).unwrap_or_default() % members.len().max(1);
        members.rotate_left(first);
        for (after_ms, group) in groups(&members) {
            let payload = Payload::of(&RequestPush { item, online, after_ms });
            self.push_to(cx, group, seq, "request", &payload);
        }
    }

    fn members(&self) -> Vec<SubscriberId> {
        self.visitors.iter().filter(|(_, visitor)| visitor.key.is_some()).map(|(id, _)| *id).collect()
    }

    /// Sends to those that have read what is stored; holds it back for the others.
    fn push_to(
        &mut self,
        cx: &Context<'_, Self>,
        members: &[SubscriberId],
        seq: Seq,
        event: &'static str,
        payload: &Payload,
    ) {
        let takes_it = |id: &SubscriberId| {
            let push = MemberPush { event, payload: payload.clone() };
            self.visitors.get_mut(id).is_some_and(|visitor| visitor.news.offer(seq, push).is_some())
        };
        let ready: Vec<SubscriberId> = members.iter().copied().filter(takes_it).collect();
        vestibule_store::failpoint::pass("before_push");
        cx.multicast(event, payload.clone(), &ready);
        vestibule_store::failpoint::pass("after_push");
    }

    /// Sends something to its user: here where a connection of theirs is in the room, else to its inbox.
    fn deliver(&mut self, cx: &Context<'_, Self>, uid: Uid, own: UserUpdate) {
        let is_theirs = |visitor: &Visitor| visitor.recipient.uid == uid;
        let here: Vec<SubscriberId> =
            self.visitors.iter().filter(|(_, visitor)| is_theirs(visitor)).map(|(id, _)| *id).collect();
        for who in &here {
            deliver(self, cx, *who, own.clone());
        }
        let except: HashSet<u64> = here.iter().map(|who| who.connection).collect();
        self.flow.deliver_to_inbox(uid, own, except);
    }
}

#[cfg(test)]
mod tests {
    use vestibule_phoenix::socket::JoinId;

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
    fn a_place_waits_as_its_group_does() {
        assert_eq!([0, 1, 2, 3, 4, 7, 8].map(after_ms), [0, 1500, 3000, 3000, 4500, 4500, 6000]);
    }
}
