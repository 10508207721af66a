//! The approve flow: the product, written on the channel framework.
//!
//! [`Flow`] holds what all its channels share. `room` is the channel of `room:<rid>`, where keys are asked for and sent;
//! `inbox` that of `user:<uid>`, where a user finds what is addressed to them in any room; `delivery` is what the two have in
//! common, `entrance` what is checked before either is started. [`sweep`] ends what is over. [`http`] has the endpoints for
//! signing in and for rooms, `identity` who a connection belongs to.
//!
//! # Invariants
//! Nothing durable lives here: every answer "ok" is given after the store's commit, and whatever a client has missed it
//! finds in the store. The room key is never here; its public half is, where somebody proved to hold the other.

mod catch_up;
mod create;
mod delivery;
mod entrance;
mod events;
pub mod http;
mod identity;
mod inbox;
mod metrics;
mod notifications;
mod operator;
mod reach;
mod redelivery;
mod replies;
mod room;
pub mod sweep;

use std::{collections::HashSet, sync::Arc, time::Duration};

use dashmap::DashSet;
use ring::rand::{SecureRandom as _, SystemRandom};
use vestibule_approve::{
    base64url::Fixed,
    limits::{Limits, Quotas},
    signed::{BadSignature, Rid, Uid},
};

pub use identity::SocketAuth;
pub use operator::Unfit;
pub use reach::ReachRate;
pub use room::Online;
pub use vestibule_store::clock::Doubt;

use vestibule_channels::{
    channel::SubscriberId,
    topic::{Router, TopicRegistry},
    transport::{AddressRate, Grain, Rate},
};
use vestibule_store::{Store, clock::Certainty};

use self::{
    inbox::Inbox,
    metrics::FlowMetrics,
    notifications::{Notifications, UserUpdate},
    reach::Reach,
    room::KeyRoom,
};
use crate::session::Sessions;

/// What an operator may set about the flow.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// The server's names; without one it is the host that a client addresses.
    pub names: Vec<String>,
    /// How large fields may be.
    pub limits: Limits,
    /// How long an approve that is neither acked nor nacked waits until it is sent again.
    pub redelivery: Duration,
    /// How often what is over is looked for.
    pub sweep: Duration,
    /// Messages that wait in one room's mailbox.
    pub mailbox: usize,
    /// The largest message that a client may send, in bytes: what the transport takes, for clients to know.
    pub message: usize,
    /// New requests of one block of addresses.
    pub requests: Rate,
    /// What one user may have sent to other members.
    pub reach: ReachRate,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            limits: Limits::default(),
            redelivery: Duration::from_secs(30),
            sweep: Duration::from_secs(5),
            mailbox: 4096,
            message: 256 * 1024,
            requests: Rate::per_minute(30, 200),
            reach: ReachRate { per_second: 16 * 1024 * 1024, at_once: 128 * 1024 * 1024 },
        }
    }
}

/// What the flow's channels and endpoints share.
pub struct Flow {
    store: Store,
    sessions: Sessions,
    terms: FlowConfig,
    rooms: Arc<TopicRegistry<KeyRoom>>,
    inboxes: Arc<TopicRegistry<Inbox>>,
    /// Which connections are in which rooms.
    in_rooms: DashSet<(u64, Rid)>,
    /// How many requests have come from where.
    requests: AddressRate,
    /// How much users have sent to other members.
    reach: Reach,
    random: SystemRandom,
    /// What is certainly over, for whoever ends it for good.
    certainty: Certainty,
    metrics: FlowMetrics,
}

impl Flow {
    /// Sets the flow up.
    pub fn new(store: Store, sessions: Sessions, terms: FlowConfig) -> Arc<Self> {
        let requests = AddressRate::new(terms.requests, Grain::Block);
        let reach = Reach::new(terms.reach);
        Arc::new_cyclic(|flow| {
            let [for_rooms, for_inboxes, at_rooms, at_inboxes] = [(); 4].map(|()| flow.clone());
            let rooms = TopicRegistry::guarded(
                terms.mailbox,
                move |topic| KeyRoom::new(&for_rooms, topic),
                move |topic, client, params| entrance::to_room(&at_rooms, topic, client, params),
            );
            let inboxes = TopicRegistry::guarded(
                terms.mailbox,
                move |topic| Inbox::new(&for_inboxes, topic),
                move |topic, client, params| entrance::to_inbox(&at_inboxes, topic, client, params),
            );
            Self {
                store,
                sessions,
                terms,
                rooms,
                inboxes,
                in_rooms: DashSet::new(),
                requests,
                reach,
                random: SystemRandom::new(),
                certainty: Certainty::default(),
                metrics: FlowMetrics::default(),
            }
        })
    }

    /// The flow's topics.
    pub fn router(&self) -> Router {
        Router::default().route("room:*", Arc::clone(&self.rooms)).route("user:*", Arc::clone(&self.inboxes))
    }

    /// Other quotas, from now on.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.store.set_quotas(quotas);
    }

    /// Another size that the database may grow to, in bytes, from now on.
    pub fn set_max_store(&self, max_bytes: Option<u64>) {
        self.store.set_max_bytes(max_bytes);
    }

    /// Another rate of new requests, from now on.
    pub fn set_request_rate(&self, rate: Rate) {
        self.requests.change(rate);
    }

    /// Another rate of what one user may have sent to other members, from now on.
    pub fn set_reach(&self, rate: ReachRate) {
        self.reach.change(rate);
    }

    /// The name that the server tells a client who addressed this host: the one that is the host, else the first.
    fn server_name<'a>(&'a self, host: &'a str) -> &'a str {
        let names = &self.terms.names;
        let addressed = names.iter().find(|name| name.eq_ignore_ascii_case(host));
        addressed.or(names.first()).map_or(host, String::as_str)
    }

    /// Checks a proof that may be made for any of the server's names: first for the one that its client was told.
    fn check_proof(
        &self,
        told: &str,
        check: impl Fn(&str) -> Result<(), BadSignature>,
    ) -> Result<(), BadSignature> {
        let others = self.terms.names.iter().filter(|name| *name != told);
        others.fold(check(told), |checked, name| checked.or_else(|_| check(name)))
    }

    /// A nonce.
    fn random(&self) -> Fixed<32> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes).expect("a system that stops giving random numbers cannot run a server");
        Fixed(bytes)
    }

    /// Whether the connection of this join is in that room.
    fn is_in_room(&self, who: SubscriberId, rid: &Rid) -> bool {
        self.in_rooms.contains(&(who.connection, *rid))
    }

    /// Sends something to its user's connections that listen to the inbox, but for those that got it in its room.
    fn deliver_to_inbox(&self, uid: Uid, own: UserUpdate, except: HashSet<u64>) {
        self.inboxes.tell(&format!("user:{uid}"), move |inbox, cx| inbox.deliver(cx, &own, &except));
    }

    /// Tells everybody whom a change in a room concerns, from outside that room.
    fn spread(&self, rid: &Rid, notifications: Notifications) {
        // Nobody is woken for nothing.
        if notifications.is_nothing() {
            return;
        }
        let own = notifications.own.clone();
        let has_room = self.rooms.tell(&format!("room:{rid}"), move |room, cx| room.tell(cx, notifications));
        // Where the room runs it knows which connections are in it, and passes the rest on.
        if !has_room && let Some((uid, own)) = own {
            self.deliver_to_inbox(uid, own, HashSet::new());
        }
    }
}
