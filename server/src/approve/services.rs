//! What the flow's channels and endpoints share.

use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};
use vestibule_approve::base64url::Fixed;
use vestibule_channels::transport::{AddressRate, Grain};
use vestibule_store::{Clock, Store, clock::Certainty};

use super::{
    auth::Auth, config::FlowConfig, fan_out_limit::FanOutLimit, joined_rooms::JoinedRooms,
    metrics::FlowMetrics,
};

/// The store, sign-in, limits, counters and the clock. Knows no topics.
pub struct Services {
    pub(super) store: Store,
    pub(super) auth: Auth,
    pub(super) config: FlowConfig,
    pub(super) clock: Clock,
    /// Counts new requests by block of addresses.
    pub(super) new_requests: AddressRate,
    /// Counts what users send to other members.
    pub(super) fan_out: FanOutLimit,
    pub(super) joined_rooms: JoinedRooms,
    /// Says what has certainly expired.
    pub(super) certainty: Certainty,
    pub(super) metrics: FlowMetrics,
    random: SystemRandom,
}

impl Services {
    pub(super) fn new(store: Store, auth: Auth, config: FlowConfig, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            store,
            auth,
            new_requests: AddressRate::new(config.new_requests, Grain::Block),
            fan_out: FanOutLimit::new(config.fan_out),
            joined_rooms: JoinedRooms::default(),
            certainty: Certainty::new(clock.clone()),
            metrics: FlowMetrics::new(clock.clone()),
            random: SystemRandom::new(),
            config,
            clock,
        })
    }

    /// A nonce for a join.
    pub(super) fn nonce(&self) -> Fixed<32> {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes).expect("a system that stops giving random numbers cannot run a server");
        Fixed(bytes)
    }
}
