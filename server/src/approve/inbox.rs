//! The channel of `user:<uid>`: everything addressed to one user, in any room.

use std::{
    collections::{HashMap, HashSet},
    mem::take,
    sync::{Arc, Weak},
};

use bytestring::ByteString;
use serde_json::json;
use vestibule_protocol::{
    approve::{
        items::ApproveItem,
        refusal::{Reason, Refusal},
        rules::{Caller, Command},
    },
    message::Payload,
    signed::{Rid, Uid},
};

use super::{
    Flow, answering,
    events::{self, AboutRequest, Ack, refuse},
    feed::Feed,
    identity,
    visit::{self, closed, push_caught_up, refuse_later},
};
use crate::{
    channel::{Channel, Context, Incoming, Joining, MemberId, Next, ReplyTo},
    store::{Arrival, Submission},
};

/// One user's inbox.
pub(super) struct Inbox {
    flow: Arc<Flow>,
    /// Nobody where the topic names no user.
    owner: Option<Uid>,
    listeners: HashMap<MemberId, Listener>,
}

/// One of the owner's connections.
struct Listener {
    server: String,
    /// What the join found, until its answer is sent.
    arrival: Option<Arrival>,
    /// Whether there is more than the join's answer could hold, and not all of it has been fetched.
    is_behind: bool,
    approves: Feed<ApproveItem>,
}

impl Channel for Inbox {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: MemberId, params: &Payload) -> Joining {
        let Some(owner) = self.owner else {
            return Joining::Error(Payload::of(&json!({ "reason": "unmatched topic" })));
        };
        let Some((_, server)) = identity::of(cx, who).filter(|(uid, _)| *uid == owner) else {
            return refuse_later(cx, who);
        };
        let server = server.to_owned();
        if let Err(refusal) = events::parse_join(params) {
            return Joining::Error(Payload::of(&refusal));
        }
        self.listeners
            .insert(who, Listener { server, arrival: None, is_behind: false, approves: Feed::held() });
        let flow = Arc::clone(&self.flow);
        let arrival = async move { flow.store.arrival(owner, None).await };
        cx.spawn(who, arrival, move |inbox, cx, arrival| inbox.let_in(cx, who, arrival));
        Joining::Later
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: MemberId) {
        let Some(listener) = self.listeners.get_mut(&who) else { return };
        let Some(arrival) = listener.arrival.take() else { return };
        listener.is_behind = arrival.approves.next.is_some();
        if !listener.is_behind {
            push_caught_up(cx, who, &self.flow, events::own_seq(&arrival));
        }
        for item in listener.approves.release(arrival.until) {
            cx.push(who, "approve", Payload::of(&item));
        }
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> Next {
        self.dispatch(cx, &message).unwrap_or_else(refuse)
    }

    fn left(&mut self, _cx: &mut Context<'_, Self>, who: MemberId) {
        self.listeners.remove(&who);
    }
}

impl Inbox {
    pub(super) fn new(flow: &Weak<Flow>, topic: &ByteString) -> Self {
        let flow = flow.upgrade().expect("a flow outlives its connections");
        let owner = topic.strip_prefix("user:").and_then(|uid| uid.parse().ok());
        Self { flow, owner, listeners: HashMap::new() }
    }

    /// Sends an approve that was just stored to the connections that did not get it in its room.
    pub(super) fn deliver(&mut self, cx: &Context<'_, Self>, item: &ApproveItem, except: &HashSet<u64>) {
        for (id, listener) in &mut self.listeners {
            if except.contains(&id.connection) {
                continue;
            }
            if let Some(item) = listener.approves.offer(item.seq, item.clone()) {
                cx.push(*id, "approve", Payload::of(&item));
            }
        }
    }

    fn let_in(&mut self, cx: &mut Context<'_, Self>, who: MemberId, arrival: Result<Arrival, Refusal>) {
        let Some(listener) = self.listeners.get_mut(&who) else { return };
        match arrival {
            Ok(arrival) => {
                let answer = events::Joined::new(&listener.server, &self.flow, &arrival);
                cx.admit(who, Payload::of(&answer));
                listener.arrival = Some(arrival);
            }
            Err(refusal) => cx.refuse(who, Payload::of(&refusal)),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, Self>, message: &Incoming) -> Result<Next, Refusal> {
        let uid = self.owner.ok_or(Reason::Unauthorized)?;
        let payload = &message.payload;
        let to = message.reply_to();
        match &*message.event {
            "withdraw" => {
                let AboutRequest { rid, request_id } = events::parse(payload)?;
                Ok(self.close(cx, to, named(rid)?, uid, Command::Withdraw { request_id }))
            }
            "ack" => {
                let Ack { rid, approve_id, .. } = events::parse(payload)?;
                Ok(self.close(cx, to, named(rid)?, uid, Command::Ack { approve_id }))
            }
            "status" => {
                let AboutRequest { rid, request_id } = events::parse(payload)?;
                let (flow, rid) = (Arc::clone(&self.flow), named(rid)?);
                let status = async move { flow.store.status(rid, uid, request_id).await };
                Ok(answering::look_up(cx, to, status, |_, cx, to, state| {
                    answering::ok(cx, to, &json!({ "state": state }));
                }))
            }
            "approved" => {
                let (list, who) = (events::parse(payload)?, message.from);
                let was_behind = move |inbox: &mut Self| {
                    inbox.listeners.get_mut(&who).is_some_and(|listener| take(&mut listener.is_behind))
                };
                Ok(visit::approved(cx, &self.flow, to, uid, None, &list, was_behind))
            }
            _ => Err(Reason::BadPayload.because("no such event in an inbox")),
        }
    }

    fn close(&self, cx: &mut Context<'_, Self>, to: ReplyTo, rid: Rid, uid: Uid, command: Command) -> Next {
        let caller = Caller { uid, is_member: false };
        let submission = Submission { rid, caller, command, frame: Vec::new() };
        answering::carry_out(&self.flow, cx, to, submission, move |inbox, _, committed| {
            if let Some(gone) = closed(rid, uid, committed) {
                inbox.flow.tell_room(&rid, gone);
            }
        })
    }
}

fn named(rid: Option<Rid>) -> Result<Rid, Refusal> {
    rid.ok_or_else(|| Reason::BadPayload.because("missing field `rid`"))
}
