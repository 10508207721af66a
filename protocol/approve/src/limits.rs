//! How large the flow's fields may be, and how much of everything there may be. The defaults are
//! those of `docs/protocol.md`; an operator may set others.

use serde::Serialize;

/// The longest name of an algorithm that the server does not know, in bytes.
pub const ALG_BYTES: usize = 64;
/// The longest public signing key, in bytes.
pub const SIGN_PUB_BYTES: usize = 65;
/// The longest code of a denial, in bytes.
pub const CODE_BYTES: usize = 64;
/// How many items a page of a list holds.
pub const PAGE: i64 = 50;
/// How far ahead of the server's clock a card's version may lie, read as Unix milliseconds: a
/// version grows by one or follows the clock, and whoever publishes the largest that is allowed can
/// be followed a moment later.
pub const VERSION_AHEAD_MS: i64 = DAY_MS;
/// One room takes at most one part in so many of all open requests.
pub const ROOM_SHARE: usize = 10;
/// One user takes at most one part in so many of all open requests.
pub const USER_SHARE: usize = 100;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How large fields may be. A join tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The longest note of a request, in characters (Unicode scalar values).
    pub note: usize,
    /// The longest name of a room, in characters.
    pub name: usize,
    /// The largest ciphertext of an approve, in bytes: a post-quantum encapsulation fits.
    pub ct: usize,
    /// The largest box public key, in bytes.
    pub box_pub: usize,
    /// How far ahead an `exp` may lie, in milliseconds.
    pub exp_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { note: 280, name: 80, ct: 16 * 1024, box_pub: 4096, exp_ms: 30 * DAY_MS }
    }
}

/// How many of everything there may be, and how long things last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Open requests of one user in one room.
    pub open_per_user_in_room: usize,
    /// Requests of one user in all rooms, open or remembered.
    pub requests_per_user: usize,
    /// Open requests of one room.
    pub open_per_room: usize,
    /// Denied requests of one room that are kept because a member may still approve them.
    pub denied_per_room: usize,
    /// Open requests in all rooms together. One room and one user take no more than their
    /// [share](Quotas::room_share).
    pub open_in_all: usize,
    /// Devices registered with one request.
    pub devices_per_request: usize,
    /// Rooms created by one user.
    pub rooms_per_user: usize,
    /// Live approves of one request.
    pub approves_per_request: usize,
    /// Approves of one request by one approver that may turn out bad.
    pub nacks_per_approver: usize,
    /// How long who was denied has to wait, in milliseconds.
    pub cooldown_ms: i64,
    /// How long after its first ack a request waits for the other devices, in milliseconds.
    pub devices_ms: i64,
    /// How long a finished request is remembered at the most, in milliseconds.
    pub memory_ms: i64,
    /// How long a notice is kept, in milliseconds.
    pub notices_ms: i64,
}

impl Quotas {
    /// Open requests of one room, which may not take the places of all others.
    pub fn room_share(&self) -> usize {
        self.open_per_room.min((self.open_in_all / ROOM_SHARE).max(1))
    }

    /// Open requests of one user in all rooms.
    pub fn user_share(&self) -> usize {
        self.requests_per_user.min((self.open_in_all / USER_SHARE).max(1))
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            open_per_user_in_room: 8,
            requests_per_user: 256,
            open_per_room: 1000,
            denied_per_room: 1000,
            open_in_all: 100_000,
            devices_per_request: 16,
            rooms_per_user: 100,
            approves_per_request: 8,
            nacks_per_approver: 3,
            cooldown_ms: DAY_MS,
            devices_ms: 7 * DAY_MS,
            memory_ms: DAY_MS,
            notices_ms: 30 * DAY_MS,
        }
    }
}
