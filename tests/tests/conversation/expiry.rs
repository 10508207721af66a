//! Expiry. The server uses the real time and ends what has expired by itself. So that it is certain
//! what has expired, at most one frame at a time expires soon, and the test waits for its end
//! before anything can happen too close to it.

use serde_json::json;
use vestibule_approve::frames::Policy;
use vestibule_approve::rules::{Caller, Command};
use vestibule_approve::signed::{Alg, Rid, Uid};
use vestibule_tests::people::{Device, Person, Room, now_ms};

use crate::harness::Harness;

/// Milliseconds until the end of a frame that expires soon.
pub(crate) const SHORT: i64 = 600;
/// Milliseconds before an end in which no step begins.
const MARGIN: i64 = 250;

impl Harness<'_> {
    /// Whether the end is so near that the test must wait for it first.
    pub(crate) fn ends_now(&self) -> bool {
        self.ending.is_some_and(|at| at - now_ms() < MARGIN)
    }

    /// Whether the end has come without being waited for: then the order of the server's actions is
    /// unknown.
    pub(crate) fn is_late(&self) -> bool {
        self.ending.is_some_and(|at| at <= now_ms())
    }

    /// Waits until the frame that expires soon has ended.
    pub(crate) fn elapse(&mut self) {
        if self.ending.is_some() {
            self.sweep();
        }
    }

    /// A user whose denial is lifted has no use for the denied request: the server ends it soon
    /// after.
    pub(crate) fn sweep_what_is_forgiven(&mut self) {
        if !self.due(now_ms()).is_empty() {
            self.sweep();
        }
    }

    /// Waits until the server has ended and forgotten everything that has expired, including the
    /// frame that expires soon.
    fn sweep(&mut self) {
        let at = self.ending.take().unwrap_or_else(now_ms);
        let mut sentinel = Sentinel::new(self);
        // The first one is ended in the same sweep or an earlier one; the second one is forgotten.
        sentinel.outlive(at);
        sentinel.outlive(at);
        let now = now_ms();
        let mut expected = Vec::new();
        for (rid, uid, end) in self.due(now) {
            let caller = Caller { uid, is_member: false };
            let decision = self.store.carry_out(&self.quotas, &rid, &caller, &end, now);
            let change = decision.expect("the server's own").change;
            expected.extend(self.told_of(&rid, &uid, &end, change));
        }
        self.store.forget(&self.quotas, now);
        self.expect_told(None, expected);
    }

    /// Everything that the rules would end now: requests, then approves.
    fn due(&self, now: i64) -> Vec<(Rid, Uid, Command)> {
        let requests = self.participants.users.iter().flat_map(|user| {
            self.store.requests_of(&user.uid).map(|(rid, request)| (rid, user.uid, request))
        });
        let (mut expiry, mut lapses) = (Vec::new(), Vec::new());
        for (rid, uid, request) in requests {
            let request_id = request.facts.request_id;
            expiry.push((rid, uid, Command::Expire { request_id }));
            let approves = self.store.approves_of(&rid, &uid, &request_id);
            lapses.extend(
                approves.map(|approve| (rid, uid, Command::Lapse { approve_id: approve.facts.approve_id })),
            );
        }
        let is_due = |(rid, uid, end): &(Rid, Uid, Command)| {
            let caller = Caller { uid: *uid, is_member: false };
            let decision = self.store.decide(&self.quotas, rid, &caller, end, now);
            decision.expect("the server's own").change.is_some()
        };
        expiry.into_iter().chain(lapses).filter(is_due).collect()
    }
}

/// A user whose request expires, and who is told when it does.
struct Sentinel {
    person: Person,
    room: Room,
    device: Device,
}

impl Sentinel {
    fn new(harness: &Harness<'_>) -> Self {
        let address = harness.participants.address;
        let (room, person) = (Room::published(address, Policy::Open), Person::new(Alg::Ed25519));
        let mut device = Device::connect(address, &person);
        device.visit(&room.rid());
        Self { person, room, device }
    }

    /// Waits until a sweep has ended everything that expires by `at`.
    fn outlive(&mut self, at: i64) {
        let mut request = self.person.request(&self.room.rid());
        for patience in [20, 200, 2_000, 20_000] {
            request.exp = at.max(now_ms() + patience);
            self.person.sign_request(&self.room.rid(), &mut request);
            let reply = self.device.call(&self.room.topic(), "request", &request);
            if reply.status == "ok" {
                let expired = self.device.push(&self.room.topic(), "expired");
                assert_eq!(expired["request_id"], json!(request.request_id));
                return;
            }
            assert_eq!(reply.refused(), "expired", "{}", reply.text);
        }
        panic!("a request is over before it arrives");
    }
}
