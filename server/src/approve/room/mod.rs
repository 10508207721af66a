//! The channel of `room:<rid>`: guests ask for the room's key, members send it.
//!
//! Everybody joins as a guest. Who signs the join's nonce with the room key is a member from then on, is shown what waits,
//! and hears of what comes. `prove` makes members, `guest` and `member` handle what either may send, `fanout` tells everybody
//! what was stored, `head_count` how many are there.

mod fanout;
mod guest;
mod head_count;
mod member;
mod online;
mod prove;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Instant,
};

use bytestring::ByteString;
use serde_json::json;
use vestibule_protocol::{
    approve::{
        frames::RoomKey,
        refusal::{Reason, Refusal},
        rules::{Caller, Command},
    },
    base64url::Fixed,
    message::Payload,
    signed::{Rid, Uid},
};

pub(super) use self::member::is_servers;
pub use self::online::Online;
use self::{
    fanout::MemberPush,
    head_count::{HeadCount, Standing},
};
use super::{
    Flow,
    aftermath::Aftermath,
    answering::{self, UNKNOWN_AFTER},
    events::{self, parse, refuse},
    feed::Feed,
    identity,
    reception::{Receiver, Reception, arrive, handle_own, refuse_later, welcome},
};
use crate::{
    channel::{Channel, Context, Incoming, Joining, MemberId, Next, ReplyTo, Stop},
    store::{Arrival, Committed, Content, Submission},
};

/// One room's channel.
pub(super) struct KeyRoom {
    flow: Arc<Flow>,
    /// Nothing where the topic names no room.
    rid: Option<Rid>,
    visitors: HashMap<MemberId, Visitor>,
    head_count: HeadCount,
}

/// Somebody who has joined, or is about to.
struct Visitor {
    receiver: Receiver,
    nonce: Fixed<32>,
    /// The room's public key, once this visitor has proved to hold the private one.
    key: Option<RoomKey>,
    /// Proofs to be answered once what is stored has been read.
    proofs: Vec<ReplyTo>,
    /// What members are told.
    news: Feed<MemberPush>,
    /// As what it counts.
    standing: Option<Standing>,
}

/// A message's sender, and where it is answered.
struct Visit {
    rid: Rid,
    caller: Caller,
    to: ReplyTo,
}

impl Channel for KeyRoom {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: MemberId, params: &Payload) -> Joining {
        let Some(rid) = self.rid else {
            return Joining::Error(Payload::of(&json!({ "reason": "unmatched topic" })));
        };
        let Some((uid, server)) = identity::of(cx, who) else { return refuse_later(&self.flow, cx, who) };
        let receiver = match events::parse_join(params) {
            Ok(params) => Receiver::new(&self.flow, uid, server, &params),
            Err(refusal) => return Joining::Error(Payload::of(&refusal)),
        };
        cx.hide_presence(who);
        let asked = Instant::now();
        let joining = arrive(self, cx, who, &receiver, move |room, cx, arrival| {
            // As with requests: whether a room is secret or unknown is not to be measured.
            if matches!(&arrival, Ok(Arrival { card: None, .. })) {
                let rest = UNKNOWN_AFTER.saturating_sub(asked.elapsed());
                cx.after(who, rest, move |room, cx| room.let_in(cx, who, arrival));
            } else {
                room.let_in(cx, who, arrival);
            }
        });
        let visitor = Visitor {
            receiver,
            nonce: self.flow.random(),
            key: None,
            proofs: Vec::new(),
            news: Feed::held(),
            standing: None,
        };
        self.visitors.insert(who, visitor);
        self.flow.in_rooms.insert((who.connection, rid));
        joining
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: MemberId) {
        welcome(self, cx, who);
        self.stands(cx, who, Standing::Guest);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> Next {
        self.dispatch(cx, &message).unwrap_or_else(|refusal| refuse(&self.flow, &refusal))
    }

    fn left(&mut self, cx: &mut Context<'_, Self>, who: MemberId) {
        if let Some(Visitor { standing: Some(standing), .. }) = self.visitors.remove(&who) {
            self.head_count.subtract(standing);
            self.tell_head_count(cx);
        }
        if let Some(rid) = self.rid {
            self.flow.in_rooms.remove(&(who.connection, rid));
        }
    }
}

