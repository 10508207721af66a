//! How large the small world is, and what may be wrong with it.

use vestibule_approve::limits::Quotas;

/// How large the world is. Time counts in ticks.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says of somebody whether they do something")]
pub struct Scope {
    /// The devices of Bob's that ask.
    pub devices: usize,
    /// How many requests each may make.
    pub turns: u8,
    /// How many bad approves the hostile member may send, each from another account.
    pub garbage: u8,
    /// Whether the hostile member denies and blocks, as often as they like.
    pub denies: bool,
    /// Whether the hostile member also lifts denials.
    pub unblocks: bool,
    /// Whether Bob may take his requests back.
    pub withdraws: bool,
    /// Whether an operator ends requests before their time.
    pub operator_ends: bool,
    /// Whether the hostile member publishes cards that close the room.
    pub closes: bool,
    /// Whether a member denies Eve, who holds a place.
    pub denies_eve: bool,
    /// Whether Alice created the room, so that a place among the approves is kept for her.
    pub alice_created: bool,
    /// How many approves that wait are enough for a client that approves by itself, unless its user
    /// created the room. Three in the reference client; the fewer, the harder it is for Bob.
    pub enough: usize,
    /// How often Alice's client may crash and forget which approves it sent.
    pub alice_crashes: u8,
    /// When requests end, and with them all that is of interest. Alice's approves end after the
    /// first tick, the second…
    pub request_exp: i64,
    /// The last tick.
    pub end: i64,
    /// The quotas.
    pub quotas: Quotas,
}

impl Scope {
    /// Small enough for every test run: up to the last moment before requests end.
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

    /// Small in other respects: less is hostile, Alice's client crashes, and requests come to their
    /// end.
    pub fn to_the_end() -> Self {
        Self { garbage: 1, alice_crashes: 1, end: 2, ..Self::small() }
    }

    /// One device, which asks anew when its denial or its request is over.
    pub fn impatient() -> Self {
        let mut scope = Self { devices: 1, turns: 2, garbage: 1, request_exp: 3, end: 3, ..Self::small() };
        scope.quotas.cooldown_ms = 1;
        scope
    }

    /// Larger: both devices ask anew when their requests have ended.
    pub fn large_and_patient() -> Self {
        Self { garbage: 1, turns: 2, ..Self::small() }
    }

    /// Larger: as much is hostile as in the small world, and Alice's client crashes.
    pub fn large_and_hostile() -> Self {
        Self { alice_crashes: 1, ..Self::small() }
    }

    /// Very small: one device, and less of what the other worlds look at.
    fn tiny() -> Self {
        Self { devices: 1, garbage: 0, denies: false, withdraws: false, ..Self::small() }
    }

    /// The hostile member would close the room.
    pub fn closing() -> Self {
        Self { closes: true, ..Self::tiny() }
    }

    /// The room has one place, which Eve holds until a member denies her.
    pub fn full() -> Self {
        let mut scope = Self { denies_eve: true, denies: true, unblocks: true, ..Self::tiny() };
        scope.quotas.open_per_room = 1;
        scope
    }

    /// Garbage comes first, from more accounts than there are places, and Alice created the room.
    pub fn garbage_first() -> Self {
        Self { alice_created: true, garbage: 3, ..Self::tiny() }
    }

    /// How often Alice may have to approve one request: her approves end, and she forgets some.
    pub(super) fn attempts(&self) -> u8 {
        u8::try_from(self.end).expect("few ticks") + 1 + self.alice_crashes
    }
}

/// What is wrong with the server or the clients. The rules stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The server answers before the commit is on the disk.
    AnswersBeforeCommit,
    /// The first approve wins: another is refused, and nobody says whether the first was any good.
    FirstApproveWins,
    /// Devices acknowledge what they have not saved yet.
    AcksBeforeSaving,
    /// The ack of one device ends the request for all.
    OneAckClosesForAll,
    /// A nack leaves the request approved.
    NackDoesNotReopen,
    /// A denial cannot be overruled.
    DenialIsFinal,
    /// A device that has the key acknowledges whatever is sent to it, unopened.
    AcksUnopened,
    /// Any member changes the room's policy.
    AnybodyCloses,
    /// A denied request keeps its place among the open ones.
    DenialKeepsPlace,
    /// Who approves by themselves leaves alone what somebody has approved, the creator too.
    FirstApprovalSilences,
}
