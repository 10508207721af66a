//! Decides a command, and makes its change in the rows.

use vestibule_approve::{
    frames::{Deny, Id},
    ids::{Seq, Uid},
    items::{News, Notice, ReceiptResult, RequestItem},
    refusal::Refusal,
    rules::{Change, Command, RequestState, RoomFacts, decide},
};
use vestibule_schema::{
    Error,
    models::{self, ApproveState},
};

use super::{
    ApproveRow, DenialChange, DenialRow, DeviceRow, NoticeRow, RequestRow, RoomRow, Rows,
    facts::About,
    names::{ApproveName, Place, RequestName},
};
use crate::{
    convert,
    submission::{Committed, Content, Submission},
};

impl<'a> Rows<'a> {
    /// Decides a command and makes its change.
    pub(super) fn carry_out(
        &mut self,
        submission: &'a Submission,
    ) -> Result<Result<Committed, Refusal>, Error> {
        let now = self.now_us.ms();
        let (facts, about) = self.facts(submission)?;
        let decision = match decide(self.quotas, &facts, &submission.caller, &submission.command, now) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut committed = Committed {
            decision,
            seq: Seq::ZERO,
            at: now,
            notice: None,
            reopened: Vec::new(),
            first_approve_ms: None,
        };
        if let Some(change) = decision.change {
            if let (Change::AddApprove { .. }, true, Some(name)) =
                (&change, facts.approves.is_empty(), about.request)
            {
                committed.first_approve_ms = self.request(name).map(|request| now - request.row.created);
            }
            let seq = self.issue_seq(submission, change, about);
            committed.seq = Seq(seq);
            self.has_changed = true;
            let mut maker = ChangeMaker { rows: self, submission, about, seq, now };
            committed.reopened = maker.make(change)?;
            committed.notice = maker.notice(change)?;
        }
        Ok(Ok(committed))
    }
}

/// Makes one change in the rows.
struct ChangeMaker<'r, 'a> {
    rows: &'r mut Rows<'a>,
    submission: &'a Submission,
    about: About,
    seq: i64,
    now: i64,
}

