//! The channel of `user:<uid>`: everything addressed to one user, in any room.

use std::sync::Arc;

use vestibule_approve::{
    refusal::{Reason, Refusal},
    signed::{Rid, Uid},
};
use vestibule_channels::{
    Channel, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult, Payload, Stop,
    SubscriberId, channel::Call, small_map::OwnMap,
};
use vestibule_store::{JoinSnapshot, StoreError};

use super::{
    delivery::{Delivery, Recipient, deliver, read_arrival, welcome},
    event::{OwnEvent, ServerEvent},
    identity::{Identity, user_and_server},
    notifications::{Notifications, UserUpdate},
    notifier::{Notifier as _, WeakNotifier},
    own_events,
    payloads::{self, parse_join},
    replies::{of_store, refuse},
    services::Services,
};

/// One user's inbox. While nothing comes, which is most of the time, its topic rests.
pub(super) struct Inbox {
    services: Arc<Services>,
    notifier: WeakNotifier,
    owner: Uid,
    listeners: OwnMap<SubscriberId, Recipient>,
}

impl Channel for Inbox {
    type ConnectAssigns = Identity;
    type Assigns = ();

    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinResult<()> {
        let Some((_, server)) = user_and_server(cx, who).filter(|(uid, _)| *uid == self.owner) else {
            return Err(ErrorReply(Payload::of(&Refusal::from(Reason::Unauthorized))));
        };
        let listener = match parse_join(params) {
            Ok(params) => Recipient::new(&self.services, self.owner, server, &params),
            Err(refusal) => return Err(ErrorReply(Payload::of(&refusal))),
        };
        read_arrival(self, cx, who, &listener, move |inbox, cx, arrival| inbox.let_in(cx, who, arrival));
        self.listeners.insert(who, listener);
        Ok(JoinReply::Later)
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        welcome(self, cx, who);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        Ok(self.dispatch(cx, &message).unwrap_or_else(|refusal| refuse(&self.services, &refusal)))
    }

    fn left(&mut self, _cx: &mut Context<'_, Self>, who: SubscriberId) {
        self.listeners.remove(&who);
    }

    /// Always: no device notices another one, and what is stored for the owner comes from outside.
    fn may_rest(&self) -> bool {
        true
    }

    fn is_quiet(&self, who: SubscriberId) -> bool {
        self.listeners.get(&who).is_some_and(Recipient::is_quiet)
    }

    fn rest(&mut self, who: SubscriberId) -> Call<Self> {
        let listener = self.listeners.remove(&who);
        Box::new(move |inbox, _| {
            if let Some(listener) = listener {
                inbox.listeners.insert(who, listener);
            }
        })
    }
}

impl Delivery for Inbox {
    fn services(&self) -> &Arc<Services> {
        &self.services
    }

    fn scope(&self) -> Option<Rid> {
        None
    }

    fn recipient(&mut self, who: SubscriberId) -> Option<&mut Recipient> {
        self.listeners.get_mut(&who)
    }

    /// By way of the room, which knows which connections are in it, this user's among them.
    fn notify(&mut self, _: &mut Context<'_, Self>, rid: Rid, notifications: Notifications) {
        self.notifier.notify(&rid, notifications);
    }
}

impl Inbox {
    pub(super) fn new(services: &Arc<Services>, notifier: &WeakNotifier, owner: Uid) -> Self {
        let (services, notifier) = (Arc::clone(services), notifier.clone());
        Self { services, notifier, owner, listeners: OwnMap::new() }
    }

    /// Sends an update that was just committed, except to the connections that got it in its room.
    pub(super) fn deliver(&mut self, cx: &Context<'_, Self>, own: &UserUpdate, except: &[u64]) {
        let listeners: Vec<SubscriberId> = self.listeners.keys().copied().collect();
        for who in listeners.into_iter().filter(|who| !except.contains(&who.connection)) {
            deliver(self, cx, who, own.clone());
        }
    }

    /// Ends all joins as a crash would.
    pub(super) fn restart(&self, cx: &mut Context<'_, Self>) {
        for who in self.listeners.keys() {
            cx.stop(*who, Stop::Crash);
        }
    }

    /// Tells the owner's devices that an operator has erased the owner.
    pub(super) fn tell_erased(cx: &Context<'_, Self>) {
        cx.broadcast(ServerEvent::Erased.name(), Payload::empty());
    }

    fn let_in(
        &mut self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        arrival: Result<JoinSnapshot, StoreError>,
    ) {
        let Some(listener) = self.listeners.get_mut(&who) else { return };
        match arrival {
            Ok(arrival) => {
                let answer =
                    payloads::JoinReply::new(&listener.server, listener.epoch, &self.services, &arrival);
                cx.admit(who, (), Payload::of(&answer));
                listener.found(arrival);
            }
            Err(error) => cx.refuse(who, Payload::of(&of_store(error))),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, Self>, message: &Incoming) -> Result<Handled, Refusal> {
        let event: OwnEvent =
            message.event.parse().map_err(|_| Reason::BadPayload.because("An inbox has no such event."))?;
        own_events::handle(self, cx, &message.reply_to(), self.owner, event, &message.payload)
    }
}
