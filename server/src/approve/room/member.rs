//! What only members may send.

use std::sync::Arc;

use vestibule_approve::{
    frames::{Approve, Card, Deny, RoomKey},
    items::ApproveItem,
    refusal::{Reason, Refusal},
    rules::{Change, Command},
    signed::{self, user_id},
};
use vestibule_channels::channel::{Context, HandleResult, SubscriberId};
use vestibule_phoenix::message::Payload;
use vestibule_store::{Content, clock, pack};

use super::{KeyRoom, Visit};
use crate::approve::{
    events::{HandOver, List, PublishCard, Unblock},
    notifications::{MemberUpdate, Notifications, UserUpdate},
    replies,
};

/// What the server itself sends: no member may send an event of such a name to the others.
const SERVER_EVENTS: [&str; 12] = [
    "caught_up",
    "creator_changed",
    "denied",
    "erased",
    "expired",
    "presence_count",
    "presence_diff",
    "presence_state",
    "receipt",
    "request_gone",
    "resync",
    "withdrawn",
];

/// As what counts what the members hear of a stored change: such pushes have a few hundred bytes.
const PUSH: usize = 256;

/// As what counts that somebody's requests are shown to the members anew.
const SHOWN_ANEW: usize = 8 * 1024;

/// Whether an event of this name is said by the server and by nobody else.
pub(in crate::approve) fn is_servers(event: &str) -> bool {
    event.starts_with("phx_") || SERVER_EVENTS.contains(&event)
}

impl KeyRoom {
    pub(super) fn publish(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        new: PublishCard,
    ) -> Result<HandleResult, Refusal> {
        let RoomKey { alg, room_pub } = self.key_of(visit.to.member)?.clone();
        let PublishCard { version, policy, name, sig, listed } = new;
        let card = Card { rid: visit.rid, room_pub, alg, version, policy, name, sig };
        let digest = card.check(&self.flow.terms.limits)?.digest;
        let command = Command::Publish { version, policy, digest, listed };
        let frame = pack(&card);
        self.reach(&visit, self.visitors.len(), frame.len())?;
        let content = Content::Frame(frame);
        Ok(self.carry_out(cx, visit, command, content, |room, cx, committed| {
            if matches!(committed.decision.change, Some(Change::PutCard { .. })) {
                room.announce(cx, &MemberUpdate::Card(card));
            }
        }))
    }

    /// Makes another user the room's creator, for the creator who signs that on this very join.
    pub(super) fn hand_over(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        handed: &HandOver,
    ) -> Result<HandleResult, Refusal> {
        self.key_of(visit.to.member)?;
        let visitor = self.visitors.get(&visit.to.member).ok_or(Reason::Unauthorized)?;
        if handed.nonce != visitor.nonce {
            return Err(Reason::StaleNonce.into());
        }
        let (rid, uid, to) = (visit.rid, visit.caller.uid, handed.to);
        let HandOver { sign_alg, sign_pub, sig, .. } = handed;
        let check = |server: &str| {
            let bytes = signed::hand_over(server, &rid, &uid, &to, visitor.nonce.as_bytes());
            sign_alg.verify(&sign_pub.0, &bytes, sig)
        };
        if user_id(*sign_alg, &sign_pub.0) != uid
            || self.flow.check_proof(&visitor.recipient.server, check).is_err()
        {
            return Err(Reason::BadSig.into());
        }
        self.reach(&visit, self.head_count.members, PUSH)?;
        let command = Command::HandOver { to };
        Ok(self.carry_out(cx, visit, command, Content::Nothing, move |room, cx, committed| {
            room.tell(cx, Notifications::of(rid, uid, None, committed));
        }))
    }

