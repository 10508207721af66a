//! Applies one command inside a transaction: loads the facts, decides, writes the change.

use vestibule_approve::{
    frames::{Deny, Id},
    ids::{Seq, Uid},
    items::{News, Notice, ReceiptResult, RequestItem},
    limits::Quotas,
    refusal::Refusal,
    rules::{Change, Command, RequestState, decide},
};
use vestibule_schema::{
    Connection, Error,
    models::{self, ApproveState, NewApprove, NewNotice, NewRequest, OpenRequest},
    repository::{approves, denials, devices, notices, requests, rooms, store},
};

use crate::{
    clock::UnixMicros,
    convert,
    load_facts::{StoredRows, load_facts},
    submission::{Committed, Content, Submission},
};

/// Why nothing was written.
pub(super) enum Failure {
    /// The rules refused it.
    Refused(Refusal),
    /// The database failed.
    Store(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Store(error)
    }
}

pub(super) fn apply(
    conn: &mut Connection,
    quotas: &Quotas,
    submission: &Submission,
    now_us: UnixMicros,
) -> Result<Committed, Failure> {
    let now = now_us.ms();
    let (facts, stored) = load_facts(conn, quotas, submission, now)?;
    let is_first = facts.approves.is_empty();
    let decision =
        decide(quotas, &facts, &submission.caller, &submission.command, now).map_err(Failure::Refused)?;
    let mut committed = Committed {
        decision,
        seq: Seq::ZERO,
        at: now,
        notice: None,
        reopened: Vec::new(),
        first_approve_ms: None,
    };
    if let Some(change) = decision.change {
        let seq = store::advance_seq(conn, now_us.0)?;
        committed.seq = Seq(seq);
        if let (Change::AddApprove { .. }, true, Some(request)) = (&change, is_first, &stored.request) {
            committed.first_approve_ms = Some(now - request.created);
        }
        let mut writer = ChangeWriter { conn, quotas, submission, stored, seq, now };
        committed.reopened = writer.write(change)?;
        committed.notice = writer.notice(change)?;
    }
    Ok(committed)
}

/// Writes one change into the tables.
struct ChangeWriter<'a> {
    conn: &'a mut Connection,
    quotas: &'a Quotas,
    submission: &'a Submission,
    stored: StoredRows,
    seq: i64,
    now: i64,
}

