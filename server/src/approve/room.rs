//! The channel of `room:<rid>`: guests ask for the room's key, members send it.
//!
//! Everybody joins as a guest. Who signs the join's nonce with the room key is a member from then on, is shown what waits,
//! and hears of what comes. Both stored and live frames reach each visitor through a [`Feed`], so that none comes twice.

use std::{
    collections::{HashMap, HashSet},
    mem::take,
    sync::{Arc, Weak},
};

use bytestring::ByteString;
use serde_json::json;
use vestibule_protocol::{
    approve::{
        frames::{Approve, Card, Request, RoomKey},
        items::{ApproveItem, RequestGone, RequestItem},
        refusal::{Reason, Refusal},
        rules::{Caller, Change, Command, RequestState},
    },
    message::Payload,
    signed::{Rid, prove, room_id},
};

use super::{
    Flow, answering,
    events::{self, AboutRequest, Ack, Items, List, Prove, Proved, PublishCard, RequestPush, refuse},
    feed::Feed,
    identity,
    visit::{self, News, Visit, Visitor, closed, push_caught_up, refuse_later},
};
use crate::{
    channel::{Channel, Context, Incoming, Joining, MemberId, Next, Watched},
    clock,
    store::{Arrival, Committed, Page, Submission, pack},
};

/// What the server itself sends: no member may send an event of such a name to the others.
const SERVER_EVENTS: [&str; 8] = [
    "caught_up",
    "denied",
    "expired",
    "presence_diff",
    "presence_state",
    "receipt",
    "request_gone",
    "resync",
];

/// One room's channel.
pub(super) struct KeyRoom {
    flow: Arc<Flow>,
    /// Nothing where the topic names no room.
    rid: Option<Rid>,
    visitors: HashMap<MemberId, Visitor>,
}

impl Channel for KeyRoom {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: MemberId, params: &Payload) -> Joining {
        let Some(rid) = self.rid else {
            return Joining::Error(Payload::of(&json!({ "reason": "unmatched topic" })));
        };
        let Some((uid, server)) = identity::of(cx, who) else { return refuse_later(cx, who) };
        let server = server.to_owned();
        let device = match events::parse_join(params) {
            Ok(params) => params.device,
            Err(refusal) => return Joining::Error(Payload::of(&refusal)),
        };
        let visitor = Visitor {
            uid,
            device,
            server,
            nonce: self.flow.random(),
            key: None,
            arrival: None,
            is_behind: false,
            approves: Feed::held(),
            news: Feed::held(),
        };
        self.visitors.insert(who, visitor);
        cx.watch_presence(who, Watched::No);
        let flow = Arc::clone(&self.flow);
        let arrival = async move { flow.store.arrival(uid, Some(rid)).await };
        cx.spawn(who, arrival, move |room, cx, arrival| room.let_in(cx, who, arrival));
        Joining::Later
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: MemberId) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        let Some(arrival) = visitor.arrival.take() else { return };
        visitor.is_behind = arrival.approves.next.is_some();
        if !visitor.is_behind {
            push_caught_up(cx, who, &self.flow, events::own_seq(&arrival));
        }
        for item in visitor.approves.release(arrival.until) {
            cx.push(who, "approve", Payload::of(&item));
        }
        let (uid, device) = (visitor.uid, visitor.device);
        let meta = [("role", "guest".into()), ("device", device.to_string().into())];
        cx.track(
            who,
            &uid.to_string(),
            meta.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
        );
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> Next {
        self.dispatch(cx, &message).unwrap_or_else(refuse)
    }

    fn left(&mut self, _cx: &mut Context<'_, Self>, who: MemberId) {
        self.visitors.remove(&who);
    }
}

impl KeyRoom {
    pub(super) fn new(flow: &Weak<Flow>, topic: &ByteString) -> Self {
        // Rooms are started by connections, and those hold the flow.
        let flow = flow.upgrade().expect("a flow outlives its connections");
        let rid = topic.strip_prefix("room:").and_then(|rid| rid.parse().ok());
        Self { flow, rid, visitors: HashMap::new() }
    }

