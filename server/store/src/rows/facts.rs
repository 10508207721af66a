//! What the rules need to know to decide a command.

use std::collections::BTreeMap;

use vestibule_approve::{
    frames::{Id, Policy},
    ids::{Hash, Rid, Uid},
    rules::{ApproveFacts, Command, DeviceFacts, Facts, RequestFacts, Usage},
};
use vestibule_schema::{Error, models};

use super::{
    DeviceRow, RequestRow, RoomRow, Rows,
    names::{ApproveName, Place, RequestName},
    wanted::Wanted,
};
use crate::{convert, submission::Submission};

/// The rows that a command is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About {
    /// The request, or another for the same box key.
    pub(super) request: Option<RequestName>,
    pub(super) approve: Option<ApproveName>,
}

impl Rows<'_> {
    /// The facts for a command, and the rows that it is about.
    pub(super) fn facts(&self, submission: &Submission) -> Result<(Facts, About), Error> {
        let Submission { rid, caller, command, .. } = submission;
        let (rid, caller) = (*rid, caller.uid);
        let request = |uid, request_id| Some(RequestName { rid, uid, request_id });
        let approve = |approve_id| Some(ApproveName { rid, approve_id });
        let mut facts = Facts::default();
        let about = match *command {
            Command::Publish { .. } => {
                facts.room = self.room(submission).map(|room| room.facts);
                facts.usage.rooms_of_user = self.founded.get(&caller).copied().unwrap_or_default();
                About::default()
            }
            Command::HandOver { .. } | Command::Appoint { .. } => {
                facts.room = self.room(submission).map(|room| room.facts);
                About::default()
            }
            Command::Request { request_id, box_hash, .. } => {
                facts.room = self.room(submission).map(|room| room.facts);
                let place = Place { rid, uid: caller };
                let same_box = self.same_box(place, &box_hash);
                facts.same_box = same_box.map(|name| self.request_facts(name)).transpose()?.flatten();
                facts.usage = self.usage(submission, place);
                let named = request(caller, request_id).filter(|name| self.request(*name).is_some());
                About { request: named.or(same_box), approve: None }
            }
            Command::Approve { approve_id, to, request_id, .. } => {
                facts.room = self.room(submission).map(|room| room.facts);
                About { request: request(to, request_id), approve: approve(approve_id) }
            }
            Command::Deny { to, request_id, .. } => {
                facts.room = self.room(submission).map(|room| room.facts);
                facts.usage.denied_in_room = self.in_room(submission, |room| room.denied);
                About { request: request(to, request_id), approve: None }
            }
            Command::Unblock { .. } => About::default(),
            Command::Withdraw { request_id }
            | Command::End { request_id }
            | Command::Expire { request_id } => About { request: request(caller, request_id), approve: None },
            Command::Ack { approve_id, .. }
            | Command::Nack { approve_id }
            | Command::Lapse { approve_id }
            | Command::Revoke { approve_id } => {
                let name = ApproveName { rid, approve_id };
                let answered = self.approve(name).map(RequestName::answered_by).transpose()?;
                About { request: answered, approve: Some(name) }
            }
        };
        self.about(submission, about, &mut facts)?;
        Ok((facts, about))
    }

    /// The facts that follow from the rows that a command is about.
    fn about(&self, submission: &Submission, about: About, facts: &mut Facts) -> Result<(), Error> {
        let Submission { rid, caller, command, .. } = submission;
        if let Some(name) = about.request {
            // A request for the same box is another fact.
            let is_named = match command {
                Command::Request { request_id, .. } => name.request_id == *request_id,
                _ => true,
            };
            facts.request = if is_named { self.request_facts(name)? } else { None };
            if matches!(command, Command::Request { .. } | Command::Ack { .. }) {
                facts.devices = self.devices(name);
            }
            if matches!(
                command,
                Command::Approve { .. }
                    | Command::Nack { .. }
                    | Command::Lapse { .. }
                    | Command::Revoke { .. }
            ) && facts.request.is_some()
            {
                facts.approves = self.approves_of(name)?;
            }
        }
        if let Some(name) = about.approve {
            facts.approve = self.approve(name).map(convert::approve_facts).transpose()?;
        }
        let denied = match command {
            Command::Request { .. } | Command::Expire { .. } => Some(caller.uid),
            Command::Deny { to, .. } => Some(*to),
            Command::Unblock { uid } => Some(*uid),
            _ => None,
        };
        if let Some(uid) = denied
            && let Some(Some(denial)) = self.denials.get(&Place { rid: *rid, uid })
        {
            facts.denial = Some(convert::denial_facts(&denial.row));
        }
        Ok(())
    }

    fn room(&self, submission: &Submission) -> Option<&RoomRow> {
        self.rooms.get(&submission.rid)?.as_ref()
    }

    /// A counter of the room; 0 if there is no room.
    fn in_room(&self, submission: &Submission, of: impl FnOnce(&models::Room) -> i64) -> usize {
        let count = self.room(submission).map_or(0, |room| of(&room.row));
        usize::try_from(count).unwrap_or_default()
    }

    pub(super) fn request(&self, name: RequestName) -> Option<&RequestRow> {
        self.requests.get(&name)?.as_ref()
    }

    pub(super) fn approve(&self, name: ApproveName) -> Option<&models::Approve> {
        Some(&self.approves.get(&name)?.as_ref()?.row)
    }

    fn request_facts(&self, name: RequestName) -> Result<Option<RequestFacts>, Error> {
        self.request(name).map(|request| convert::request_facts(&request.row)).transpose()
    }

    fn devices(&self, name: RequestName) -> Vec<DeviceFacts> {
        let devices = self.request(name).map_or(&[][..], |request| &request.devices);
        devices.iter().map(DeviceRow::facts).collect()
    }

    fn approves_of(&self, name: RequestName) -> Result<Vec<ApproveFacts>, Error> {
        let names = self.approves_of.get(&name).map_or(&[][..], Vec::as_slice);
        names.iter().filter_map(|name| self.approve(*name)).map(convert::approve_facts).collect()
    }

    /// The open requests of a user in a room.
    fn open_of(&self, place: Place) -> impl Iterator<Item = (RequestName, &models::Request)> {
        let now = self.now_us.ms();
        let names = self.open_of.get(&place).into_iter().flatten();
        let rows = names.filter_map(|name| Some((*name, &self.request(*name)?.row)));
        rows.filter(move |(_, row)| row.state.is_open() && row.exp > now)
    }

    /// The open request of a user in a room for a box key. There may be several, because a denied
    /// one may be approved after another was made: then the one with the lowest seq.
    fn same_box(&self, place: Place, box_hash: &Hash) -> Option<RequestName> {
        let same = self.open_of(place).filter(|(_, row)| row.box_hash == box_hash.as_bytes());
        same.min_by_key(|(_, row)| row.seq).map(|(name, _)| name)
    }

    fn usage(&self, submission: &Submission, place: Place) -> Usage {
        let counts = self.counts.get(&place.uid).copied().unwrap_or_default();
        Usage {
            open_of_user_in_room: self.open_of(place).count(),
            open_of_user: counts.open,
            requests_of_user: counts.all,
            open_in_room: self.in_room(submission, |room| room.open),
            denied_in_room: self.in_room(submission, |room| room.denied),
            open_in_all: self.open_in_all,
            rooms_of_user: 0,
        }
    }

    /// The users whose streams a command may write to. Few of strangers: each stream is a row.
    pub(super) fn told_by(&self, submission: &Submission, wanted: &Wanted) -> Vec<Uid> {
        let answers = &wanted.answers;
        let Submission { rid, caller, command, .. } = submission;
        match *command {
            Command::Approve { to, .. } | Command::Deny { to, .. } => vec![to],
            Command::Request { .. } if self.can_be_asked(submission, wanted) => vec![caller.uid],
            // One that comes in this batch has locked the stream.
            Command::Withdraw { request_id }
            | Command::End { request_id }
            | Command::Expire { request_id } => {
                let name = RequestName { rid: *rid, uid: caller.uid, request_id };
                self.request(name).map(|_| caller.uid).into_iter().collect()
            }
            Command::Ack { approve_id, .. } => self.parties(*rid, approve_id, answers, |[by, _]| vec![by]),
            Command::Nack { approve_id } | Command::Lapse { approve_id } | Command::Revoke { approve_id } => {
                self.parties(*rid, approve_id, answers, Vec::from)
            }
            _ => Vec::new(),
        }
    }

    /// Whether there is a room that answers requests, or may be once the commands before are
    /// carried out.
    fn can_be_asked(&self, submission: &Submission, wanted: &Wanted) -> bool {
        let answers = self.room(submission).is_some_and(|room| room.facts.policy != Policy::Secret);
        answers || wanted.published.contains(&submission.rid)
    }

    /// Whose an approve is, and whom it is for: of the stored one, or of those that may be stored.
    fn parties(
        &self,
        rid: Rid,
        approve_id: Id,
        answers: &BTreeMap<ApproveName, Vec<(RequestName, Uid)>>,
        of: impl Fn([Uid; 2]) -> Vec<Uid>,
    ) -> Vec<Uid> {
        let name = ApproveName { rid, approve_id };
        if let Some(row) = self.approve(name) {
            let parties = convert::fixed(&row.by_uid).and_then(|by| Ok([by, convert::fixed(&row.to_uid)?]));
            return parties.map(of).unwrap_or_default();
        }
        let answers = answers.get(&name).into_iter().flatten();
        answers.flat_map(|(request, by)| of([*by, request.uid])).collect()
    }
}
