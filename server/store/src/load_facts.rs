//! Loads the facts that the rules need to decide a command.

use vestibule_approve::{
    frames::Id,
    limits::Quotas,
    rules::{Command, Facts, Usage},
    signed::{Hash, Rid, Uid},
};
use vestibule_schema::{
    Connection, Error, models,
    repository::{approves, denials, devices, requests, rooms, store},
};

use crate::{convert, submission::Submission};

/// The rows behind the facts, for writing the change.
#[derive(Default)]
pub(super) struct StoredRows {
    pub(super) room: Option<models::Room>,
    /// The request that the command is about, or another for the same box key.
    pub(super) request: Option<models::Request>,
    pub(super) approve: Option<models::Approve>,
}

/// Loads the facts for a command.
pub(super) fn load_facts(
    conn: &mut Connection,
    quotas: &Quotas,
    submission: &Submission,
    now: i64,
) -> Result<(Facts, StoredRows), Error> {
    let Submission { rid, caller, command, .. } = submission;
    let mut loader = FactLoader { conn, rid, facts: Facts::default(), stored: StoredRows::default() };
    match command {
        Command::Publish { .. } => loader.publish(&caller.uid, quotas)?,
        Command::HandOver { .. } | Command::Appoint { .. } => loader.room()?,
        Command::Request { request_id, box_hash, .. } => {
            loader.ask(&caller.uid, request_id, box_hash, quotas, now)?;
        }
        Command::Approve { approve_id, to, request_id, .. } => {
            loader.room()?;
            loader.approve(approve_id)?;
            loader.request(to, request_id)?;
            loader.approves()?;
        }
        Command::Deny { to, request_id, .. } => {
            loader.room()?;
            loader.facts.usage.denied_in_room = loader.count(|room| room.denied);
            loader.request(to, request_id)?;
            loader.denial(to)?;
        }
        Command::Unblock { uid } => loader.denial(uid)?,
        Command::Withdraw { request_id } | Command::End { request_id } => {
            loader.request(&caller.uid, request_id)?;
        }
        Command::Ack { approve_id, .. } => {
            loader.approved(approve_id)?;
            loader.devices()?;
        }
        Command::Nack { approve_id } | Command::Lapse { approve_id } | Command::Revoke { approve_id } => {
            loader.approved(approve_id)?;
            loader.approves()?;
        }
        Command::Expire { request_id } => {
            loader.request(&caller.uid, request_id)?;
            loader.denial(&caller.uid)?;
        }
    }
    let FactLoader { facts, stored, .. } = loader;
    Ok((facts, stored))
}

struct FactLoader<'a> {
    conn: &'a mut Connection,
    rid: &'a Rid,
    facts: Facts,
    stored: StoredRows,
}

impl FactLoader<'_> {
    fn room(&mut self) -> Result<(), Error> {
        self.stored.room = rooms::find(self.conn, self.rid.as_bytes())?;
        self.facts.room = self.stored.room.as_ref().map(convert::room_facts).transpose()?;
        Ok(())
    }

    /// A counter of the room; 0 if there is no room.
    fn count(&self, of: impl FnOnce(&models::Room) -> i64) -> usize {
        counted(self.stored.room.as_ref().map_or(0, of))
    }

    fn publish(&mut self, uid: &Uid, quotas: &Quotas) -> Result<(), Error> {
        self.room()?;
        if self.facts.room.is_none() {
            let cap = capped(quotas.rooms_per_user);
            self.facts.usage.rooms_of_user = rooms::count_founded_by(self.conn, uid.as_bytes(), cap)?;
        }
        Ok(())
    }

    /// Loads the same for every room, so that a secret room takes no longer than one that does not
    /// exist. Other users' totals come from stored counters, so that it takes no longer the more
    /// they ask.
    fn ask(
        &mut self,
        uid: &Uid,
        request_id: &Id,
        box_hash: &Hash,
        quotas: &Quotas,
        now: i64,
    ) -> Result<(), Error> {
        let (rid, user) = (self.rid.as_bytes(), uid.as_bytes());
        self.room()?;
        self.request(uid, request_id)?;
        let same_box = requests::find_open_by_box(self.conn, rid, user, box_hash.as_bytes(), now)?;
        self.facts.same_box = same_box.as_ref().map(convert::request_facts).transpose()?;
        self.stored.request = self.stored.request.take().or(same_box);
        self.devices()?;
        self.denial(uid)?;
        let cap = capped(quotas.open_per_user_in_room);
        self.facts.usage = Usage {
            open_of_user_in_room: requests::count_open_of_user_in_room(self.conn, rid, user, now, cap)?,
            open_of_user: requests::count_open_of_user(self.conn, user, now, capped(quotas.user_share()))?,
            requests_of_user: requests::count_of_user(self.conn, user, capped(quotas.requests_per_user))?,
            open_in_room: self.count(|room| room.open),
            denied_in_room: self.count(|room| room.denied),
            open_in_all: counted(store::open(self.conn)?),
            rooms_of_user: 0,
        };
        Ok(())
    }

    fn request(&mut self, uid: &Uid, request_id: &Id) -> Result<(), Error> {
        let row = requests::find(self.conn, self.rid.as_bytes(), uid.as_bytes(), request_id.as_bytes())?;
        self.set_request(row)
    }

    fn set_request(&mut self, row: Option<models::Request>) -> Result<(), Error> {
        self.facts.request = row.as_ref().map(convert::request_facts).transpose()?;
        self.stored.request = row;
        Ok(())
    }

    fn approve(&mut self, approve_id: &Id) -> Result<(), Error> {
        self.stored.approve = approves::find(self.conn, self.rid.as_bytes(), approve_id.as_bytes())?;
        self.facts.approve = self.stored.approve.as_ref().map(convert::approve_facts).transpose()?;
        Ok(())
    }

    /// Loads an approve and the request that it answers.
    fn approved(&mut self, approve_id: &Id) -> Result<(), Error> {
        self.approve(approve_id)?;
        let Some(approve) = &self.stored.approve else { return Ok(()) };
        let row = requests::find(self.conn, &approve.rid, &approve.to_uid, &approve.request_id)?;
        self.set_request(row)
    }

    /// Loads all approves of the request.
    fn approves(&mut self) -> Result<(), Error> {
        let Some(request) = &self.stored.request else { return Ok(()) };
        let rows = approves::of_request(self.conn, &request.rid, &request.uid, &request.request_id)?;
        self.facts.approves = rows.iter().map(convert::approve_facts).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn devices(&mut self) -> Result<(), Error> {
        let Some(request) = &self.stored.request else { return Ok(()) };
        let rows = devices::of_request(self.conn, request.id)?;
        self.facts.devices = rows.iter().map(convert::device_facts).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn denial(&mut self, uid: &Uid) -> Result<(), Error> {
        let row = denials::find(self.conn, self.rid.as_bytes(), uid.as_bytes())?;
        self.facts.denial = row.as_ref().map(convert::denial_facts);
        Ok(())
    }
}

fn capped(quota: usize) -> u32 {
    u32::try_from(quota).unwrap_or(u32::MAX)
}

fn counted(count: i64) -> usize {
    usize::try_from(count).unwrap_or_default()
}
