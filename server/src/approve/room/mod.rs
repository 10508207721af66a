//! The channel of `room:<rid>`: guests ask for the room's key, members send it.
//!
//! Everybody joins as a guest. Who signs the join's nonce with the room key is a member from then on, is shown what waits,
//! and hears of what comes. `prove` makes members, `guest` and `member` handle what either may send, `fanout` tells everybody
//! what was stored, `head_count` how many are there.

mod fanout;
mod guest;
mod head_count;
mod here;
mod member;
mod online;
mod prove;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Instant,
};

use bytestring::ByteString;
use vestibule_approve::{
    base64url::Fixed,
    frames::RoomKey,
    refusal::{Reason, Refusal},
    rules::{Caller, Command},
    signed::{Rid, Uid},
};
use vestibule_phoenix::message::Payload;

pub(super) use self::member::is_servers;
pub use self::online::Online;
use vestibule_channels::channel::{
    Call, Channel, Context, HandleResult, Incoming, JoinReply, ReplyTo, Stop, SubscriberId,
};
use vestibule_store::{Arrival, Committed, Content, StoreError, Submission};

use self::{
    fanout::MemberPush,
    head_count::{HeadCount, Standing},
    here::Here,
};
use super::{
    Flow,
    catch_up::Feed,
    delivery::{Delivery, Recipient, arrive, handle_own, welcome},
    entrance,
    events::{self, parse, refuse},
    identity,
    notifications::Notifications,
    replies::{self, FrameRateLimit, rest_of},
};

/// One room's channel.
pub(super) struct KeyRoom {
    flow: Arc<Flow>,
    rid: Rid,
    visitors: HashMap<SubscriberId, Visitor>,
    head_count: HeadCount,
}

/// Somebody who has joined, or is about to.
struct Visitor {
    recipient: Recipient,
    nonce: Fixed<32>,
    /// The room's public key, once this visitor has proved to hold the private one.
    key: Option<RoomKey>,
    /// Whether this visitor has seen a card: then it knows that there is a room.
    is_shown: bool,
    /// Proofs to be answered once what is stored has been read.
    proofs: Vec<ReplyTo>,
    /// What members are told.
    news: Feed<MemberPush>,
    /// As what it counts.
    standing: Option<Standing>,
    _here: Here,
}

/// A message's sender, and where it is answered.
struct Visit {
    rid: Rid,
    caller: Caller,
    to: ReplyTo,
}

impl Channel for KeyRoom {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinReply {
        let Some((uid, server)) = identity::of(cx, who) else {
            return JoinReply::Error(Payload::of(&Refusal::from(Reason::Unauthorized)));
        };
        let recipient = match events::parse_join(params) {
            Ok(params) => Recipient::new(&self.flow, uid, server, &params),
            Err(refusal) => return JoinReply::Error(Payload::of(&refusal)),
        };
        cx.hide_presence(who);
        let asked = Instant::now();
        let joining = arrive(self, cx, who, &recipient, move |room, cx, arrival| {
            // As with requests: whether a room is secret or unknown is not to be measured.
            if matches!(&arrival, Ok(Arrival { card: None, .. })) {
                cx.after(who, rest_of(asked), move |room, cx| room.let_in(cx, who, arrival));
            } else {
                room.let_in(cx, who, arrival);
            }
        });
        let visitor = Visitor {
            recipient,
            nonce: self.flow.random(),
            key: None,
            is_shown: false,
            proofs: Vec::new(),
            news: Feed::held(),
            standing: None,
            _here: Here::note(&self.flow, who, self.rid),
        };
        self.visitors.insert(who, visitor);
        joining
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        welcome(self, cx, who);
        self.stands(cx, who, Standing::Guest);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let pace = self.pace(message.from);
        let next = self.dispatch(cx, &message).unwrap_or_else(|refusal| refuse(&self.flow, &refusal));
        match next {
            HandleResult::Reply(status, response) if pace == FrameRateLimit::Even => {
                replies::answer_late(cx, message.reply_to(), status, response);
                HandleResult::NoReply
            }
            next => next,
        }
    }

    fn left(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        if let Some(Visitor { standing: Some(standing), .. }) = self.visitors.remove(&who) {
            self.head_count.subtract(standing);
            self.tell_head_count(cx);
        }
    }

    /// While there are strangers only, who are told the same whether there is a room or not.
    fn may_rest(&self) -> bool {
        self.visitors.values().all(Visitor::is_stranger)
    }

    fn is_quiet(&self, who: SubscriberId) -> bool {
        self.visitors.get(&who).is_some_and(|visitor| visitor.recipient.is_quiet())
    }

