//! The channel of `user:<uid>`: everything addressed to one user, in any room.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
};

use bytestring::ByteString;
use vestibule_approve::{
    refusal::{Reason, Refusal},
    signed::{Rid, Uid},
};
use vestibule_channels::channel::{Channel, Context, HandleResult, Incoming, JoinReply, SubscriberId};
use vestibule_phoenix::message::Payload;
use vestibule_store::{Arrival, StoreError};

use super::{
    Flow,
    delivery::{Delivery, Recipient, arrive, deliver, handle_own, welcome},
    entrance,
    events::{self, refuse},
    identity,
    notifications::{Notifications, UserUpdate},
    replies,
};

/// One user's inbox.
pub(super) struct Inbox {
    flow: Arc<Flow>,
    owner: Uid,
    listeners: HashMap<SubscriberId, Recipient>,
}

impl Channel for Inbox {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinReply {
        let Some((_, server)) = identity::of(cx, who).filter(|(uid, _)| *uid == self.owner) else {
            return JoinReply::Error(Payload::of(&Refusal::from(Reason::Unauthorized)));
        };
        let listener = match events::parse_join(params) {
            Ok(params) => Recipient::new(&self.flow, self.owner, server, &params),
            Err(refusal) => return JoinReply::Error(Payload::of(&refusal)),
        };
        let joining =
            arrive(self, cx, who, &listener, move |inbox, cx, arrival| inbox.let_in(cx, who, arrival));
        self.listeners.insert(who, listener);
        joining
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        welcome(self, cx, who);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        self.dispatch(cx, &message).unwrap_or_else(|refusal| refuse(&self.flow, &refusal))
    }

    fn left(&mut self, _cx: &mut Context<'_, Self>, who: SubscriberId) {
        self.listeners.remove(&who);
    }
}

impl Delivery for Inbox {
    fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    fn scope(&self) -> Option<Rid> {
        None
    }

    fn recipient(&mut self, who: SubscriberId) -> Option<&mut Recipient> {
        self.listeners.get_mut(&who)
    }

    /// By way of the room, which knows whom it concerns there, this user's connections in it among them.
    fn spread(&mut self, _: &mut Context<'_, Self>, rid: Rid, notifications: Notifications) {
        self.flow.spread(&rid, notifications);
    }
}

impl Inbox {
    pub(super) fn new(flow: &Weak<Flow>, topic: &ByteString) -> Self {
        let flow = flow.upgrade().expect("a flow outlives its connections");
        let owner = entrance::owner_of(topic).expect("no inbox is started for what names no user");
        Self { flow, owner, listeners: HashMap::new() }
    }

    /// Sends what was just stored to the connections that did not get it in its room.
    pub(super) fn deliver(&mut self, cx: &Context<'_, Self>, own: &UserUpdate, except: &HashSet<u64>) {
        let listeners: Vec<SubscriberId> = self.listeners.keys().copied().collect();
        for who in listeners.into_iter().filter(|who| !except.contains(&who.connection)) {
            deliver(self, cx, who, own.clone());
        }
    }

    /// Tells the owner's devices that the owner is erased.
    pub(super) fn tell_erased(cx: &Context<'_, Self>) {
        cx.broadcast("erased", Payload::empty());
    }

    fn let_in(
        &mut self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        arrival: Result<Arrival, StoreError>,
    ) {
        let Some(listener) = self.listeners.get_mut(&who) else { return };
        match arrival {
            Ok(arrival) => {
                let answer = events::Joined::new(&listener.server, listener.epoch, &self.flow, &arrival);
                cx.admit(who, Payload::of(&answer));
                listener.found(arrival);
            }
            Err(error) => cx.refuse(who, Payload::of(&replies::of_store(error))),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, Self>, message: &Incoming) -> Result<HandleResult, Refusal> {
        let own = handle_own(self, cx, &message.reply_to(), self.owner, &message.event, &message.payload)?;
        own.ok_or_else(|| Reason::BadPayload.because("An inbox has no such event."))
    }
}
