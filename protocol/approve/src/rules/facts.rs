//! Facts: what the rules need to know of the store.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::{
    frames::Id,
    ids::{Hash, Seq, Uid},
};

/// What the rules need to know of the store. Each command needs a part; the rest keeps its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The room's published card. For `Publish`, `HandOver`, `Appoint`, `Request` and `Approve`.
    pub room: Option<RoomFacts>,
    /// The request that the command or its approve names, of the user whose it is.
    pub request: Option<RequestFacts>,
    /// Another open request of the same user for the same box key. For `Request`.
    pub same_box: Option<RequestFacts>,
    /// The devices registered with `request`, or with `same_box` if there is none. For `Request`
    /// and `Ack`.
    pub devices: Vec<DeviceFacts>,
    /// The approve that the command names.
    pub approve: Option<ApproveFacts>,
    /// All approves of `request`. For `Approve`, `Nack`, `Lapse` and `Revoke`.
    pub approves: Vec<ApproveFacts>,
    /// The last denial of the newcomer in this room. For `Request`, `Deny`, `Unblock` and `Expire`.
    pub denial: Option<DenialFacts>,
    /// The usage of quotas. For `Request`, `Publish` and `Deny`.
    pub usage: Usage,
}

/// A published card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoomFacts {
    /// Its version.
    pub version: u64,
    /// Its policy.
    pub policy: Policy,
    /// The hash of its signed bytes.
    pub digest: Hash,
    /// The room's creator, if known: the publisher of its first card, unless the role was handed
    /// over.
    pub creator: Option<Uid>,
    /// Whether the directory lists the room, if its policy allows that.
    pub is_listed: bool,
}

/// The state of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// Nobody has approved it yet.
    Pending,
    /// A member approved it, and devices of the newcomer still wait for the key.
    Approved,
    /// All devices of the newcomer have the key, or had their time.
    Done,
    /// A member denied it.
    Denied,
    /// The newcomer withdrew it.
    Withdrawn,
    /// It expired.
    Expired,
}

/// A stored request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestFacts {
    /// Its id.
    pub request_id: Id,
    /// The state.
    pub state: RequestState,
    /// Whether its frame is kept, so that a member can still approve it.
    pub is_kept: bool,
    /// The hash of its box key.
    pub box_hash: Hash,
    /// The hash of its signed bytes.
    pub digest: Hash,
    /// When it expires, in Unix milliseconds.
    pub exp: i64,
    /// When a device first saved the key, in Unix milliseconds.
    pub first_ack: Option<i64>,
    /// The seq it was stored with.
    pub seq: Seq,
}

impl RequestFacts {
    /// Whether the newcomer still waits: pending or approved.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, RequestState::Pending | RequestState::Approved)
    }

    /// Whether a member can still approve it.
    pub(super) fn can_be_approved(&self, now: i64) -> bool {
        self.exp > now && self.is_kept && (self.is_open() || self.state == RequestState::Denied)
    }
}

/// A device registered with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceFacts {
    /// The device's id.
    pub device: Id,
    /// Whether it has saved the key.
    pub has_acked: bool,
}

/// The state of an approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApproveState {
    /// It waits for the newcomer.
    Live,
    /// The newcomer saved its key.
    Saved,
    /// The newcomer could not use it.
    Nacked,
    /// It is not needed any more.
    Dropped,
}

/// A stored approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApproveFacts {
    /// Its id.
    pub approve_id: Id,
    /// The approver.
    pub by: Uid,
    /// The newcomer.
    pub to: Uid,
    /// The hash of its signed bytes.
    pub digest: Hash,
    /// The state.
    pub state: ApproveState,
    /// Whether a device has saved its key, so it is good.
    pub is_acked: bool,
    /// When it expires, in Unix milliseconds.
    pub exp: i64,
    /// The seq it was stored with.
    pub seq: Seq,
}

impl ApproveFacts {
    pub(super) fn is_live(&self, now: i64) -> bool {
        self.state == ApproveState::Live && self.exp > now
    }
}

/// A denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DenialFacts {
    /// When it ends, in Unix milliseconds, unless it is a block.
    pub until: i64,
    /// Whether it is a block, which holds until a member lifts it.
    pub is_block: bool,
}

impl DenialFacts {
    pub(super) fn holds(&self, now: i64) -> bool {
        self.is_block || self.until > now
    }
}

/// The usage of [`Quotas`](crate::limits::Quotas). Counting may stop at the quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Open requests of the caller in the room.
    pub open_of_user_in_room: usize,
    /// Open requests of the caller in all rooms.
    pub open_of_user: usize,
    /// Requests of the caller in all rooms, open or remembered.
    pub requests_of_user: usize,
    /// Open requests in the room.
    pub open_in_room: usize,
    /// Denied requests in the room whose frames are kept.
    pub denied_in_room: usize,
    /// Open requests in all rooms.
    pub open_in_all: usize,
    /// Rooms that the caller created.
    pub rooms_of_user: usize,
}