impl<'a> ChangeMaker<'_, 'a> {
    /// Makes the change. Returns the requests that are pending again because of it.
    fn make(&mut self, change: Change) -> Result<Vec<RequestItem>, Error> {
        match change {
            Change::PutCard { is_listed } => self.put_card(change, is_listed)?,
            Change::List { is_listed } => {
                let seq = self.seq;
                let room = self.room()?;
                (room.row.listed, room.facts.is_listed, room.row.seq) = (is_listed, is_listed, seq);
                room.has_new_listing = true;
            }
            Change::SetCreator { creator } => {
                let seq = self.seq;
                let room = self.room()?;
                (room.row.creator, room.row.seq) = (Some(creator.as_bytes().to_vec()), seq);
                (room.facts.creator, room.has_new_creator) = (Some(creator), true);
            }
            Change::AddRequest => self.add_request()?,
            Change::AddDevice { .. } => {
                let Command::Request { device, .. } = self.submission.command else {
                    return strange(change);
                };
                let device = DeviceRow { device, has_acked: false, is_new: true, is_changed: false };
                self.request()?.devices.push(device);
            }
            Change::AddApprove { overrules, .. } => return self.add_approve(change, overrules),
            Change::Deny { is_block, keeps, .. } => self.deny(change, is_block, keeps)?,
            Change::Unblock => {
                let Command::Unblock { uid } = self.submission.command else { return strange(change) };
                return self.lift_denial(uid);
            }
            Change::Save { is_first, closes, .. } => self.save(is_first, closes)?,
            Change::Nack { reopens } => return self.end_approve(ApproveState::Nacked, reopens),
            Change::Lapse { reopens } => return self.end_approve(ApproveState::Dropped, reopens),
            Change::Close { state, .. } => self.close(state)?,
        }
        Ok(Vec::new())
    }

    fn put_card(&mut self, change: Change, is_listed: bool) -> Result<(), Error> {
        let Submission { rid, caller, command, content } = self.submission;
        let (Command::Publish { version, policy, digest, .. }, Content::Frame(frame)) = (command, content)
        else {
            return strange(change);
        };
        let before = self.rows.rooms.get(rid).and_then(Option::as_ref);
        // An existing room keeps its founder and creator.
        let publisher = Some(caller.uid.as_bytes().to_vec());
        let creator = before.map_or(Some(caller.uid), |room| room.facts.creator);
        let row = models::Room {
            rid: rid.as_bytes().to_vec(),
            policy: policy.as_str().to_owned(),
            version: version.cast_signed(),
            seq: self.seq,
            created: before.map_or(self.now, |room| room.row.created),
            frame: frame.clone(),
            creator: before.map_or(publisher.clone(), |room| room.row.creator.clone()),
            digest: Some(digest.as_bytes().to_vec()),
            open: before.map_or(0, |room| room.row.open),
            founder: before.map_or(publisher, |room| room.row.founder.clone()),
            listed: is_listed,
            denied: before.map_or(0, |room| room.row.denied),
        };
        let has_new_creator = before.is_some_and(|room| room.has_new_creator);
        let is_new = before.is_none();
        let facts = RoomFacts { version: *version, policy: *policy, digest: *digest, creator, is_listed };
        let room = RoomRow { row, facts, has_new_card: true, has_new_creator, has_new_listing: false };
        self.rows.rooms.insert(*rid, Some(room));
        if is_new {
            *self.rows.founded.entry(caller.uid).or_default() += 1;
        }
        Ok(())
    }

    fn add_request(&mut self) -> Result<(), Error> {
        let Submission { rid, caller, command, content } = self.submission;
        let Command::Request { request_id, device, box_hash, digest, exp } = command else {
            return strange(Change::AddRequest);
        };
        let Content::Request { frame, account } = content else { return strange(Change::AddRequest) };
        let row = models::Request {
            id: 0,
            rid: rid.as_bytes().to_vec(),
            uid: caller.uid.as_bytes().to_vec(),
            request_id: request_id.as_bytes().to_vec(),
            box_hash: box_hash.as_bytes().to_vec(),
            digest: digest.as_bytes().to_vec(),
            state: models::RequestState::Pending,
            created: self.now,
            exp: *exp,
            seq: self.seq,
            frame: Some(frame.clone()),
            first_ack: None,
            closed: None,
            account: account.clone(),
        };
        let device = DeviceRow { device: *device, has_acked: false, is_new: true, is_changed: false };
        let name = RequestName { rid: *rid, uid: caller.uid, request_id: *request_id };
        let request = RequestRow { devices: vec![device], ..RequestRow::stored(row) };
        self.rows.add(name, request);
        Ok(())
    }

    fn add_approve(&mut self, change: Change, overrules: bool) -> Result<Vec<RequestItem>, Error> {
        let Submission { rid, caller, command, content } = self.submission;
        let (Command::Approve { approve_id, to, request_id, digest, exp, .. }, Content::Frame(frame)) =
            (command, content)
        else {
            return strange(change);
        };
        let row = models::Approve {
            id: 0,
            rid: rid.as_bytes().to_vec(),
            to_uid: to.as_bytes().to_vec(),
            request_id: request_id.as_bytes().to_vec(),
            approve_id: approve_id.as_bytes().to_vec(),
            by_uid: caller.uid.as_bytes().to_vec(),
            digest: digest.as_bytes().to_vec(),
            state: ApproveState::Live,
            acked: false,
            at: self.now,
            exp: *exp,
            seq: self.seq,
        };
        let name = ApproveName { rid: *rid, approve_id: *approve_id };
        self.rows.approves.insert(name, Some(ApproveRow { frame, ..ApproveRow::stored(row) }));
        let request = self.about.request.ok_or_else(nothing_stored)?;
        self.rows.approves_of.entry(request).or_default().push(name);
        // The request keeps its seq, by which members page through what is open.
        if self.request()?.row.state != models::RequestState::Approved {
            self.rows.set_state(request, models::RequestState::Approved);
        }
        if overrules { self.lift_denial(*to) } else { Ok(Vec::new()) }
    }

    /// Lifts a user's denial in this room. The requests that it denied are pending again.
    fn lift_denial(&mut self, uid: Uid) -> Result<Vec<RequestItem>, Error> {
        let place = Place { rid: self.submission.rid, uid };
        if let Some(Some(denial)) = self.rows.denials.get_mut(&place)
            && (denial.row.blocked || denial.row.until > 0)
        {
            (denial.row.blocked, denial.row.until) = (false, 0);
            denial.change.get_or_insert(DenialChange::Lifted);
        }
        let names = self.rows.denied_of.remove(&place).unwrap_or_default();
        let mut denied: Vec<(i64, RequestName)> = names
            .into_iter()
            .filter_map(|name| Some((&self.rows.request(name)?.row, name)))
            .filter(|(row, _)| row.state == models::RequestState::Denied && row.frame.is_some())
            .filter(|(row, _)| row.exp > self.now)
            .map(|(row, name)| (row.seq, name))
            .collect();
        denied.sort_unstable();
        denied.into_iter().map(|(_, name)| self.rows.reopen(name)).collect()
    }

    fn deny(&mut self, change: Change, is_block: bool, keeps: bool) -> Result<(), Error> {
        let Submission { rid, caller, content, .. } = self.submission;
        let Content::Deny(Deny { request_id, to, code, .. }) = content else {
            return strange(change);
        };
        let row = models::Denial {
            rid: rid.as_bytes().to_vec(),
            uid: to.as_bytes().to_vec(),
            request_id: request_id.as_bytes().to_vec(),
            by_uid: caller.uid.as_bytes().to_vec(),
            code: code.clone(),
            at: self.now,
            until: self.now + self.rows.quotas.cooldown_ms,
            blocked: is_block,
            seq: self.seq,
        };
        let place = Place { rid: *rid, uid: *to };
        self.rows.denials.insert(place, Some(DenialRow { row, change: Some(DenialChange::Put) }));
        if !keeps {
            return self.close(RequestState::Denied);
        }
        let name = self.about.request.ok_or_else(nothing_stored)?;
        self.rows.set_state(name, models::RequestState::Denied);
        // It may be denied a second time.
        let denied = self.rows.denied_of.entry(place).or_default();
        if !denied.contains(&name) {
            denied.push(name);
        }
        Ok(())
    }

    fn save(&mut self, is_first: bool, closes: bool) -> Result<(), Error> {
        let Command::Ack { device, .. } = self.submission.command else {
            return Err(Error::corrupt("an ack of something else"));
        };
        let now = self.now;
        let request = self.request()?;
        for known in request.devices.iter_mut().filter(|known| known.device == device) {
            (known.has_acked, known.is_changed) = (true, true);
        }
        if is_first {
            if request.row.first_ack.is_none() {
                (request.row.first_ack, request.first_ack) = (Some(now), Some(now));
            }
            let approve = self.approve()?;
            (approve.row.acked, approve.is_changed) = (true, true);
            let acked = self.about.approve;
            self.end_approves(
                |name, _| if Some(name) == acked { None } else { Some(ApproveState::Dropped) },
            )?;
        }
        if closes { self.close(RequestState::Done) } else { Ok(()) }
    }

    fn end_approve(&mut self, state: ApproveState, reopens: bool) -> Result<Vec<RequestItem>, Error> {
        let approve = self.approve()?;
        (approve.row.state, approve.is_changed) = (state, true);
        if !reopens {
            return Ok(Vec::new());
        }
        // With a fresh seq: members who have already listed the pending requests must see it again.
        let seq = self.seq;
        self.request()?.row.seq = seq;
        let name = self.about.request.ok_or_else(nothing_stored)?;
        Ok(vec![self.rows.reopen(name)?])
    }

    /// Ends the request and its live approves: acked ones are saved, all others dropped.
    fn close(&mut self, state: RequestState) -> Result<(), Error> {
        self.end_approves(|_, row| {
            Some(if row.acked { ApproveState::Saved } else { ApproveState::Dropped })
        })?;
        let name = self.about.request.ok_or_else(nothing_stored)?;
        let (seq, now) = (self.seq, self.now);
        self.request()?.row.seq = seq;
        self.rows.finish(name, convert::row_state(state), now);
        Ok(())
    }

    /// Ends those live approves of the request for which `how` says so.
    fn end_approves(
        &mut self,
        how: impl Fn(ApproveName, &models::Approve) -> Option<ApproveState>,
    ) -> Result<(), Error> {
        let request = self.about.request.ok_or_else(nothing_stored)?;
        for name in self.rows.approves_of.get(&request).into_iter().flatten() {
            if let Some(Some(approve)) = self.rows.approves.get_mut(name)
                && approve.row.state == ApproveState::Live
                && let Some(state) = how(*name, &approve.row)
            {
                (approve.row.state, approve.is_changed) = (state, true);
            }
        }
        Ok(())
    }

    /// Notes the notice about a change for the user concerned.
    fn notice(&mut self, change: Change) -> Result<Option<(Uid, Notice)>, Error> {
        let Some((uid, news)) = self.news(change)? else { return Ok(None) };
        let rid = self.submission.rid;
        let notice = Notice { rid, seq: Seq(self.seq), at: self.now, news };
        let frame = convert::pack(&notice);
        self.rows.notices.push(NoticeRow { uid, rid, seq: self.seq, at: self.now, frame });
        Ok(Some((uid, notice)))
    }

    fn news(&self, change: Change) -> Result<Option<(Uid, News)>, Error> {
        let Submission { caller, content, .. } = self.submission;
        Ok(match (change, content) {
            (Change::Save { is_first: true, .. }, _) => Some(self.receipt(ReceiptResult::Saved)?),
            (Change::Nack { .. }, _) => Some(self.receipt(ReceiptResult::Nacked)?),
            (Change::Deny { .. }, Content::Deny(Deny { request_id, to, code, block, room_sig })) => {
                let (request_id, code) = (*request_id, code.clone());
                let news =
                    News::Denied { request_id, by: caller.uid, code, block: *block, room_sig: *room_sig };
                Some((*to, news))
            }
            (Change::Close { request_id, state: RequestState::Expired }, _) => {
                Some((caller.uid, News::Expired { request_id }))
            }
            (Change::Close { request_id, state: RequestState::Withdrawn }, _) => {
                Some((caller.uid, News::Withdrawn { request_id }))
            }
            _ => None,
        })
    }

    fn receipt(&self, result: ReceiptResult) -> Result<(Uid, News), Error> {
        let approve =
            self.about.approve.and_then(|name| self.rows.approve(name)).ok_or_else(nothing_stored)?;
        let (approve_id, request_id): (Id, Id) =
            (convert::fixed(&approve.approve_id)?, convert::fixed(&approve.request_id)?);
        let code = match self.submission.content {
            Content::Nack(code) => Some(code),
            _ => None,
        };
        let to = convert::fixed(&approve.to_uid)?;
        Ok((convert::fixed(&approve.by_uid)?, News::Receipt { approve_id, request_id, to, result, code }))
    }

    fn room(&mut self) -> Result<&mut RoomRow, Error> {
        let rid = &self.submission.rid;
        self.rows.rooms.get_mut(rid).and_then(Option::as_mut).ok_or_else(nothing_stored)
    }

    fn request(&mut self) -> Result<&mut RequestRow, Error> {
        let name = self.about.request.ok_or_else(nothing_stored)?;
        self.rows.requests.get_mut(&name).and_then(Option::as_mut).ok_or_else(nothing_stored)
    }

    fn approve(&mut self) -> Result<&mut ApproveRow<'a>, Error> {
        let name = self.about.approve.ok_or_else(nothing_stored)?;
        self.rows.approves.get_mut(&name).and_then(Option::as_mut).ok_or_else(nothing_stored)
    }
}

/// A change that does not belong to the command: the rules never decide that.
fn strange<T>(change: Change) -> Result<T, Error> {
    Err(Error::corrupt(format!("{change:?} for another command")))
}

fn nothing_stored() -> Error {
    Error::corrupt("a change of something that is not stored")
}