    pub(super) fn approve(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        approve: Approve,
    ) -> Result<HandleResult, Refusal> {
        let (rid, by) = (visit.rid, visit.caller.uid);
        let key = self.key_of(visit.to.member)?;
        let digest = approve.check(&rid, &by, key, &self.flow.terms.limits, clock::now_ms())?.digest;
        self.reach(&visit, self.head_count.members, PUSH)?;
        let to = approve.to;
        let command = Command::Approve {
            approve_id: approve.approve_id,
            to,
            request_id: approve.request_id,
            box_hash: approve.r#box,
            digest,
            exp: approve.exp,
        };
        let content = Content::Frame(pack(&approve));
        Ok(self.carry_out(cx, visit, command, content, move |room, cx, committed| {
            if committed.decision.change.is_some() {
                let item = ApproveItem { rid, by, approve, at: committed.at, seq: committed.seq };
                let notifications = Notifications::of(rid, to, Some(by), committed);
                room.tell(cx, Notifications { own: Some((to, UserUpdate::Approve(item))), ..notifications });
            }
        }))
    }

    pub(super) fn deny(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        deny: Deny,
    ) -> Result<HandleResult, Refusal> {
        let (rid, by) = (visit.rid, visit.caller.uid);
        deny.check(&rid, &by, self.key_of(visit.to.member)?)?;
        self.reach(&visit, self.head_count.members, PUSH)?;
        let to = deny.to;
        let command = Command::Deny { to, request_id: deny.request_id, is_block: deny.block };
        Ok(self.carry_out(cx, visit, command, Content::Deny(deny), move |room, cx, committed| {
            room.tell(cx, Notifications::of(rid, to, Some(by), committed));
        }))
    }

    pub(super) fn unblock(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        &Unblock { uid }: &Unblock,
    ) -> Result<HandleResult, Refusal> {
        self.key_of(visit.to.member)?;
        self.reach(&visit, self.head_count.members, SHOWN_ANEW)?;
        let rid = visit.rid;
        let command = Command::Unblock { uid };
        Ok(self.carry_out(cx, visit, command, Content::Nothing, move |room, cx, committed| {
            room.tell(cx, Notifications::of(rid, uid, None, committed));
        }))
    }

    pub(super) fn pending(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        list: List,
    ) -> Result<HandleResult, Refusal> {
        self.key_of(visit.to.member)?;
        let flow = Arc::clone(&self.flow);
        let read = async move { flow.store.pending(visit.rid, list.from(), list.limit()).await };
        Ok(replies::list(cx, visit.to, read))
    }

    pub(super) fn denials(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        list: List,
    ) -> Result<HandleResult, Refusal> {
        self.key_of(visit.to.member)?;
        let flow = Arc::clone(&self.flow);
        let read = async move { flow.store.denials(visit.rid, list.from(), list.limit()).await };
        Ok(replies::list(cx, visit.to, read))
    }

    /// A member's own event: to the other members, as it is.
    pub(super) fn forward(
        &self,
        cx: &Context<'_, Self>,
        visit: &Visit,
        event: &str,
        payload: &Payload,
    ) -> Result<HandleResult, Refusal> {
        let from = visit.to.member;
        self.key_of(from)?;
        if is_servers(event) {
            return Err(Reason::BadPayload.because("This event name is reserved for the server."));
        }
        self.reach(visit, self.head_count.members.saturating_sub(1), payload.size() + event.len())?;
        let is_member =
            |id: &SubscriberId| self.visitors.get(id).is_some_and(|visitor| visitor.key.is_some());
        cx.broadcast_to(event, payload.clone(), |id, _| id != from && is_member(&id));
        Ok(HandleResult::ok(Payload::empty()))
    }

    /// Lets a member's message to so many others through, unless the member has had too much sent.
    fn reach(&self, visit: &Visit, recipients: usize, payload: usize) -> Result<(), Refusal> {
        let admitted = self.flow.reach.admit(visit.caller.uid, recipients, payload);
        self.flow.metrics.reached(admitted.as_ref().ok().copied());
        admitted.map(|_| ())
    }
}
