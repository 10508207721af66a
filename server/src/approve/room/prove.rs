//! The proof of the room key, which makes a guest a member.

use std::sync::Arc;

use vestibule_approve::{
    frames::RoomKey,
    items::RequestItem,
    refusal::{Reason, Refusal},
    signed::{prove, room_id},
};
use vestibule_channels::{Context, Handled, Payload, Status, SubscriberId};
use vestibule_store::{ListPage, RoomRecord};

use super::{
    fan_out::after_ms,
    state::{KeyRoom, Role, Subscriber, Visit},
};
use crate::approve::{
    catch_up::Feed,
    payloads::{List, Prove, Proved, StillMember},
    replies,
};

/// How many proofs of one join may wait for the same read.
const MAX_PROOFS: usize = 8;

/// The room and the requests that wait, for a new member.
type Stored = (Option<RoomRecord>, ListPage<RequestItem>);

impl KeyRoom {
    /// Makes a guest who has signed this join's nonce with the room key a member. A member who
    /// proves again is told only that it is one: the list would be as large again, and all other
    /// members would hear of it.
    pub(super) fn prove(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        proof: Prove,
    ) -> Result<Handled, Refusal> {
        let who = visit.to.subscriber;
        let subscriber = self.subscribers.get_mut(&who).ok_or(Reason::Unauthorized)?;
        if proof.nonce != subscriber.nonce {
            return Err(Reason::StaleNonce.into());
        }
        let recipient = &subscriber.recipient;
        let check = |server: &str| {
            let bytes = prove(server, &visit.rid, &recipient.uid, subscriber.nonce.as_bytes());
            proof.alg.verify(&proof.room_pub.0, &bytes, &proof.sig)
        };
        if room_id(proof.alg, &proof.room_pub.0) != visit.rid
            || self.services.auth.check_proof(&recipient.server, check).is_err()
        {
            return Err(Reason::BadProof.into());
        }
        let is_member = subscriber.key.is_some();
        if is_member && subscriber.proofs.is_empty() {
            return Ok(Handled::ok(still_member(subscriber)));
        }
        if subscriber.proofs.len() >= MAX_PROOFS {
            return Err(Reason::Overloaded.retry_after(1000));
        }
        subscriber.proofs.push(visit.to);
        if is_member {
            return Ok(Handled::NoReply);
        }
        subscriber.key = Some(RoomKey { alg: proof.alg, room_pub: proof.room_pub });
        subscriber.updates = Feed::held();
        let (services, rid) = (Arc::clone(&self.services), visit.rid);
        let read = async move { services.store.member_snapshot(rid, List::default().limit()).await };
        cx.spawn(who, read, move |room, cx, stored| match stored {
            Ok(stored) => room.welcome_member(cx, who, stored),
            Err(error) => room.cannot_welcome(cx, who, &replies::of_store(error)),
        });
        Ok(Handled::NoReply)
    }

    /// Answers the last proof in full, because a client repeats a proof once it has given up
    /// waiting for the reply, and then sends the new member what was committed meanwhile.
    fn welcome_member(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, (record, page): Stored) {
        let after_ms = after_ms(self.count.members);
        let Some(subscriber) = self.subscribers.get_mut(&who) else { return };
        let ListPage { items: pending, next: cursor, until } = page;
        let (creator, listed) =
            record.as_ref().map_or((None, false), |record| (record.creator, record.is_listed));
        let (role, card) = ("member", record.map(|record| record.card));
        let proved = Proved { role, card, creator, listed, pending, cursor, seq: until, after_ms };
        let pushes = subscriber.updates.release(until);
        let mut proofs = std::mem::take(&mut subscriber.proofs);
        if let Some(last) = proofs.pop() {
            for to in &proofs {
                cx.reply(to, Status::Ok, still_member(subscriber));
            }
            replies::ok(cx, &last, &proved);
        }
        let (uid, device) = (subscriber.recipient.uid.to_string(), subscriber.recipient.device.to_string());
        for push in pushes {
            cx.push(who, push.event.name(), push.payload);
        }
        let meta = [("role", "member".into()), ("device", device.into())];
        cx.track(who, &uid, meta.map(|(name, value)| (name.to_owned(), value)).into_iter().collect());
        self.count_as(cx, who, Role::Member);
        cx.show_presence(who);
    }

    /// Answers all proofs with an error because the read failed. The subscriber stays a guest.
    fn cannot_welcome(&mut self, cx: &Context<'_, Self>, who: SubscriberId, refusal: &Refusal) {
        let Some(subscriber) = self.subscribers.get_mut(&who) else { return };
        subscriber.key = None;
        for to in std::mem::take(&mut subscriber.proofs) {
            replies::fail(cx, &to, refusal);
        }
    }
}

/// The reply to a further proof by a member.
fn still_member(subscriber: &Subscriber) -> Payload {
    Payload::of(&StillMember { role: "member", seq: subscriber.updates.sent() })
}
