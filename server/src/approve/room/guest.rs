//! What anybody may send: a request for the room's key, and the proof of having it.

use std::sync::Arc;

use vestibule_protocol::{
    approve::{
        frames::{Request, RoomKey},
        items::RequestItem,
        refusal::{Reason, Refusal},
        rules::{Change, Command, RequestState},
    },
    message::Payload,
    signed::{prove, room_id},
};

use super::{KeyRoom, Visit, fanout::after_ms};
use crate::{
    approve::{
        aftermath::News,
        answering,
        events::{List, Prove, Proved},
        feed::Feed,
        identity,
    },
    channel::{Context, MemberId, Next, Watched},
    clock,
    store::{Content, Page, pack},
};

impl KeyRoom {
    /// Makes a member of who signs this join's nonce with the room key.
    pub(super) fn prove(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        proof: Prove,
    ) -> Result<Next, Refusal> {
        let who = visit.to.member;
        let others =
            self.visitors.iter().filter(|(id, visitor)| **id != who && visitor.key.is_some()).count();
        let visitor = self.visitors.get_mut(&who).ok_or(Reason::Unauthorized)?;
        if proof.nonce != visitor.nonce {
            return Err(Reason::StaleNonce.into());
        }
        let receiver = &visitor.receiver;
        let check = |server: &str| {
            let bytes = prove(server, &visit.rid, &receiver.uid, visitor.nonce.as_bytes());
            proof.alg.verify(&proof.room_pub.0, &bytes, &proof.sig)
        };
        if room_id(proof.alg, &proof.room_pub.0) != visit.rid
            || self.flow.check_proof(&receiver.server, check).is_err()
        {
            return Err(Reason::BadProof.into());
        }
        visitor.key = Some(RoomKey { alg: proof.alg, room_pub: proof.room_pub });
        visitor.news = Feed::held();
        let (flow, rid) = (Arc::clone(&self.flow), visit.rid);
        let list = List::default();
        let read = async move {
            let record = flow.store.room(rid).await?;
            Ok((record, flow.store.pending(rid, list.from(), list.limit()).await?))
        };
        Ok(answering::look_up(cx, visit.to, read, move |room, cx, to, (record, page)| {
            let Page { items: pending, next: cursor, until } = page;
            let (creator, listed) =
                record.as_ref().map_or((None, false), |record| (record.creator, record.is_listed));
            let (role, card, after_ms) = ("member", record.map(|record| record.card), after_ms(others));
            let proved = Proved { role, card, creator, listed, pending, cursor, seq: until, after_ms };
            answering::ok(cx, to, &proved);
            room.welcome_member(cx, to.member, until);
        }))
    }

    fn welcome_member(&mut self, cx: &mut Context<'_, Self>, who: MemberId, until: i64) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        for push in visitor.news.release(until) {
            cx.push(who, push.event, push.payload);
        }
        let uid = visitor.receiver.uid.to_string();
        cx.update(who, &uid, |meta| {
            meta.insert("role".to_owned(), "member".into());
        });
        cx.push(who, "presence_state", Payload::of(&cx.presence_state()));
        cx.watch_presence(who, Watched::Yes);
    }

    pub(super) fn request(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        request: Request,
    ) -> Result<Next, Refusal> {
        let (rid, uid) = (visit.rid, visit.caller.uid);
        let device = self.visitors.get(&visit.to.member).ok_or(Reason::Unauthorized)?.receiver.device;
        let digest = request.check(&rid, &uid, &self.flow.terms.limits, clock::now_ms())?.digest;
        self.flow.requests.admit(identity::address_of(cx, visit.to.member)).map_err(|wait| {
            Reason::RateLimited.retry_after(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1))
        })?;
        let command = Command::Request {
            request_id: request.request_id,
            device,
            box_hash: request.box_hash(),
            digest,
            exp: request.exp,
        };
        let content = Content::Frame(pack(&request));
        Ok(self.carry_out(cx, visit, command, content, move |room, cx, committed| {
            if committed.decision.change == Some(Change::AddRequest) {
                let state = RequestState::Pending;
                let (created, seq) = (committed.at, committed.seq);
                let item = RequestItem { rid, uid, request, state, created, seq, approvals: 0 };
                room.announce(cx, &News::Request { item, seq });
            }
        }))
    }
}