    fn let_in(&mut self, cx: &mut Context<'_, Self>, who: MemberId, arrival: Result<Arrival, Refusal>) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        match arrival {
            Ok(arrival) => {
                let answer = events::Joined::new(&visitor.server, &self.flow, &arrival);
                cx.admit(who, Payload::of(&answer.for_guest(visitor.nonce)));
                visitor.arrival = Some(arrival);
            }
            Err(refusal) => cx.refuse(who, Payload::of(&refusal)),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, Self>, message: &Incoming) -> Result<Next, Refusal> {
        let payload = &message.payload;
        let rid = self.rid.ok_or(Reason::UnknownRoom)?;
        let visitor = self.visitors.get(&message.from).ok_or(Reason::Unauthorized)?;
        let uid = visitor.uid;
        let visit =
            Visit { rid, caller: Caller { uid, is_member: visitor.key.is_some() }, to: message.reply_to() };
        match &*message.event {
            "prove" => self.prove(cx, visit, events::parse(payload)?),
            "card" => self.publish(cx, visit, events::parse(payload)?),
            "request" => self.request(cx, visit, events::parse(payload)?),
            "approve" => self.approve(cx, visit, events::parse(payload)?),
            "withdraw" => {
                let AboutRequest { request_id, .. } = events::parse(payload)?;
                Ok(self.close(cx, visit, Command::Withdraw { request_id }))
            }
            "ack" => {
                let Ack { approve_id, .. } = events::parse(payload)?;
                Ok(self.close(cx, visit, Command::Ack { approve_id }))
            }
            "pending" => self.pending(cx, visit, &events::parse(payload)?),
            "approved" => {
                let (list, who) = (events::parse(payload)?, message.from);
                let was_behind = move |room: &mut Self| {
                    room.visitors.get_mut(&who).is_some_and(|visitor| take(&mut visitor.is_behind))
                };
                Ok(visit::approved(cx, &self.flow, visit.to, uid, Some(rid), &list, was_behind))
            }
            "status" => {
                let AboutRequest { request_id, .. } = events::parse(payload)?;
                let flow = Arc::clone(&self.flow);
                let status = async move { flow.store.status(rid, uid, request_id).await };
                Ok(answering::look_up(cx, visit.to, status, |_, cx, to, state| {
                    answering::ok(cx, to, &json!({ "state": state }));
                }))
            }
            event => self.forward(cx, message.from, event, payload),
        }
    }

    /// Makes a member of who signs this join's nonce with the room key.
    fn prove(&mut self, cx: &mut Context<'_, Self>, visit: Visit, proof: Prove) -> Result<Next, Refusal> {
        let who = visit.to.member;
        let visitor = self.visitors.get_mut(&who).ok_or(Reason::Unauthorized)?;
        if proof.nonce != visitor.nonce {
            return Err(Reason::StaleNonce.into());
        }
        let bytes = prove(&visitor.server, &visit.rid, &visitor.uid, visitor.nonce.as_bytes());
        if room_id(proof.alg, &proof.room_pub.0) != visit.rid
            || proof.alg.verify(&proof.room_pub.0, &bytes, &proof.sig).is_err()
        {
            return Err(Reason::BadProof.into());
        }
        visitor.key = Some(RoomKey { alg: proof.alg, room_pub: proof.room_pub });
        visitor.news = Feed::held();
        let (flow, rid) = (Arc::clone(&self.flow), visit.rid);
        let list = List::default();
        let read = async move {
            let card = flow.store.card(rid).await?;
            Ok((card, flow.store.pending(rid, list.from(), list.limit()).await?))
        };
        Ok(answering::look_up(cx, visit.to, read, |room, cx, to, (card, page)| {
            let Page { items: pending, next: cursor, until } = page;
            answering::ok(cx, to, &Proved { role: "member", card, pending, cursor, seq: until });
            room.welcome_member(cx, to.member, until);
        }))
    }

