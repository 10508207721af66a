//! The proof of having the room's key, which makes a member.

use std::sync::Arc;

use vestibule_approve::{
    frames::RoomKey,
    items::RequestItem,
    refusal::{Reason, Refusal},
    signed::{prove, room_id},
};
use vestibule_channels::channel::{Context, HandleResult, SubscriberId};
use vestibule_phoenix::message::{Payload, Status};
use vestibule_store::{Page, RoomRecord, StoreError};

use super::{KeyRoom, Standing, Visit, Visitor, fanout::after_ms};
use crate::approve::{
    catch_up::Feed,
    events::{List, Prove, Proved, StillMember},
    replies,
};

/// How many proofs of one join may wait for the same read.
const MAX_PROOFS: usize = 8;

/// What a new member is shown.
type Stored = (Option<RoomRecord>, Page<RequestItem>);

impl KeyRoom {
    /// Makes a member of who signs this join's nonce with the room key. Who is one already stays one, and is told no more than
    /// that: the list would be as large again, and all others would hear of it.
    pub(super) fn prove(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        proof: Prove,
    ) -> Result<HandleResult, Refusal> {
        let who = visit.to.member;
        let visitor = self.visitors.get_mut(&who).ok_or(Reason::Unauthorized)?;
        if proof.nonce != visitor.nonce {
            return Err(Reason::StaleNonce.into());
        }
        let recipient = &visitor.recipient;
        let check = |server: &str| {
            let bytes = prove(server, &visit.rid, &recipient.uid, visitor.nonce.as_bytes());
            proof.alg.verify(&proof.room_pub.0, &bytes, &proof.sig)
        };
        if room_id(proof.alg, &proof.room_pub.0) != visit.rid
            || self.flow.check_proof(&recipient.server, check).is_err()
        {
            return Err(Reason::BadProof.into());
        }
        let is_member = visitor.key.is_some();
        if is_member && visitor.proofs.is_empty() {
            return Ok(HandleResult::ok(still_member(visitor)));
        }
        if visitor.proofs.len() >= MAX_PROOFS {
            return Err(Reason::Overloaded.retry_after(1000));
        }
        visitor.proofs.push(visit.to);
        if is_member {
            return Ok(HandleResult::NoReply);
        }
        visitor.key = Some(RoomKey { alg: proof.alg, room_pub: proof.room_pub });
        visitor.news = Feed::held();
        let (flow, rid) = (Arc::clone(&self.flow), visit.rid);
        let list = List::default();
        let read = async move {
            let record = flow.store.room(rid).await?;
            Ok::<_, StoreError>((record, flow.store.pending(rid, list.from(), list.limit()).await?))
        };
        cx.spawn(who, read, move |room, cx, stored| match stored {
            Ok(stored) => room.welcome_member(cx, who, stored),
            Err(error) => room.cannot_welcome(cx, who, &replies::of_store(error)),
        });
        Ok(HandleResult::NoReply)
    }

    /// Answers the last proof with all of it, for a client repeats when it has given an answer up, and then brings the new
    /// member up to date.
    fn welcome_member(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, (record, page): Stored) {
        let after_ms = after_ms(self.head_count.members);
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        let Page { items: pending, next: cursor, until } = page;
        let (creator, listed) =
            record.as_ref().map_or((None, false), |record| (record.creator, record.is_listed));
        let (role, card) = ("member", record.map(|record| record.card));
        let proved = Proved { role, card, creator, listed, pending, cursor, seq: until, after_ms };
        let pushes = visitor.news.release(until);
        let mut proofs = std::mem::take(&mut visitor.proofs);
        if let Some(last) = proofs.pop() {
            for to in &proofs {
                cx.reply(to, Status::Ok, still_member(visitor));
            }
            replies::ok(cx, &last, &proved);
        }
        let (uid, device) = (visitor.recipient.uid.to_string(), visitor.recipient.device.to_string());
        for push in pushes {
            cx.push(who, push.event, push.payload);
        }
        let meta = [("role", "member".into()), ("device", device.into())];
        cx.track(who, &uid, meta.map(|(name, value)| (name.to_owned(), value)).into_iter().collect());
        self.stands(cx, who, Standing::Member);
        cx.show_presence(who);
    }

    /// What is stored could not be read: a guest still, who proves again.
    fn cannot_welcome(&mut self, cx: &Context<'_, Self>, who: SubscriberId, refusal: &Refusal) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        visitor.key = None;
        for to in std::mem::take(&mut visitor.proofs) {
            replies::fail(cx, &to, refusal);
        }
    }
}

/// The answer to a member's further proof.
fn still_member(visitor: &Visitor) -> Payload {
    Payload::of(&StillMember { role: "member", seq: visitor.news.sent() })
}
