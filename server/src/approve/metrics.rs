//! The flow's metrics: events that it counts, and totals that a census of the store finds.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use prometheus_client::{
    metrics::{
        counter::Counter,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use strum::{EnumCount as _, VariantNames};
use vestibule_approve::{
    ids::Seq,
    refusal::{Reason, Refusal},
};
use vestibule_channels::metrics::LabelledMetric;
use vestibule_store::{Census, Clock};

/// How old a census may be: it reads every open request.
const CENSUS_EVERY_MS: i64 = 5000;

/// The result of a sign-in.
#[derive(Clone, Copy, Debug)]
pub(super) enum SignIn {
    /// The server issued a token.
    Done,
    /// The challenge is unknown, expired, or was used before.
    StaleNonce,
    /// The signature is wrong.
    BadSig,
    /// The login that came with the proof is not valid, or too large.
    BadLogin,
}

/// The result of a round of the sweep.
#[derive(Clone, Copy, Debug)]
pub(super) enum Round {
    /// Everything that had expired was ended.
    Done,
    /// The store failed.
    Failed,
    /// The time of day is not trusted, so nothing was ended.
    Held,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct FlowMetrics {
    sign_ins: LabelledMetric<Counter, 4>,
    sweeps: LabelledMetric<Counter, 3>,
    pub(super) swept: Counter,
    pub(super) redeliveries: Counter,
    refusals: LabelledMetric<Counter, { Reason::COUNT }>,
    fan_out: Counter,
    fan_out_limited: Counter,
    delivery: Histogram,
    running: LabelledMetric<Gauge, 2>,
    rooms: Gauge,
    pending: Gauge,
    oldest_pending: Gauge<f64, std::sync::atomic::AtomicU64>,
    approves: Gauge,
    bytes: Gauge,
    free_bytes: Gauge,
    /// When the last census was, in Unix milliseconds.
    census_at: AtomicI64,
    clock: Clock,
}

impl FlowMetrics {
    pub(super) fn new(clock: Clock) -> Self {
        let reasons = <Reason as VariantNames>::VARIANTS.try_into().expect("as many names as reasons");
        Self {
            sign_ins: LabelledMetric::labelled("result", ["done", "stale_nonce", "bad_sig", "bad_login"]),
            sweeps: LabelledMetric::labelled("result", ["done", "failed", "held"]),
            swept: Counter::default(),
            redeliveries: Counter::default(),
            refusals: LabelledMetric::labelled("reason", reasons),
            fan_out: Counter::default(),
            fan_out_limited: Counter::default(),
            delivery: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            running: LabelledMetric::labelled("kind", ["room", "inbox"]),
            rooms: Gauge::default(),
            pending: Gauge::default(),
            oldest_pending: Gauge::default(),
            approves: Gauge::default(),
            bytes: Gauge::default(),
            free_bytes: Gauge::default(),
            census_at: AtomicI64::new(0),
            clock,
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.refusals.register(registry, "refusals", "Refused requests of clients, by reason");
        self.sign_ins.register(registry, "sign_ins", "Answers to challenges, by result");
        self.sweeps.register(registry, "sweeps", "Rounds of ending what has expired, by result");
        registry.register(
            "swept",
            "Requests and approves ended because they had expired",
            self.swept.clone(),
        );
        registry.register(
            "redeliveries",
            "Approves sent again because they were neither acked nor nacked",
            self.redeliveries.clone(),
        );
        registry.register_with_unit(
            "fan_out",
            "Bytes times recipients of messages that members sent to others, as the limit counts them",
            Unit::Bytes,
            self.fan_out.clone(),
        );
        registry.register(
            "fan_out_limited",
            "Messages refused because their sender had sent too much to others",
            self.fan_out_limited.clone(),
        );
        registry.register_with_unit(
            "delivery",
            "Time from the decision about a frame until it was in its recipient's outbox, for recipients online",
            Unit::Seconds,
            self.delivery.clone(),
        );
        self.running.register(
            registry,
            "rooms_running",
            "Rooms that run and inboxes that somebody has joined, by kind; resting rooms do not count",
        );
        registry.register("rooms_stored", "Rooms in the database", self.rooms.clone());
        registry.register("requests_pending", "Open requests that nobody has approved", self.pending.clone());
        registry.register_with_unit(
            "oldest_pending_request_age",
            "How long the oldest request that nobody has approved has waited; 0 if there is none",
            Unit::Seconds,
            self.oldest_pending.clone(),
        );
        registry.register(
            "approves_waiting",
            "Approves that wait for their requesters",
            self.approves.clone(),
        );
        registry.register_with_unit("database", "The size of the database", Unit::Bytes, self.bytes.clone());
        registry.register_with_unit(
            "disk_free",
            "Free space on the disk of the database",
            Unit::Bytes,
            self.free_bytes.clone(),
        );
    }

    /// Counts a refusal that a client is told.
    pub(super) fn refused(&self, refusal: &Refusal) {
        self.refusals[refusal.reason.index()].inc();
    }

    pub(super) fn signed_in(&self, result: SignIn) {
        self.sign_ins[result as usize].inc();
    }

    pub(super) fn swept_over(&self, round: Round) {
        self.sweeps[round as usize].inc();
    }

    /// Counts a message to other members: its cost if it was admitted.
    pub(super) fn fan_out(&self, bytes: Option<usize>) {
        match bytes {
            Some(bytes) => self.fan_out.inc_by(bytes as u64),
            None => self.fan_out_limited.inc(),
        };
    }

    /// Observes the time from the decision with this seq until now. A seq is the time of the
    /// decision in microseconds.
    pub(super) fn delivered(&self, seq: Seq) {
        let micros = u64::try_from(self.clock.now_us().0 - seq.0).unwrap_or_default();
        self.delivery.observe(Duration::from_micros(micros).as_secs_f64());
    }

    pub(super) fn set_running(&self, rooms: usize, inboxes: usize) {
        for (kind, count) in [rooms, inboxes].into_iter().enumerate() {
            self.running[kind].set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    pub(super) fn set(&self, census: &Census) {
        let ms = u64::try_from(census.oldest_pending_ms).unwrap_or_default();
        self.oldest_pending.set(Duration::from_millis(ms).as_secs_f64());
        self.rooms.set(census.rooms);
        self.pending.set(census.pending);
        self.approves.set(census.approves);
        self.bytes.set(census.bytes);
        self.free_bytes.set(census.free_bytes);
    }

    /// Whether it is time for a census. If so, the caller takes it: nobody else is told the same.
    pub(super) fn is_census_due(&self) -> bool {
        let (now, last) = (self.clock.now_ms(), self.census_at.load(Ordering::Relaxed));
        let is_due = !(0..CENSUS_EVERY_MS).contains(&now.saturating_sub(last));
        is_due && self.census_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
