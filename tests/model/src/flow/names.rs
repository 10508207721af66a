//! Who there is, and the ids of what they send.

use std::fmt;

use vestibule_approve::{
    base64url::Fixed,
    frames::Id,
    rules::{Caller, Command, Policy},
    signed::{Hash, Rid, Uid},
};

/// The room.
pub const ROOM: Rid = Rid([100; 32]);
/// The newcomer, with two devices and one box key.
pub const BOB: Caller = Caller { uid: Uid([1; 32]), is_member: false };
/// The honest member. Where she did not create the room, no place among the approves is kept for
/// her.
pub const ALICE: Caller = Caller { uid: Uid([2; 32]), is_member: true };
/// A guest who asked for the room key and whom nobody approves.
pub const EVE: Caller = Caller { uid: Uid([3; 32]), is_member: false };
/// Who created the room and has not been seen since.
pub const FOUNDER: Caller = Caller { uid: Uid([4; 32]), is_member: true };

/// The key that Bob wants the room key sealed to.
pub const BOX: Hash = Hash([101; 32]);

/// One of the accounts of the hostile member.
pub fn mallory(account: u8) -> Caller {
    Caller { uid: Uid([200 + account; 32]), is_member: true }
}

/// One of Bob's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Device {
    /// The first.
    Phone,
    /// The second.
    Laptop,
}

impl Device {
    /// Both.
    pub const ALL: [Device; 2] = [Device::Phone, Device::Laptop];

    /// The id that it sends.
    pub fn id(self) -> Id {
        Fixed([10 + self as u8; 16])
    }
}

/// What one of Bob's devices asks: anew only after its last request has ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestName {
    /// Whose request it is.
    pub device: Device,
    /// How many that device made before.
    pub turn: u8,
}

impl RequestName {
    /// The id that the device chose.
    pub fn id(self) -> Id {
        id_of([20, self.device as u8, self.turn])
    }

    /// The request with this id, if it is one of Bob's.
    pub fn of_id(id: &Id) -> Option<Self> {
        let [20, device, turn, ..] = id.0 else { return None };
        Some(Self { device: *Device::ALL.get(usize::from(device))?, turn })
    }

    /// The frame of the request.
    pub fn command(self, exp: i64) -> Command {
        Command::Request {
            request_id: self.id(),
            device: self.device.id(),
            box_hash: BOX,
            digest: digest_of(&self.id()),
            exp,
        }
    }
}

impl fmt::Debug for RequestName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}#{}", self.device, self.turn)
    }
}

/// An approve of one of Bob's requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApproveName {
    /// A good one.
    Alice {
        /// What it answers.
        request: RequestName,
        /// How many she sent before that are over or that she has forgotten.
        attempt: u8,
    },
    /// Garbage.
    Mallory {
        /// What it answers.
        request: RequestName,
        /// From which account.
        account: u8,
    },
}

impl ApproveName {
    /// What it answers.
    pub fn request(self) -> RequestName {
        match self {
            Self::Alice { request, .. } | Self::Mallory { request, .. } => request,
        }
    }

    /// Whether it carries the room key.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Alice { .. })
    }

    /// Who sends it.
    pub fn by(self) -> Caller {
        match self {
            Self::Alice { .. } => ALICE,
            Self::Mallory { account, .. } => mallory(account),
        }
    }

    /// The id that the member chose.
    pub fn id(self) -> Id {
        let RequestName { device, turn } = self.request();
        match self {
            Self::Alice { attempt, .. } => id_of([30, device as u8, turn, attempt]),
            Self::Mallory { account, .. } => id_of([40, device as u8, turn, account]),
        }
    }

    /// The approve with this id, if it is for Bob.
    pub fn of_id(id: &Id) -> Option<Self> {
        let [kind, device, turn, last, ..] = id.0;
        let request = RequestName { device: *Device::ALL.get(usize::from(device))?, turn };
        match kind {
            30 => Some(Self::Alice { request, attempt: last }),
            40 => Some(Self::Mallory { request, account: last }),
            _ => None,
        }
    }

    /// When it expires. Each of Alice's lasts one tick longer, Mallory's for ever.
    pub fn exp(self) -> i64 {
        match self {
            Self::Alice { attempt, .. } => i64::from(attempt) + 1,
            Self::Mallory { .. } => i64::MAX,
        }
    }

    /// The frame of the approve.
    pub fn command(self) -> Command {
        Command::Approve {
            approve_id: self.id(),
            to: BOB.uid,
            request_id: self.request().id(),
            box_hash: BOX,
            digest: digest_of(&self.id()),
            exp: self.exp(),
        }
    }
}

impl fmt::Debug for ApproveName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alice { request, attempt } => write!(formatter, "Alice#{attempt} for {request:?}"),
            Self::Mallory { request, account } => write!(formatter, "Mallory#{account} for {request:?}"),
        }
    }
}

/// The id of Eve's request.
pub(super) fn id_of_eves() -> Id {
    id_of([50])
}

/// A request of a new user.
pub(super) fn request_of_a_newcomer(exp: i64) -> (Caller, Command) {
    let newcomer = Caller { uid: Uid([5; 32]), is_member: false };
    let (request_id, device) = (id_of([60]), id_of([61]));
    let ask = Command::Request {
        request_id,
        device,
        box_hash: Hash([103; 32]),
        digest: digest_of(&request_id),
        exp,
    };
    (newcomer, ask)
}

/// The card by which the hostile member would close the room.
pub(super) fn closing_card() -> Command {
    Command::Publish { version: 2, policy: Policy::Secret, digest: Hash([2; 32]), listed: None }
}

/// Eve's request.
pub(super) fn request_of_eve(exp: i64) -> Command {
    let (request_id, device) = (id_of_eves(), id_of([51]));
    Command::Request { request_id, device, box_hash: Hash([102; 32]), digest: digest_of(&request_id), exp }
}

fn id_of<const N: usize>(start: [u8; N]) -> Id {
    let mut id = [0; 16];
    id[..N].copy_from_slice(&start);
    Fixed(id)
}

/// As good as a hash: an id stands for one frame here.
fn digest_of(id: &Id) -> Hash {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(id.as_bytes());
    Hash(digest)
}