impl Reception for KeyRoom {
    fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    fn scope(&self) -> Option<Rid> {
        self.rid
    }

    fn receiver(&mut self, who: MemberId) -> Option<&mut Receiver> {
        self.visitors.get_mut(&who).map(|visitor| &mut visitor.receiver)
    }

    fn spread(&mut self, cx: &mut Context<'_, Self>, _: Rid, aftermath: Aftermath) {
        self.tell(cx, aftermath);
    }
}

impl KeyRoom {
    pub(super) fn new(flow: &Weak<Flow>, topic: &ByteString) -> Self {
        // Rooms are started by connections, and those hold the flow.
        let flow = flow.upgrade().expect("a flow outlives its connections");
        let rid = topic.strip_prefix("room:").and_then(|rid| rid.parse().ok());
        Self { flow, rid, visitors: HashMap::new(), head_count: HeadCount::default() }
    }

    fn let_in(&mut self, cx: &mut Context<'_, Self>, who: MemberId, arrival: Result<Arrival, Refusal>) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        match arrival {
            Ok(arrival) => {
                let answer = events::Joined::new(
                    &visitor.receiver.server,
                    visitor.receiver.epoch,
                    &self.flow,
                    &arrival,
                );
                cx.admit(who, Payload::of(&answer.for_guest(visitor.nonce)));
                visitor.receiver.found(arrival);
            }
            Err(refusal) => cx.refuse(who, Payload::of(&refusal)),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, Self>, message: &Incoming) -> Result<Next, Refusal> {
        let payload = &message.payload;
        let rid = self.rid.ok_or(Reason::UnknownRoom)?;
        let visitor = self.visitors.get(&message.from).ok_or(Reason::Unauthorized)?;
        let caller = Caller { uid: visitor.receiver.uid, is_member: visitor.key.is_some() };
        let visit = Visit { rid, caller, to: message.reply_to() };
        match &*message.event {
            "prove" => self.prove(cx, visit, parse(payload)?),
            "card" => self.publish(cx, visit, parse(payload)?),
            "hand_over" => self.hand_over(cx, visit, &parse(payload)?),
            "request" => self.request(cx, visit, parse(payload)?),
            "approve" => self.approve(cx, visit, parse(payload)?),
            "deny" => self.deny(cx, visit, parse(payload)?),
            "unblock" => self.unblock(cx, visit, &parse(payload)?),
            "pending" => self.pending(cx, visit, parse(payload)?),
            "denials" => self.denials(cx, visit, parse(payload)?),
            event => match handle_own(self, cx, &visit.to, caller.uid, event, payload)? {
                Some(next) => Ok(next),
                None => self.forward(cx, &visit, event, payload),
            },
        }
    }

    fn carry_out(
        &self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        command: Command,
        content: Content,
        then: impl FnOnce(&mut Self, &mut Context<'_, Self>, &Committed) + Send + 'static,
    ) -> Next {
        let submission = Submission { rid: visit.rid, caller: visit.caller, command, content };
        answering::carry_out(&self.flow, cx, visit.to, submission, then)
    }

    /// Everybody who has joined, in no order.
    pub(super) fn online(&self) -> Vec<Online> {
        let online = |(who, visitor): (&MemberId, &Visitor)| Online {
            connection: who.connection,
            uid: visitor.receiver.uid,
            device: visitor.receiver.device,
            is_member: visitor.key.is_some(),
        };
        self.visitors.iter().map(online).collect()
    }

    /// Tells a user's devices here that the user is erased.
    pub(super) fn tell_erased(&self, cx: &Context<'_, Self>, uid: &Uid) {
        let is_theirs = |visitor: &Visitor| visitor.receiver.uid == *uid;
        let visitors = &self.visitors;
        cx.broadcast_to("erased", Payload::empty(), |id, _| visitors.get(&id).is_some_and(is_theirs));
    }

    /// Ends everybody's join: the room is no more.
    pub(super) fn close(&self, cx: &mut Context<'_, Self>) {
        for who in self.visitors.keys() {
            cx.stop(*who, Stop::Normal);
        }
    }

    fn key_of(&self, who: MemberId) -> Result<&RoomKey, Refusal> {
        self.visitors
            .get(&who)
            .and_then(|visitor| visitor.key.as_ref())
            .ok_or_else(|| Reason::NotMember.into())
    }
}