impl ChangeWriter<'_> {
    /// Writes the change. Returns the requests that are pending again because of it.
    fn write(&mut self, change: Change) -> Result<Vec<RequestItem>, Error> {
        match change {
            Change::PutCard { is_listed } => self.put_card(change, is_listed)?,
            Change::List { is_listed } => {
                rooms::set_listed(self.conn, self.submission.rid.as_bytes(), is_listed, self.seq)?;
            }
            Change::SetCreator { creator } => {
                let rid = self.submission.rid.as_bytes();
                rooms::set_creator(self.conn, rid, creator.as_bytes(), self.seq)?;
            }
            Change::AddRequest => self.add_request()?,
            Change::AddDevice { .. } => {
                let Command::Request { device, .. } = &self.submission.command else {
                    return strange(change);
                };
                devices::register(self.conn, self.request()?.id, device.as_bytes())?;
            }
            Change::AddApprove { overrules, .. } => return self.add_approve(change, overrules),
            Change::Deny { is_block, keeps, .. } => self.deny(change, is_block, keeps)?,
            Change::Unblock => {
                let Command::Unblock { uid } = &self.submission.command else { return strange(change) };
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
        // An existing room keeps its founder and creator.
        let publisher = Some(caller.uid.as_bytes().to_vec());
        let room = models::Room {
            rid: rid.as_bytes().to_vec(),
            policy: policy.as_str().to_owned(),
            version: version.cast_signed(),
            seq: self.seq,
            created: self.stored.room.as_ref().map_or(self.now, |room| room.created),
            frame: frame.clone(),
            creator: publisher.clone(),
            digest: Some(digest.as_bytes().to_vec()),
            open: 0,
            founder: publisher,
            listed: is_listed,
            denied: 0,
        };
        rooms::put(self.conn, &room)
    }

    fn add_request(&mut self) -> Result<(), Error> {
        let Submission { rid, caller, command, content } = self.submission;
        let Command::Request { request_id, device, box_hash, digest, exp } = command else {
            return strange(Change::AddRequest);
        };
        let Content::Request { frame, account } = content else { return strange(Change::AddRequest) };
        let request = NewRequest {
            rid: rid.as_bytes(),
            uid: caller.uid.as_bytes(),
            request_id: request_id.as_bytes(),
            box_hash: box_hash.as_bytes(),
            digest: digest.as_bytes(),
            created: self.now,
            exp: *exp,
            seq: self.seq,
            frame,
            account: account.as_deref(),
        };
        let row = requests::insert(self.conn, &request)?;
        devices::register(self.conn, row, device.as_bytes())
    }

    fn add_approve(&mut self, change: Change, overrules: bool) -> Result<Vec<RequestItem>, Error> {
        let Submission { rid, caller, command, content } = self.submission;
        let (Command::Approve { approve_id, to, request_id, digest, exp, .. }, Content::Frame(frame)) =
            (command, content)
        else {
            return strange(change);
        };
        let approve = NewApprove {
            rid: rid.as_bytes(),
            to_uid: to.as_bytes(),
            request_id: request_id.as_bytes(),
            approve_id: approve_id.as_bytes(),
            by_uid: caller.uid.as_bytes(),
            digest: digest.as_bytes(),
            at: self.now,
            exp: *exp,
            seq: self.seq,
            frame,
        };
        approves::insert(self.conn, &approve)?;
        // The request keeps its seq, by which members page through what is open.
        let models::Request { id, seq, state, .. } = *self.request()?;
        if state != models::RequestState::Approved {
            requests::set_state(self.conn, id, models::RequestState::Approved, seq)?;
        }
        if overrules { self.lift_denial(to) } else { Ok(Vec::new()) }
    }

    /// Lifts a user's denial in this room. The requests that it denied are pending again.
    fn lift_denial(&mut self, uid: &Uid) -> Result<Vec<RequestItem>, Error> {
        let (rid, uid) = (self.submission.rid.as_bytes(), uid.as_bytes());
        denials::lift(self.conn, rid, uid)?;
        let denied = requests::denied_of_user(self.conn, rid, uid, self.now)?;
        let reopen = |request: models::Request| {
            let state = models::RequestState::Pending;
            requests::set_state(self.conn, request.id, state, request.seq)?;
            let request = models::Request { state, ..request };
            convert::request_item(&OpenRequest { request, approvals: 0 })
        };
        denied.into_iter().map(reopen).collect()
    }

    fn deny(&mut self, change: Change, is_block: bool, keeps: bool) -> Result<(), Error> {
        let Submission { rid, caller, content, .. } = self.submission;
        let Content::Deny(Deny { request_id, to, code, .. }) = content else {
            return strange(change);
        };
        let denial = models::Denial {
            rid: rid.as_bytes().to_vec(),
            uid: to.as_bytes().to_vec(),
            request_id: request_id.as_bytes().to_vec(),
            by_uid: caller.uid.as_bytes().to_vec(),
            code: code.clone(),
            at: self.now,
            until: self.now + self.quotas.cooldown_ms,
            blocked: is_block,
            seq: self.seq,
        };
        denials::put(self.conn, &denial)?;
        if !keeps {
            return self.close(RequestState::Denied);
        }
        let models::Request { id, seq, .. } = *self.request()?;
        requests::deny(self.conn, id, seq)
    }

    fn save(&mut self, is_first: bool, closes: bool) -> Result<(), Error> {
        let Command::Ack { device, .. } = &self.submission.command else {
            return Err(Error::corrupt("an ack of something else"));
        };
        let request = self.request()?.id;
        devices::mark_acked(self.conn, request, device.as_bytes())?;
        if is_first {
            let models::Approve { id, rid, to_uid, request_id, approve_id, .. } = self.approve()?.clone();
            approves::mark_acked(self.conn, id)?;
            approves::drop_others(self.conn, &rid, &to_uid, &request_id, &approve_id)?;
            requests::set_first_ack(self.conn, request, self.now)?;
        }
        if closes { self.close(RequestState::Done) } else { Ok(()) }
    }

    fn end_approve(&mut self, state: ApproveState, reopens: bool) -> Result<Vec<RequestItem>, Error> {
        approves::close(self.conn, self.approve()?.id, state)?;
        if !reopens {
            return Ok(Vec::new());
        }
        // With a fresh seq: members who have already listed the pending requests must see it again.
        let state = models::RequestState::Pending;
        let request = models::Request { state, seq: self.seq, ..self.request()?.clone() };
        requests::set_state(self.conn, request.id, state, self.seq)?;
        Ok(vec![convert::request_item(&OpenRequest { request, approvals: 0 })?])
    }

    fn close(&mut self, state: RequestState) -> Result<(), Error> {
        let models::Request { id, rid, uid, request_id, .. } = self.request()?.clone();
        approves::close_all(self.conn, &rid, &uid, &request_id)?;
        requests::forget(self.conn, id, convert::row_state(state), self.seq, self.now)
    }

    /// Stores the notice about a change for the user concerned.
    fn notice(&mut self, change: Change) -> Result<Option<(Uid, Notice)>, Error> {
        let Some((uid, news)) = self.news(change)? else { return Ok(None) };
        let rid = self.submission.rid;
        let notice = Notice { rid, seq: Seq(self.seq), at: self.now, news };
        let frame = convert::pack(&notice);
        let row = NewNotice {
            uid: uid.as_bytes(),
            rid: rid.as_bytes(),
            seq: self.seq,
            at: self.now,
            frame: &frame,
        };
        notices::insert(self.conn, &row)?;
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
        let approve = self.approve()?;
        let (approve_id, request_id): (Id, Id) =
            (convert::fixed(&approve.approve_id)?, convert::fixed(&approve.request_id)?);
        let code = match self.submission.content {
            Content::Nack(code) => Some(code),
            _ => None,
        };
        let to = convert::fixed(&approve.to_uid)?;
        Ok((convert::fixed(&approve.by_uid)?, News::Receipt { approve_id, request_id, to, result, code }))
    }

    fn request(&self) -> Result<&models::Request, Error> {
        self.stored.request.as_ref().ok_or_else(|| Error::corrupt("a change of a request that is not stored"))
    }

    fn approve(&self) -> Result<&models::Approve, Error> {
        self.stored
            .approve
            .as_ref()
            .ok_or_else(|| Error::corrupt("a change of an approve that is not stored"))
    }
}

/// A change that does not belong to the command: the rules never decide that.
fn strange<T>(change: Change) -> Result<T, Error> {
    Err(Error::corrupt(format!("{change:?} for another command")))
}
