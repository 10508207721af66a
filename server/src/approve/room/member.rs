//! The events that only members may send.

use std::sync::Arc;

use vestibule_approve::{
    frames::{Approve, Card, Deny, RoomKey},
    items::ApproveItem,
    refusal::{Reason, Refusal},
    rules::{Change, Command},
    signed::{self, user_id},
};
use vestibule_channels::{Context, Handled, Payload, SubscriberId};
use vestibule_store::{Content, pack};

use super::state::{KeyRoom, Visit};
use crate::approve::{
    event::is_reserved,
    notifications::{MemberUpdate, Notifications, UserUpdate},
    payloads::{HandOver, List, PublishCard, Unblock},
    replies,
};

/// The size in bytes that the fan-out limit assumes for a push about a committed change.
const PUSH: usize = 256;

/// The size in bytes that it assumes for requests that are pushed to the members again.
const REOPENED: usize = 8 * 1024;

impl KeyRoom {
    pub(super) fn publish(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        new: PublishCard,
    ) -> Result<Handled, Refusal> {
        let RoomKey { alg, room_pub } = self.key_of(visit.to.subscriber)?.clone();
        let PublishCard { version, policy, name, sig, listed } = new;
        let card = Card { rid: visit.rid, room_pub, alg, version, policy, name, sig };
        let digest = card.check(&self.services.config.limits)?.digest;
        let command = Command::Publish { version, policy, digest, listed };
        let frame = pack(&card);
        self.admit(&visit, self.subscribers.len(), frame.len())?;
        let content = Content::Frame(frame);
        Ok(self.carry_out(cx, visit, command, content, |room, cx, committed| {
            if matches!(committed.decision.change, Some(Change::PutCard { .. })) {
                room.announce(cx, &MemberUpdate::Card(card));
            }
        }))
    }

    /// Hands the creator's role over to another user. The creator signs this join's nonce for it.
    pub(super) fn hand_over(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        handed: &HandOver,
    ) -> Result<Handled, Refusal> {
        self.key_of(visit.to.subscriber)?;
        let subscriber = self.subscribers.get(&visit.to.subscriber).ok_or(Reason::Unauthorized)?;
        if handed.nonce != subscriber.nonce {
            return Err(Reason::StaleNonce.into());
        }
        let (rid, uid, to) = (visit.rid, visit.caller.uid, handed.to);
        let HandOver { sign_alg, sign_pub, sig, .. } = handed;
        let check = |server: &str| {
            let bytes = signed::hand_over(server, &rid, &uid, &to, subscriber.nonce.as_bytes());
            sign_alg.verify(&sign_pub.0, &bytes, sig)
        };
        if user_id(*sign_alg, &sign_pub.0) != uid
            || self.services.auth.check_proof(&subscriber.recipient.server, check).is_err()
        {
            return Err(Reason::BadSig.into());
        }
        self.admit(&visit, self.count.members, PUSH)?;
        let command = Command::HandOver { to };
        Ok(self.carry_out(cx, visit, command, Content::Nothing, move |room, cx, committed| {
            room.notify_here(cx, Notifications::of(rid, uid, None, committed));
        }))
    }

    pub(super) fn approve(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        approve: Approve,
    ) -> Result<Handled, Refusal> {
        let (rid, by) = (visit.rid, visit.caller.uid);
        let key = self.key_of(visit.to.subscriber)?;
        let (limits, now) = (&self.services.config.limits, self.services.clock.now_ms());
        let digest = approve.check(&rid, &by, key, limits, now)?.digest;
        self.admit(&visit, self.count.members, PUSH)?;
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
                room.notify_here(
                    cx,
                    Notifications { own: Some((to, UserUpdate::Approve(item))), ..notifications },
                );
            }
        }))
    }

    pub(super) fn deny(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        deny: Deny,
    ) -> Result<Handled, Refusal> {
        let (rid, by) = (visit.rid, visit.caller.uid);
        deny.check(&rid, &by, self.key_of(visit.to.subscriber)?)?;
        self.admit(&visit, self.count.members, PUSH)?;
        let to = deny.to;
        let command = Command::Deny { to, request_id: deny.request_id, is_block: deny.block };
        Ok(self.carry_out(cx, visit, command, Content::Deny(deny), move |room, cx, committed| {
            room.notify_here(cx, Notifications::of(rid, to, Some(by), committed));
        }))
    }

    pub(super) fn unblock(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        &Unblock { uid }: &Unblock,
    ) -> Result<Handled, Refusal> {
        self.key_of(visit.to.subscriber)?;
        self.admit(&visit, self.count.members, REOPENED)?;
        let rid = visit.rid;
        let command = Command::Unblock { uid };
        Ok(self.carry_out(cx, visit, command, Content::Nothing, move |room, cx, committed| {
            room.notify_here(cx, Notifications::of(rid, uid, None, committed));
        }))
    }

    pub(super) fn pending(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        list: List,
    ) -> Result<Handled, Refusal> {
        self.key_of(visit.to.subscriber)?;
        let services = Arc::clone(&self.services);
        let read = async move { services.store.pending(visit.rid, list.from(), list.limit()).await };
        Ok(replies::list(cx, visit.to, read))
    }

    pub(super) fn denials(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        list: List,
    ) -> Result<Handled, Refusal> {
        self.key_of(visit.to.subscriber)?;
        let services = Arc::clone(&self.services);
        let read = async move { services.store.denials(visit.rid, list.from(), list.limit()).await };
        Ok(replies::list(cx, visit.to, read))
    }

    /// Forwards an event that the server does not know to the other members, unchanged.
    pub(super) fn forward(
        &self,
        cx: &Context<'_, Self>,
        visit: &Visit,
        event: &str,
        payload: &Payload,
    ) -> Result<Handled, Refusal> {
        let from = visit.to.subscriber;
        self.key_of(from)?;
        if is_reserved(event) {
            return Err(Reason::BadPayload.because("This event name is reserved for the server."));
        }
        self.admit(visit, self.count.members.saturating_sub(1), payload.size() + event.len())?;
        let is_member = |id: &SubscriberId| self.subscribers.get(id).is_some_and(|other| other.key.is_some());
        cx.broadcast_to(event, payload.clone(), |id, _| id != from && is_member(&id));
        Ok(Handled::ok(Payload::empty()))
    }

    /// Admits a message to so many recipients, unless its sender is over the fan-out limit.
    fn admit(&self, visit: &Visit, recipients: usize, payload: usize) -> Result<(), Refusal> {
        let admitted = self.services.fan_out.admit(visit.caller.uid, recipients, payload);
        self.services.metrics.fan_out(admitted.as_ref().ok().copied());
        admitted.map(|_| ())
    }
}
