//! The size of the small world, and its flaws.

use vestibule_approve::limits::Quotas;

/// The size of the world. Time counts in ticks.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says of somebody whether they do something")]
pub struct Scope {
    /// How many of Bob's devices make requests.
    pub devices: usize,
    /// How many requests each may make.
    pub turns: u8,
    /// How many bad approves the hostile member may send, each from another account.
    pub garbage: u8,
    /// Whether the hostile member denies and blocks, as often as they like.
    pub denies: bool,
    /// Whether the hostile member also lifts denials.
    pub unblocks: bool,
    /// Whether Bob may withdraw.
    pub withdraws: bool,
    /// Whether an operator ends requests before their time.
    pub operator_ends: bool,
    /// Whether the hostile member publishes cards that close the room.
    pub closes: bool,
    /// Whether a member denies Eve, who holds a place.
    pub denies_eve: bool,
    /// Whether Alice created the room, so that a place among the approves is kept for her.
    pub alice_created: bool,
    /// With how many live approves a client that approves automatically stops, unless its user
    /// created the room. Three in the reference client; fewer make it harder for Bob.
    pub enough: usize,
    /// How often Alice's client may crash and forget which approves it sent.
    pub alice_crashes: u8,
    /// When requests expire. Alice's approves expire after the first tick, the second…
    pub request_exp: i64,
    /// The last tick.
    pub end: i64,
    /// The quotas.
    pub quotas: Quotas,
}

impl Scope {
    /// Small enough for every test run: up to the last tick before requests expire.
    pub fn small() -> Self {
        let quotas = Quotas {
            open_per_room: 3,
            approves_per_request: 2,
            nacks_per_approver: 1,
            // No denial ends before the request that it denies.
            cooldown_ms: 10,
            devices_ms: 1,
            ..Quotas::default()
        };
        Self {
            devices: 2,
            turns: 1,
            garbage: 2,
            denies: true,
            unblocks: false,
            withdraws: true,
            operator_ends: false,
            closes: false,
            denies_eve: false,
            alice_created: false,
            enough: 1,
            alice_crashes: 0,
            request_exp: 2,
            end: 1,
            quotas,
        }
    }

    /// Small in other respects: fewer attacks, Alice's client crashes, and requests expire.
    pub fn to_the_end() -> Self {
        Self { garbage: 1, alice_crashes: 1, end: 2, ..Self::small() }
    }

    /// One device, which makes a new request when its denial or its request is over.
    pub fn impatient() -> Self {
        let mut scope = Self { devices: 1, turns: 2, garbage: 1, request_exp: 3, end: 3, ..Self::small() };
        scope.quotas.cooldown_ms = 1;
        scope
    }

    /// Larger: both devices make new requests when theirs have ended.
    pub fn large_and_patient() -> Self {
        Self { garbage: 1, turns: 2, ..Self::small() }
    }

    /// Larger: all attacks of the small world, and Alice's client crashes.
    pub fn large_and_hostile() -> Self {
        Self { alice_crashes: 1, ..Self::small() }
    }

    /// Very small: one device and few attacks.
    fn tiny() -> Self {
        Self { devices: 1, garbage: 0, denies: false, withdraws: false, ..Self::small() }
    }

    /// The hostile member tries to close the room.
    pub fn closing() -> Self {
        Self { closes: true, ..Self::tiny() }
    }

    /// The room has one place, which Eve holds until a member denies her.
    pub fn full() -> Self {
        let mut scope = Self { denies_eve: true, denies: true, unblocks: true, ..Self::tiny() };
        scope.quotas.open_per_room = 1;
        scope
    }

    /// Garbage comes first, from more accounts than there are slots, and Alice created the room.
    pub fn garbage_first() -> Self {
        Self { alice_created: true, garbage: 3, ..Self::tiny() }
    }

    /// How often Alice may have to approve one request: her approves end, and she forgets some.
    pub(super) fn attempts(&self) -> u8 {
        u8::try_from(self.end).expect("few ticks") + 1 + self.alice_crashes
    }
}

/// A flaw of the server or the clients. The rules stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The server answers before the commit is on the disk.
    AnswersBeforeCommit,
    /// The first approve wins: others are refused, although the first may be bad.
    FirstApproveWins,
    /// Devices ack before they have saved.
    AcksBeforeSaving,
    /// The ack of one device ends the request for all.
    OneAckClosesForAll,
    /// A nack leaves the request approved.
    NackDoesNotReopen,
    /// A denial cannot be overruled.
    DenialIsFinal,
    /// A device that has the key acks every approve without opening it.
    AcksUnopened,
    /// Any member changes the room's policy.
    AnybodyCloses,
    /// A denied request keeps its place among the open ones.
    DenialKeepsPlace,
    /// Clients that approve automatically skip an approved request, even the creator's.
    FirstApprovalSilences,
}
