//! The possible steps. Numbers name people, devices, rooms and frames, modulo how many there are.

use proptest::prelude::*;
use proptest::sample::select;
use vestibule_approve::frames::Policy;

/// One of the seats at which a device may be connected: two for each user.
pub(crate) type SeatNumber = usize;

/// One step of a case.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A device joins a room anew, as a guest or as a member.
    Enter { seat: SeatNumber, room: usize, as_member: bool },
    /// A device joins its user's inbox anew.
    Listen { seat: SeatNumber },
    /// A device leaves a room.
    Leave { seat: SeatNumber, room: usize },
    /// A device's connection breaks.
    Hang { seat: SeatNumber },
    /// A user does something and waits for the answer.
    Do(Operation),
    /// A user does something, the server is killed before or after it arrives, and the user repeats
    /// it.
    Interrupted(Operation),
    /// The server is killed between two steps.
    Kill,
    /// The frame that expires soon does.
    Elapse,
}

/// An action, and the seat of its sender. Numbers of requests and approves are indices among all
/// that were made.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) seat: SeatNumber,
    /// Whether the sender of a member's action proves the key first.
    pub(crate) as_member: bool,
    /// Whether the action is sent to the inbox, if it can be.
    pub(crate) in_inbox: bool,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Publish {
        room: usize,
        step: u64,
        policy: Policy,
    },
    Ask {
        room: usize,
        box_key: usize,
        is_short: bool,
    },
    AskAgain {
        request: usize,
    },
    AskOtherwise {
        request: usize,
    },
    Approve {
        request: usize,
        fits: bool,
        is_short: bool,
    },
    ApproveAgain {
        approve: usize,
    },
    ApproveOtherwise {
        approve: usize,
    },
    Deny {
        request: usize,
        block: bool,
    },
    Unblock {
        request: usize,
    },
    /// Of the seat's own user if `is_own`, else of any user who has asked.
    Withdraw {
        request: usize,
        is_own: bool,
    },
    Ack {
        approve: usize,
        is_own: bool,
    },
    Nack {
        approve: usize,
        is_own: bool,
    },
}

impl Action {
    /// Whether its frame expires soon.
    pub(crate) fn is_short(&self) -> bool {
        matches!(self, Self::Ask { is_short: true, .. } | Self::Approve { is_short: true, .. })
    }

    /// The same action, expiring late.
    pub(crate) fn lasting(self) -> Self {
        match self {
            Self::Ask { room, box_key, .. } => Self::Ask { room, box_key, is_short: false },
            Self::Approve { request, fits, .. } => Self::Approve { request, fits, is_short: false },
            other => other,
        }
    }
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let (seat, room) = (0..6_usize, 0..2_usize);
    let enter = (seat.clone(), room.clone(), any::<bool>());
    prop_oneof![
        8 => enter.prop_map(|(seat, room, as_member)| Step::Enter { seat, room, as_member }),
        4 => seat.clone().prop_map(|seat| Step::Listen { seat }),
        2 => (seat.clone(), room).prop_map(|(seat, room)| Step::Leave { seat, room }),
        2 => seat.prop_map(|seat| Step::Hang { seat }),
        60 => operation().prop_map(Step::Do),
        1 => operation().prop_map(Step::Interrupted),
        1 => Just(Step::Kill),
        1 => Just(Step::Elapse),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    (0..6_usize, mostly(), any::<bool>(), action())
        .prop_map(|(seat, as_member, in_inbox, action)| Operation { seat, as_member, in_inbox, action })
}

fn action() -> impl Strategy<Value = Action> {
    let room = prop_oneof![9 => Just(0_usize), 1 => Just(1_usize)];
    let policy = select(&[Policy::Open, Policy::Request, Policy::Request, Policy::Request, Policy::Secret]);
    // The latest ones matter most.
    let place = prop_oneof![3 => 0..3_usize, 1 => 0..20_usize];
    let is_short = proptest::bool::weighted(0.1);
    prop_oneof![
        1 => (0..2_usize, 0..3_u64, policy).prop_map(|(room, step, policy)| Action::Publish { room, step, policy }),
        8 => (room, 0..2_usize, is_short)
            .prop_map(|(room, box_key, is_short)| Action::Ask { room, box_key, is_short }),
        3 => place.clone().prop_map(|request| Action::AskAgain { request }),
        1 => place.clone().prop_map(|request| Action::AskOtherwise { request }),
        12 => (place.clone(), mostly(), is_short)
            .prop_map(|(request, fits, is_short)| Action::Approve { request, fits, is_short }),
        2 => place.clone().prop_map(|approve| Action::ApproveAgain { approve }),
        1 => place.clone().prop_map(|approve| Action::ApproveOtherwise { approve }),
        5 => (place.clone(), any::<bool>()).prop_map(|(request, block)| Action::Deny { request, block }),
        2 => place.clone().prop_map(|request| Action::Unblock { request }),
        2 => (place.clone(), mostly()).prop_map(|(request, is_own)| Action::Withdraw { request, is_own }),
        8 => (place.clone(), mostly()).prop_map(|(approve, is_own)| Action::Ack { approve, is_own }),
        6 => (place, mostly()).prop_map(|(approve, is_own)| Action::Nack { approve, is_own }),
    ]
}

fn mostly() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.9)
}
