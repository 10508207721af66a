//! Which rows commands need.

use std::collections::{BTreeMap, BTreeSet};

use vestibule_approve::{
    ids::{Rid, Uid},
    rules::Command,
};

use super::names::{ApproveName, Place, RequestName};
use crate::submission::Submission;

/// What commands need, by name.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) rooms: BTreeSet<Rid>,
    /// Requests, each with its approves.
    pub(super) requests: BTreeSet<RequestName>,
    /// Requests that are asked again, if they are stored.
    pub(super) asked: BTreeSet<RequestName>,
    /// Users who ask in a room.
    pub(super) asking: BTreeSet<Place>,
    pub(super) approves: BTreeSet<ApproveName>,
    /// Approves that are acked.
    pub(super) acked: BTreeSet<ApproveName>,
    /// What approves of these commands answer, and whose they are. Several may have one name, of
    /// which the first that is not refused will have it.
    pub(super) answers: BTreeMap<ApproveName, Vec<(RequestName, Uid)>>,
    pub(super) denials: BTreeSet<Place>,
    /// Users who are denied.
    pub(super) denied: BTreeSet<Place>,
    /// Users whose denial is lifted, if there is one.
    pub(super) lifted: BTreeSet<Place>,
    pub(super) founders: BTreeSet<Uid>,
    /// Rooms that may be new, or have another policy.
    pub(super) published: BTreeSet<Rid>,
}

impl Wanted {
    pub(super) fn by(commands: &[&Submission]) -> Self {
        let mut wanted = Self::default();
        for submission in commands {
            wanted.add(submission);
        }
        wanted
    }

    fn add(&mut self, Submission { rid, caller, command, .. }: &Submission) {
        let (rid, caller) = (*rid, caller.uid);
        let place = |uid| Place { rid, uid };
        let request = |uid, request_id| RequestName { rid, uid, request_id };
        match *command {
            Command::Publish { .. } => {
                self.rooms.insert(rid);
                self.published.insert(rid);
                self.founders.insert(caller);
            }
            Command::HandOver { .. } | Command::Appoint { .. } => {
                self.rooms.insert(rid);
            }
            Command::Request { request_id, .. } => {
                // The same for every room, so that a secret room takes no longer than one that does
                // not exist.
                self.rooms.insert(rid);
                self.asked.insert(request(caller, request_id));
                self.asking.insert(place(caller));
                self.denials.insert(place(caller));
            }
            Command::Approve { approve_id, to, request_id, .. } => {
                let (name, answered) = (ApproveName { rid, approve_id }, request(to, request_id));
                self.rooms.insert(rid);
                self.approves.insert(name);
                self.requests.insert(answered);
                self.answers.entry(name).or_default().push((answered, caller));
            }
            Command::Deny { to, request_id, .. } => {
                self.rooms.insert(rid);
                self.requests.insert(request(to, request_id));
                self.denials.insert(place(to));
                self.denied.insert(place(to));
            }
            Command::Unblock { uid } => {
                self.denials.insert(place(uid));
                self.lifted.insert(place(uid));
            }
            Command::Withdraw { request_id } | Command::End { request_id } => {
                self.requests.insert(request(caller, request_id));
            }
            Command::Expire { request_id } => {
                self.requests.insert(request(caller, request_id));
                self.denials.insert(place(caller));
            }
            Command::Ack { approve_id, .. } => {
                self.approves.insert(ApproveName { rid, approve_id });
                self.acked.insert(ApproveName { rid, approve_id });
            }
            Command::Nack { approve_id } | Command::Lapse { approve_id } | Command::Revoke { approve_id } => {
                self.approves.insert(ApproveName { rid, approve_id });
            }
        }
    }
}