    fn rest(&mut self, who: SubscriberId) -> Call<Self> {
        let mut visitor = self.visitors.remove(&who);
        if let Some(standing) = visitor.as_mut().and_then(|visitor| visitor.standing.take()) {
            self.head_count.subtract(standing);
        }
        Box::new(move |room, cx| {
            if let Some(visitor) = visitor {
                room.visitors.insert(who, visitor);
                room.stands(cx, who, Standing::Guest);
            }
        })
    }
}

impl Delivery for KeyRoom {
    fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    fn scope(&self) -> Option<Rid> {
        Some(self.rid)
    }

    fn recipient(&mut self, who: SubscriberId) -> Option<&mut Recipient> {
        self.visitors.get_mut(&who).map(|visitor| &mut visitor.recipient)
    }

    fn pace(&self, who: SubscriberId) -> FrameRateLimit {
        let is_stranger = self.visitors.get(&who).is_some_and(Visitor::is_stranger);
        if is_stranger { FrameRateLimit::Even } else { FrameRateLimit::Prompt }
    }

    fn spread(&mut self, cx: &mut Context<'_, Self>, rid: Rid, notifications: Notifications) {
        if self.may_rest() {
            // Other devices of the user may rest: from outside they are woken.
            self.flow.spread(&rid, notifications);
        } else {
            self.tell(cx, notifications);
        }
    }
}

impl Visitor {
    /// A guest who was shown no card, and so does not know whether there is a room.
    fn is_stranger(&self) -> bool {
        self.key.is_none() && !self.is_shown
    }
}

impl KeyRoom {
    pub(super) fn new(flow: &Weak<Flow>, topic: &ByteString) -> Self {
        // Rooms are started by connections, and those hold the flow.
        let flow = flow.upgrade().expect("a flow outlives its connections");
        let rid = entrance::rid_of(topic).expect("no room is started for what names none");
        Self { flow, rid, visitors: HashMap::new(), head_count: HeadCount::default() }
    }

    fn let_in(
        &mut self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        arrival: Result<Arrival, StoreError>,
    ) {
        let Some(visitor) = self.visitors.get_mut(&who) else { return };
        match arrival {
            Ok(arrival) => {
                let answer = events::Joined::new(
                    &visitor.recipient.server,
                    visitor.recipient.epoch,
                    &self.flow,
                    &arrival,
                );
                cx.admit(who, Payload::of(&answer.for_guest(visitor.nonce)));
                visitor.is_shown = arrival.card.is_some();
                visitor.recipient.found(arrival);
            }
            Err(error) => cx.refuse(who, Payload::of(&replies::of_store(error))),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, Self>, message: &Incoming) -> Result<HandleResult, Refusal> {
        let payload = &message.payload;
        let rid = self.rid;
        let visitor = self.visitors.get(&message.from).ok_or(Reason::Unauthorized)?;
        let caller = Caller { uid: visitor.recipient.uid, is_member: visitor.key.is_some() };
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
    ) -> HandleResult {
        let submission = Submission { rid: visit.rid, caller: visit.caller, command, content };
        let pace = self.pace(visit.to.member);
        replies::carry_out(&self.flow, cx, visit.to, pace, submission, then)
    }

    /// Everybody who has joined, in no order.
    pub(super) fn online(&self) -> Vec<Online> {
        let online = |(who, visitor): (&SubscriberId, &Visitor)| Online {
            connection: who.connection,
            uid: visitor.recipient.uid,
            device: visitor.recipient.device,
            is_member: visitor.key.is_some(),
        };
        self.visitors.iter().map(online).collect()
    }

    /// Tells a user's devices here that the user is erased.
    pub(super) fn tell_erased(&self, cx: &Context<'_, Self>, uid: &Uid) {
        let is_theirs = |visitor: &Visitor| visitor.recipient.uid == *uid;
        let visitors = &self.visitors;
        cx.broadcast_to("erased", Payload::empty(), |id, _| visitors.get(&id).is_some_and(is_theirs));
    }

    /// Ends everybody's join: the room is no more.
    pub(super) fn close(&self, cx: &mut Context<'_, Self>) {
        for who in self.visitors.keys() {
            cx.stop(*who, Stop::Normal);
        }
    }

    fn key_of(&self, who: SubscriberId) -> Result<&RoomKey, Refusal> {
        self.visitors
            .get(&who)
            .and_then(|visitor| visitor.key.as_ref())
            .ok_or_else(|| Reason::NotMember.into())
    }
}
