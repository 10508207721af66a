//! One command inside a transaction: gather the facts, decide, write.

use vestibule_protocol::{
    approve::{
        frames::Id,
        limits::Quotas,
        refusal::Refusal,
        rules::{ApproveFacts, Change, Command, Facts, decide},
    },
    signed::{Rid, Uid},
};
use vestibule_schema::{
    Connection, Error,
    models::{self, NewApprove, NewRequest},
    repository::{approves, requests, rooms, store},
};

use super::{Committed, Submission, record};

/// Why nothing was written.
pub(super) enum Failure {
    /// The rules say no.
    Refused(Refusal),
    /// The database did not do it.
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
    now_us: i64,
) -> Result<Committed, Failure> {
    let now = now_us / 1000;
    let (facts, stored) = gather(conn, submission, now)?;
    let decision =
        decide(quotas, &facts, &submission.caller, &submission.command, now).map_err(Failure::Refused)?;
    let seq = match decision.change {
        Some(change) => {
            let seq = store::advance_seq(conn, now_us)?;
            write(conn, submission, change, &stored, &Stamp { seq, now })?;
            seq
        }
        None => 0,
    };
    Ok(Committed { decision, seq, at: now })
}

/// The rows behind the facts, for what is written afterwards.
#[derive(Default)]
struct Stored {
    room: Option<models::Room>,
    request: Option<models::Request>,
}

/// What every change is stored with.
struct Stamp {
    seq: i64,
    now: i64,
}

fn gather(conn: &mut Connection, submission: &Submission, now: i64) -> Result<(Facts, Stored), Error> {
    let Submission { rid, caller, command, .. } = submission;
    let mut facts = Facts::default();
    let mut stored = Stored::default();
    match command {
        Command::Publish { .. } => stored.room = rooms::find(conn, rid.as_bytes())?,
        Command::Request { request_id, box_hash, .. } => {
            // All of it for every room, so that a secret room takes no longer than one that does not exist.
            stored.room = rooms::find(conn, rid.as_bytes())?;
            stored.request = find_request(conn, rid, &caller.uid, request_id)?;
            let same_box = requests::find_open_by_box(
                conn,
                rid.as_bytes(),
                caller.uid.as_bytes(),
                box_hash.as_bytes(),
                now,
            )?;
            facts.same_box = same_box.as_ref().map(record::request_facts).transpose()?;
        }
        Command::Approve { approve_id, to, request_id, .. } => {
            facts.approve = find_approve(conn, rid, approve_id)?;
            stored.request = find_request(conn, rid, to, request_id)?;
            let known = approves::of_request(conn, rid.as_bytes(), to.as_bytes(), request_id.as_bytes())?;
            let known = known.iter().map(record::approve_facts).collect::<Result<Vec<_>, _>>()?;
            facts.live = known.into_iter().filter(|approve| approve.is_live).collect();
        }
        Command::Withdraw { request_id } => {
            stored.request = find_request(conn, rid, &caller.uid, request_id)?;
        }
        Command::Ack { approve_id } => {
            if let Some(approve) = approves::find(conn, rid.as_bytes(), approve_id.as_bytes())? {
                facts.approve = Some(record::approve_facts(&approve)?);
                stored.request = requests::find(conn, &approve.rid, &approve.to_uid, &approve.request_id)?;
            }
        }
    }
    facts.room = stored.room.as_ref().map(record::room_facts).transpose()?;
    facts.request = stored.request.as_ref().map(record::request_facts).transpose()?;
    Ok((facts, stored))
}

fn find_request(
    conn: &mut Connection,
    rid: &Rid,
    uid: &Uid,
    request_id: &Id,
) -> Result<Option<models::Request>, Error> {
    requests::find(conn, rid.as_bytes(), uid.as_bytes(), request_id.as_bytes())
}

fn find_approve(conn: &mut Connection, rid: &Rid, approve_id: &Id) -> Result<Option<ApproveFacts>, Error> {
    let found = approves::find(conn, rid.as_bytes(), approve_id.as_bytes())?;
    found.as_ref().map(record::approve_facts).transpose()
}

fn write(
    conn: &mut Connection,
    submission: &Submission,
    change: Change,
    stored: &Stored,
    stamp: &Stamp,
) -> Result<(), Error> {
    let Submission { rid, caller, command, frame } = submission;
    let rid = rid.as_bytes();
    match (change, command) {
        (Change::PutCard, Command::Publish { version, policy, .. }) => {
            let created = stored.room.as_ref().map_or(stamp.now, |room| room.created);
            let room = models::Room {
                rid: rid.to_vec(),
                policy: policy.as_str().to_owned(),
                version: version.cast_signed(),
                seq: stamp.seq,
                created,
                frame: frame.clone(),
            };
            rooms::put(conn, &room)
        }
        (Change::AddRequest, Command::Request { request_id, box_hash, digest, exp }) => {
            let request = NewRequest {
                rid,
                uid: caller.uid.as_bytes(),
                request_id: request_id.as_bytes(),
                box_hash: box_hash.as_bytes(),
                digest: digest.as_bytes(),
                created: stamp.now,
                exp: *exp,
                seq: stamp.seq,
                frame,
            };
            requests::insert(conn, &request).map(drop)
        }
        (
            Change::AddApprove { is_first },
            Command::Approve { approve_id, to, request_id, digest, exp, .. },
        ) => {
            let approve = NewApprove {
                rid,
                to_uid: to.as_bytes(),
                request_id: request_id.as_bytes(),
                approve_id: approve_id.as_bytes(),
                by_uid: caller.uid.as_bytes(),
                digest: digest.as_bytes(),
                at: stamp.now,
                exp: *exp,
                seq: stamp.seq,
                frame,
            };
            approves::insert(conn, &approve)?;
            match &stored.request {
                // The request keeps its seq, by which members page through what is open.
                Some(request) if is_first => {
                    requests::set_state(conn, request.id, models::RequestState::Approved, request.seq)
                }
                _ => Ok(()),
            }
        }
        (Change::Close { request_id, state }, command) => {
            let saved = match command {
                Command::Ack { approve_id } => Some(approve_id.as_bytes()),
                _ => None,
            };
            approves::close_all(conn, rid, caller.uid.as_bytes(), request_id.as_bytes(), saved)?;
            match &stored.request {
                Some(request) => requests::forget(conn, request.id, record::row_state(state), stamp.seq),
                None => Ok(()),
            }
        }
        (change, command) => unreachable!("the rules answer {command:?} with no {change:?}"),
    }
}
