//! What is done: a newcomer asks, a member approves, the newcomer acks.

use std::time::Duration;

use vestibule_approve::{
    base64url::{Blob, Fixed},
    frames::{Card, Id, Policy},
    ids::{Hash, Rid, Uid},
    rules::{Caller, Command},
    signed::{Alg, Signed},
};
use vestibule_store::{Content, Submission};

use crate::cpu::Cpu;

/// In how many rooms.
pub(crate) const ROOMS: u64 = 256;

/// About what a request and an approve take as MessagePack.
pub(crate) const FRAME: usize = 450;

/// The member of all rooms.
pub(crate) const MEMBER: Uid = Uid([9; 32]);

/// A newcomer, who does everything once.
#[derive(Clone, Copy)]
pub(crate) struct Newcomer {
    pub(crate) rid: Rid,
    pub(crate) uid: Uid,
    pub(crate) id: Id,
    pub(crate) digest: Hash,
}

impl Newcomer {
    pub(crate) fn new(number: u64) -> Self {
        let digest = Signed::new("newcomer").int(number).hash();
        let mut id = Fixed([0; 16]);
        id.0.copy_from_slice(&digest.0[..16]);
        Self { rid: room(number % ROOMS), uid: Uid(digest.0), id, digest }
    }

    /// The three commands.
    pub(crate) fn commands(self) -> [Submission; 3] {
        let Self { rid, uid, id, digest } = self;
        let exp = i64::MAX;
        let of = |uid, is_member, command, content| Submission {
            rid,
            caller: Caller { uid, is_member },
            command,
            content,
        };
        let request = Command::Request { request_id: id, device: id, box_hash: digest, digest, exp };
        let approve =
            Command::Approve { approve_id: id, to: uid, request_id: id, box_hash: digest, digest, exp };
        [
            of(uid, false, request, Content::Request { frame: vec![7; FRAME], account: None }),
            of(MEMBER, true, approve, Content::Frame(vec![8; FRAME])),
            of(uid, false, Command::Ack { approve_id: id, device: id }, Content::Nothing),
        ]
    }
}

pub(crate) fn room(number: u64) -> Rid {
    Rid(Signed::new("room").int(number).hash().0)
}

/// Makes a room.
pub(crate) fn publish(number: u64) -> Submission {
    let (rid, policy, version) = (room(number), Policy::Request, 1);
    let command = Command::Publish { version, policy, digest: Hash([2; 32]), listed: None };
    let caller = Caller { uid: Uid(rid.0), is_member: true };
    Submission { rid, caller, command, content: Content::Frame(card(rid)) }
}

pub(crate) fn card(rid: Rid) -> Vec<u8> {
    let (room_pub, alg, policy) = (Blob(vec![3; 32]), Alg::Ed25519, Policy::Request);
    vestibule_store::pack(&Card { rid, room_pub, alg, version: 1, policy, name: None, sig: Fixed([4; 64]) })
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) took: Duration,
    pub(crate) latencies: Vec<Duration>,
    pub(crate) commands: usize,
    pub(crate) cpu: Cpu,
}

impl Measured {
    /// Prints a line of the table.
    pub(crate) fn print(mut self, what: &str) {
        self.latencies.sort_unstable();
        let at = |percent: usize| {
            let place = self.latencies.len().saturating_sub(1) * percent / 100;
            self.latencies
                .get(place)
                .map_or("–".to_owned(), |time| format!("{:.1}", time.as_secs_f64() * 1000.0))
        };
        let commands = u32::try_from(self.commands).map_or(f64::MAX, f64::from);
        let each = |hundredths: u64| {
            let seconds = u32::try_from(hundredths).map_or(f64::MAX, f64::from) / 100.0;
            format!("{:.0}", seconds * 1_000_000.0 / commands)
        };
        let rate = commands / self.took.as_secs_f64();
        let Cpu { writers, server } = self.cpu;
        println!("| {what} | {rate:.0} | {} | {} | {} | {} |", at(50), at(99), each(writers), each(server));
    }
}