    fn welcome_member(&mut self, cx: &mut Context<'_, Self>, who: MemberId, until: i64) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        for (event, payload) in visitor.news.release(until) {
            cx.push(who, event, payload);
        }
        let uid = visitor.uid.to_string();
        cx.update(who, &uid, |meta| {
            meta.insert("role".to_owned(), "member".into());
        });
        cx.push(who, "presence_state", Payload::of(&cx.presence_state()));
        cx.watch_presence(who, Watched::Yes);
    }

    fn publish(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        new: PublishCard,
    ) -> Result<Next, Refusal> {
        let RoomKey { alg, room_pub } = self.key_of(visit.to.member)?.clone();
        let PublishCard { version, policy, name, sig } = new;
        let card = Card { rid: visit.rid, room_pub, alg, version, policy, name, sig };
        let digest = card.check(&self.flow.terms.limits)?.digest;
        let command = Command::Publish { version, policy, digest };
        Ok(self.carry_out(cx, visit, command, pack(&card), |_, _, _| {}))
    }

    fn request(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        request: Request,
    ) -> Result<Next, Refusal> {
        let (rid, uid) = (visit.rid, visit.caller.uid);
        let digest = request.check(&rid, &uid, &self.flow.terms.limits, clock::now_ms())?.digest;
        let command = Command::Request {
            request_id: request.request_id,
            box_hash: request.box_hash(),
            digest,
            exp: request.exp,
        };
        let frame = pack(&request);
        Ok(self.carry_out(cx, visit, command, frame, move |room, cx, committed| {
            if committed.decision.change == Some(Change::AddRequest) {
                let state = RequestState::Pending;
                let (created, seq) = (committed.at, committed.seq);
                let item = RequestItem { rid, uid, request, state, created, seq, approvals: 0 };
                room.announce(cx, &News::Request(item));
            }
        }))
    }

    fn approve(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        approve: Approve,
    ) -> Result<Next, Refusal> {
        let (rid, by) = (visit.rid, visit.caller.uid);
        let key = self.key_of(visit.to.member)?;
        let digest = approve.check(&rid, &by, key, &self.flow.terms.limits, clock::now_ms())?.digest;
        let command = Command::Approve {
            approve_id: approve.approve_id,
            to: approve.to,
            request_id: approve.request_id,
            box_hash: approve.r#box,
            digest,
            exp: approve.exp,
        };
        let frame = pack(&approve);
        Ok(self.carry_out(cx, visit, command, frame, move |room, cx, committed| {
            if let Some(Change::AddApprove { .. }) = committed.decision.change {
                let (uid, request_id, seq) = (approve.to, approve.request_id, committed.seq);
                let state = RequestState::Approved;
                room.deliver(cx, ApproveItem { rid, by, approve, at: committed.at, seq });
                let gone = RequestGone { rid, uid, request_id, state, by: Some(by), seq };
                room.announce(cx, &News::Gone(gone));
            }
        }))
    }

    /// `ack` and `withdraw`: the request is over.
    fn close(&mut self, cx: &mut Context<'_, Self>, visit: Visit, command: Command) -> Next {
        let (rid, uid) = (visit.rid, visit.caller.uid);
        self.carry_out(cx, visit, command, Vec::new(), move |room, cx, committed| {
            if let Some(gone) = closed(rid, uid, committed) {
                room.announce(cx, &gone);
            }
        })
    }

    fn pending(&mut self, cx: &mut Context<'_, Self>, visit: Visit, list: &List) -> Result<Next, Refusal> {
        self.key_of(visit.to.member)?;
        let (flow, from, limit) = (Arc::clone(&self.flow), list.from(), list.limit());
        let read = async move { flow.store.pending(visit.rid, from, limit).await };
        Ok(answering::look_up(cx, visit.to, read, |_, cx, to, page| {
            answering::ok(cx, to, &Items { items: page.items, cursor: page.next });
        }))
    }

    /// A member's own event: to the other members, as it is.
    fn forward(
        &self,
        cx: &Context<'_, Self>,
        from: MemberId,
        event: &str,
        payload: &Payload,
    ) -> Result<Next, Refusal> {
        self.key_of(from)?;
        if event.starts_with("phx_") || SERVER_EVENTS.contains(&event) {
            return Err(Reason::BadPayload.because("this event is the server's own"));
        }
        let is_member = |id: &MemberId| self.visitors.get(id).is_some_and(|visitor| visitor.key.is_some());
        cx.broadcast_to(event, payload.clone(), |id, _| id != from && is_member(&id));
        Ok(Next::ok(Payload::empty()))
    }

    fn carry_out(
        &self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        command: Command,
        frame: Vec<u8>,
        then: impl FnOnce(&mut Self, &mut Context<'_, Self>, &Committed) + Send + 'static,
    ) -> Next {
        let submission = Submission { rid: visit.rid, caller: visit.caller, command, frame };
        answering::carry_out(&self.flow, cx, visit.to, submission, then)
    }

    /// Tells the members. Encoded once for all of them.
    pub(super) fn announce(&mut self, cx: &Context<'_, Self>, news: &News) {
        let (event, seq, payload) = match news {
            News::Request(item) => {
                let online = self.visitors.values().any(|visitor| visitor.uid == item.uid);
                ("request", item.seq, Payload::of(&RequestPush { item, online }))
            }
            News::Gone(gone) => ("request_gone", gone.seq, Payload::of(gone)),
        };
        let visitors = &mut self.visitors;
        cx.broadcast_to(event, payload.clone(), |id, _| {
            visitors.get_mut(&id).is_some_and(|visitor| {
                visitor.key.is_some() && visitor.news.offer(seq, (event, payload.clone())).is_some()
            })
        });
    }

    /// Sends an approve to the newcomer: here where a connection of theirs is in the room, else to its inbox.
    fn deliver(&mut self, cx: &Context<'_, Self>, item: ApproveItem) {
        let mut here = HashSet::new();
        for (id, visitor) in self.visitors.iter_mut().filter(|(_, visitor)| visitor.uid == item.approve.to) {
            here.insert(id.connection);
            if let Some(item) = visitor.approves.offer(item.seq, item.clone()) {
                cx.push(*id, "approve", Payload::of(&item));
            }
        }
        self.flow.deliver_to_inbox(item, here);
    }

    fn key_of(&self, who: MemberId) -> Result<&RoomKey, Refusal> {
        self.visitors
            .get(&who)
            .and_then(|visitor| visitor.key.as_ref())
            .ok_or_else(|| Reason::NotMember.into())
    }
}
