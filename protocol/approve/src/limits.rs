//! Limits of the flow's fields, and quotas. The defaults are those of `docs/protocol.md`;
//! operators can change them.

use serde::Serialize;

/// The longest name of an algorithm that the server does not interpret, in bytes.
pub const ALG_BYTES: usize = 64;
/// The longest public signing key, in bytes.
pub const SIGN_PUB_BYTES: usize = 65;
/// The longest code of a denial, in bytes.
pub const CODE_BYTES: usize = 64;
/// The most items in a page of a list.
pub const PAGE: i64 = 50;
/// How far a card's version, read as Unix milliseconds, may lie ahead of the server's clock. A
/// version grows by one or follows the clock, so that a card with the largest version allowed can
/// be replaced a moment later.
pub const VERSION_AHEAD_MS: i64 = DAY_MS;
/// One room may have at most one in so many of all open requests.
pub const ROOM_SHARE: usize = 10;
/// One user may have at most one in so many of all open requests.
pub const USER_SHARE: usize = 100;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The largest sizes of fields. Clients learn them with a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FieldLimits {
    /// The longest note of a request, in characters (Unicode scalar values).
    pub note: usize,
    /// The longest name of a room, in characters.
    pub name: usize,
    /// The largest ciphertext of an approve, in bytes. A post-quantum encapsulation fits.
    pub ct: usize,
    /// The largest box public key, in bytes.
    pub box_pub: usize,
    /// How far ahead an `exp` may lie, in milliseconds.
    pub exp_ms: i64,
}

impl Default for FieldLimits {
    fn default() -> Self {
        Self { note: 280, name: 80, ct: 16 * 1024, box_pub: 4096, exp_ms: 30 * DAY_MS }
    }
}

/// How much may be stored, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Open requests of one user in one room.
    pub open_per_user_in_room: usize,
    /// Requests of one user in all rooms, open or remembered.
    pub requests_per_user: usize,
    /// Open requests of one room.
    pub open_per_room: usize,
    /// Denied requests of one room that are kept so that a member may still approve them.
    pub denied_per_room: usize,
    /// Open requests in all rooms together. One room or one user may have only a
    /// [share](Quotas::room_share).
    pub open_in_all: usize,
    /// Devices registered with one request.
    pub devices_per_request: usize,
    /// Rooms created by one user.
    pub rooms_per_user: usize,
    /// Live approves of one request.
    pub approves_per_request: usize,
    /// Nacked approves of one request by one approver.
    pub nacks_per_approver: usize,
    /// How long a denied user must wait, in milliseconds.
    pub cooldown_ms: i64,
    /// How long after its first ack a request waits for the other devices, in milliseconds.
    pub devices_ms: i64,
    /// How long a finished request is remembered, in milliseconds.
    pub memory_ms: i64,
    /// How long a notice is kept, in milliseconds.
    pub notices_ms: i64,
}

impl Quotas {
    /// The most open requests of one room, so that it leaves some to others.
    pub fn room_share(&self) -> usize {
        self.open_per_room.min((self.open_in_all / ROOM_SHARE).max(1))
    }

    /// The most open requests of one user in all rooms, so that they leave some to others.
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
