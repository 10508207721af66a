//! What the store knows that bears on a command.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::{
    frames::Id,
    ids::{Hash, Seq, Uid},
};

/// What the store knows that bears on a command. Each command needs some of it; the rest is left at
/// its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The room's published card. For [`Publish`](super::Command::Publish),
    /// [`HandOver`](super::Command::HandOver), [`Appoint`](super::Command::Appoint),
    /// [`Request`](super::Command::Request) and [`Approve`](super::Command::Approve).
    pub room: Option<RoomFacts>,
    /// The request that the command (or the approve it names) is about: by id, of the user it
    /// belongs to.
    pub request: Option<RequestFacts>,
    /// Another open request of the same user for the same box key. For a request.
    pub same_box: Option<RequestFacts>,
    /// The devices registered with `request`, or with `same_box` where there is none. For a request
    /// and an ack.
    pub devices: Vec<DeviceFacts>,
    /// The approve that the command names.
    pub approve: Option<ApproveFacts>,
    /// All approves of `request`. For an approve, a nack and a lapse.
    pub approves: Vec<ApproveFacts>,
    /// The last denial of the newcomer in this room. For a request, a denial,
    /// [`Unblock`](super::Command::Unblock) and [`Expire`](super::Command::Expire).
    pub denial: Option<DenialFacts>,
    /// What is there already. For a request, a card and a denial.
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
    /// The room's creator, where one is known: who published its first card, unless the role was
    /// handed over.
    pub creator: Option<Uid>,
    /// Whether the directory lists the room, if its policy allows that.
    pub is_listed: bool,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestState {
    /// Nobody has approved it yet.
    Pending,
    /// Approved, and not yet saved by the newcomer.
    Approved,
    /// The newcomer has the key.
    Done,
    /// A member said no.
    Denied,
    /// The newcomer took it back.
    Withdrawn,
    /// Its time is over.
    Expired,
}

/// A stored request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestFacts {
    /// Its id.
    pub request_id: Id,
    /// Where it stands.
    pub state: RequestState,
    /// Whether its frame is kept, so that somebody can still approve it.
    pub is_kept: bool,
    /// The hash of its box key.
    pub box_hash: Hash,
    /// The hash of its signed bytes.
    pub digest: Hash,
    /// When it ends.
    pub exp: i64,
    /// When a device first had the key.
    pub first_ack: Option<i64>,
    /// The seq it was stored with.
    pub seq: Seq,
}

impl RequestFacts {
    /// Whether the newcomer still waits: pending or approved.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, RequestState::Pending | RequestState::Approved)
    }

    /// Whether an approve is still of use.
    pub(super) fn can_be_approved(&self, now: i64) -> bool {
        self.exp > now && self.is_kept && (self.is_open() || self.state == RequestState::Denied)
    }
}

/// A device that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceFacts {
    /// Which.
    pub device: Id,
    /// Whether it has the key.
    pub has_acked: bool,
}

/// Where an approve stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApproveState {
    /// It waits for the newcomer.
    Live,
    /// The newcomer saved the key it carried.
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
    /// Where it stands.
    pub state: ApproveState,
    /// Whether a device has the key from it: it is good.
    pub is_acked: bool,
    /// When it ends.
    pub exp: i64,
    /// The seq it was stored with.
    pub seq: Seq,
}

impl ApproveFacts {
    pub(super) fn is_live(&self, now: i64) -> bool {
        self.state == ApproveState::Live && self.exp > now
    }
}

/// A member's no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DenialFacts {
    /// Until when the newcomer is asked to wait.
    pub until: i64,
    /// Whether it holds until a member lifts it.
    pub is_block: bool,
}

impl DenialFacts {
    pub(super) fn holds(&self, now: i64) -> bool {
        self.is_block || self.until > now
    }
}

/// How much there is of what is limited by [`Quotas`](crate::limits::Quotas). May stop counting at
/// the quota.
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
