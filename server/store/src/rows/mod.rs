//! The rows that commands need, in memory.
//!
//! A batch loads them as sets, carries out its commands on them, one after the other, and writes
//! what has changed at the end. So a batch of many commands takes few statements, and a command
//! that is refused leaves nothing to undo.

mod change;
mod facts;
mod load;
mod names;
mod state;
mod wanted;
mod write;

use std::collections::{BTreeSet, HashMap};

use vestibule_approve::{
    frames::Id,
    ids::{Rid, Uid},
    limits::Quotas,
    refusal::Refusal,
    rules::{DeviceFacts, RoomFacts},
};
use vestibule_schema::{
    Connection, Error, models,
    repository::streams::{self, Locked, Topic},
};

use self::names::{ApproveName, Place, RequestName};
use crate::{
    clock::{Clock, UnixMicros},
    open_total::OpenTotal,
    order::Held,
    submission::{Committed, Submission},
};

struct RoomRow {
    row: models::Room,
    facts: RoomFacts,
    has_new_card: bool,
    has_new_creator: bool,
    has_new_listing: bool,
}

impl RoomRow {
    fn stored(row: models::Room, facts: RoomFacts) -> Self {
        Self { row, facts, has_new_card: false, has_new_creator: false, has_new_listing: false }
    }
}

struct RequestRow {
    /// With the id 0 while it is not stored.
    row: models::Request,
    devices: Vec<DeviceRow>,
    /// Whether its state or seq must be written.
    is_changed: bool,
    /// When the first device saved the key, if that must be written.
    first_ack: Option<i64>,
}

impl RequestRow {
    fn stored(row: models::Request) -> Self {
        Self { row, devices: Vec::new(), is_changed: false, first_ack: None }
    }
}

struct DeviceRow {
    device: Id,
    has_acked: bool,
    is_new: bool,
    is_changed: bool,
}

struct ApproveRow<'a> {
    /// With the id 0 while it is not stored.
    row: models::Approve,
    /// The frame, if it is not stored.
    frame: &'a [u8],
    is_changed: bool,
}

impl ApproveRow<'_> {
    fn stored(row: models::Approve) -> Self {
        Self { row, frame: &[], is_changed: false }
    }
}

impl DeviceRow {
    fn facts(&self) -> DeviceFacts {
        DeviceFacts { device: self.device, has_acked: self.has_acked }
    }
}

struct DenialRow {
    row: models::Denial,
    change: Option<DenialChange>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DenialChange {
    Put,
    Lifted,
}

/// How many requests a user has in all rooms.
#[derive(Clone, Copy, Default)]
struct Counts {
    open: usize,
    all: usize,
}

/// A notice to store.
struct NoticeRow {
    uid: Uid,
    rid: Rid,
    seq: i64,
    at: i64,
    frame: Vec<u8>,
}

/// The rows that some commands need. Where there is no row, a map has `None`.
struct Rows<'a> {
    quotas: &'a Quotas,
    /// The time of the whole batch.
    now_us: UnixMicros,
    rooms: HashMap<Rid, Option<RoomRow>>,
    requests: HashMap<RequestName, Option<RequestRow>>,
    open_of: HashMap<Place, Vec<RequestName>>,
    denied_of: HashMap<Place, Vec<RequestName>>,
    approves: HashMap<ApproveName, Option<ApproveRow<'a>>>,
    /// In the order of their seqs.
    approves_of: HashMap<RequestName, Vec<ApproveName>>,
    denials: HashMap<Place, Option<DenialRow>>,
    counts: HashMap<Uid, Counts>,
    founded: HashMap<Uid, usize>,
    open_in_all: usize,
    notices: Vec<NoticeRow>,
    streams: Locked,
    has_changed: bool,
}

/// What the transactions of all writers have in common.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) quotas: &'a Quotas,
    pub(super) clock: &'a Clock,
    pub(super) open_total: &'a OpenTotal,
}

/// Locks what is stored in these rooms until the open transaction ends, for work that is about
/// whole rooms.
pub(super) fn lock(conn: &mut Connection, rooms: &BTreeSet<Rid>) -> Result<(), Error> {
    let mut streams = streams::begin(conn)?;
    let topics = rooms.iter().map(|rid| Topic::room(rid.as_bytes())).collect();
    streams::lock_stored(conn, &mut streams, &topics)
}

/// What became of commands.
#[derive(Default)]
pub(super) struct CarriedOut {
    pub(super) decided: Vec<Result<Committed, Refusal>>,
    /// How many more requests are open in all rooms, for the total, once this is stored.
    pub(super) opened: i64,
}

/// Carries out commands in the open transaction, in order. The changes of all that are not refused
/// are written, or none if the database fails. Takes the locks of the users who will be told.
pub(super) fn carry_out(
    conn: &mut Connection,
    rules: Rules<'_>,
    commands: &[&Submission],
    held: &mut Held<'_>,
) -> Result<CarriedOut, Error> {
    let mut rows = Rows::load(conn, rules, commands, held)?;
    let open_before = rows.open_in_all;
    let decided: Result<_, Error> = commands.iter().map(|command| rows.carry_out(command)).collect();
    let (decided, open_after) = (decided?, rows.open_in_all);
    rows.write(conn)?;
    let count = |open| i64::try_from(open).unwrap_or(i64::MAX);
    Ok(CarriedOut { decided, opened: count(open_after) - count(open_before) })
}
