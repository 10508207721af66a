//! Loads the rows that commands need, and locks the streams that they write to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vestibule_approve::ids::{Rid, Uid};
use vestibule_schema::{
    Connection, Error, models,
    repository::{
        gather,
        streams::{self, Topic},
    },
};

use super::{
    ApproveRow, Counts, DenialRow, DeviceRow, RequestRow, RoomRow, Rows, Rules,
    names::{ApproveName, Place, RequestName, approve_keys, request_keys, user_keys, users_in_rooms},
    wanted::Wanted,
};
use crate::{convert, order::Held, submission::Submission};

impl<'a> Rows<'a> {
    pub(super) fn load(
        conn: &mut Connection,
        rules: Rules<'a>,
        commands: &[&Submission],
        held: &mut Held<'_>,
    ) -> Result<Self, Error> {
        let mut streams = streams::begin(conn)?;
        let rooms = commands.iter().map(|command| Topic::room(command.rid.as_bytes())).collect();
        streams::lock_stored(conn, &mut streams, &rooms)?;
        let mut rows = Rows {
            quotas: rules.quotas,
            // After the locks, for which it may have waited.
            now_us: rules.clock.now_us(),
            rooms: HashMap::new(),
            requests: HashMap::new(),
            open_of: HashMap::new(),
            denied_of: HashMap::new(),
            approves: HashMap::new(),
            approves_of: HashMap::new(),
            denials: HashMap::new(),
            counts: HashMap::new(),
            founded: HashMap::new(),
            open_in_all: rules.open_total.get(conn)?,
            notices: Vec::new(),
            streams,
            has_changed: false,
        };
        let mut wanted = Wanted::by(commands);
        rows.load_rooms(conn, &wanted)?;
        rows.lock_new_rooms(conn, &wanted.published)?;
        rows.load_named_approves(conn, &mut wanted)?;
        rows.load_denials(conn, &wanted.denials)?;
        rows.load_asking(conn, &wanted, commands.len())?;
        rows.load_requests(conn, &wanted)?;
        rows.load_denied(conn, &wanted)?;
        rows.load_devices(conn, &wanted)?;
        let told = commands.iter().flat_map(|command| rows.told_by(command, &wanted));
        let told: BTreeSet<Uid> = told.collect();
        held.take(&told);
        let told = told.iter().map(|uid| Topic::user(uid.as_bytes())).collect();
        streams::lock(conn, &mut rows.streams, &told)?;
        Ok(rows)
    }

    fn load_rooms(&mut self, conn: &mut Connection, wanted: &Wanted) -> Result<(), Error> {
        let rids: Vec<&[u8]> = wanted.rooms.iter().map(Rid::as_bytes).collect();
        self.rooms = wanted.rooms.iter().map(|rid| (*rid, None)).collect();
        for row in gather::rooms(conn, &rids)? {
            let (rid, facts) = (convert::fixed(&row.rid)?, convert::room_facts(&row)?);
            self.rooms.insert(rid, Some(RoomRow::stored(row, facts)));
        }
        let cap = capped(self.quotas.rooms_per_user);
        let founded = gather::founded_by(conn, &user_keys(&wanted.founders), cap)?;
        self.founded = wanted.founders.iter().copied().zip(founded).collect();
        Ok(())
    }

    /// Locks the streams of rooms that may be new.
    fn lock_new_rooms(&mut self, conn: &mut Connection, published: &BTreeSet<Rid>) -> Result<(), Error> {
        let topics = published.iter().map(|rid| Topic::room(rid.as_bytes()));
        let new = topics.filter(|topic| !self.streams.has(topic)).collect();
        streams::lock(conn, &mut self.streams, &new)
    }

    /// Loads the approves that commands name. The requests that they answer are wanted then.
    fn load_named_approves(&mut self, conn: &mut Connection, wanted: &mut Wanted) -> Result<(), Error> {
        self.approves = wanted.approves.iter().map(|name| (*name, None)).collect();
        for row in gather::approves(conn, &approve_keys(&wanted.approves))? {
            wanted.requests.insert(RequestName::answered_by(&row)?);
            self.approves.insert(ApproveName::of(&row)?, Some(ApproveRow::stored(row)));
        }
        Ok(())
    }

    fn load_denials(&mut self, conn: &mut Connection, places: &BTreeSet<Place>) -> Result<(), Error> {
        self.denials.extend(places.iter().map(|place| (*place, None)));
        for row in gather::denials(conn, &users_in_rooms(places))? {
            let place = Place { rid: convert::fixed(&row.rid)?, uid: convert::fixed(&row.uid)? };
            self.denials.insert(place, Some(DenialRow { row, change: None }));
        }
        Ok(())
    }

    /// Loads what those who ask have open, and what counts against their quotas.
    fn load_asking(&mut self, conn: &mut Connection, wanted: &Wanted, commands: usize) -> Result<(), Error> {
        let now = self.now_us.ms();
        self.open_of = wanted.asking.iter().map(|place| (*place, Vec::new())).collect();
        for row in gather::open_requests(conn, &users_in_rooms(&wanted.asking), now)? {
            let name = self.keep(row)?;
            self.open_of.entry(name.place()).or_default().push(name);
        }
        let users: BTreeSet<Uid> = wanted.asking.iter().map(|place| place.uid).collect();
        // More than the quota, because each of these commands may end one that is open.
        let caps = (capped(self.quotas.user_share() + commands), capped(self.quotas.requests_per_user));
        let counts = gather::request_counts(conn, &user_keys(&users), now, caps)?;
        let counts = counts.into_iter().map(|count| Counts { open: count.open, all: count.all });
        self.counts = users.into_iter().zip(counts).collect();
        Ok(())
    }

    /// Loads the requests that are not here yet, and the approves of those that need them.
    fn load_requests(&mut self, conn: &mut Connection, wanted: &Wanted) -> Result<(), Error> {
        let named = wanted.requests.union(&wanted.asked);
        let missing: BTreeSet<RequestName> =
            named.filter(|name| !self.requests.contains_key(name)).copied().collect();
        self.requests.extend(missing.iter().map(|name| (*name, None)));
        for row in gather::requests(conn, &request_keys(&missing))? {
            self.keep(row)?;
        }
        let is_stored = |name: &&RequestName| matches!(self.requests.get(name), Some(Some(_)));
        let stored: BTreeSet<RequestName> = wanted.requests.iter().filter(is_stored).copied().collect();
        for row in gather::approves_of(conn, &request_keys(&stored))? {
            let name = ApproveName::of(&row)?;
            self.approves_of.entry(RequestName::answered_by(&row)?).or_default().push(name);
            self.approves.insert(name, Some(ApproveRow::stored(row)));
        }
        Ok(())
    }

    /// Loads the devices of the requests of those who ask, those that may be pending again among
    /// them, and of those that are acked.
    fn load_devices(&mut self, conn: &mut Connection, wanted: &Wanted) -> Result<(), Error> {
        let mut named: BTreeSet<RequestName> = self.open_of.values().flatten().copied().collect();
        let again = |place: &Place| self.denied_of.get(place).into_iter().flatten();
        named.extend(wanted.asking.iter().flat_map(again));
        named.extend(&wanted.asked);
        for name in &wanted.acked {
            match self.approves.get(name) {
                Some(Some(approve)) => drop(named.insert(RequestName::answered_by(&approve.row)?)),
                _ => {
                    named.extend(wanted.answers.get(name).into_iter().flatten().map(|(request, _)| *request));
                }
            }
        }
        let mut rows: BTreeMap<i64, RequestName> = BTreeMap::new();
        for name in named {
            // A finished request has no devices.
            if let Some(Some(request)) = self.requests.get(&name)
                && request.row.frame.is_some()
            {
                rows.insert(request.row.id, name);
            }
        }
        let ids: Vec<i64> = rows.keys().copied().collect();
        for (id, device) in gather::devices(conn, &ids)? {
            let request = rows.get(&id).and_then(|name| self.requests.get_mut(name)?.as_mut());
            let (device, has_acked) = (convert::fixed(&device.device)?, device.acked);
            if let Some(request) = request {
                request.devices.push(DeviceRow { device, has_acked, is_new: false, is_changed: false });
            }
        }
        Ok(())
    }

    /// Loads the denied requests of users whose denial is lifted: by a member, or with an approve
    /// of one of them.
    fn load_denied(&mut self, conn: &mut Connection, wanted: &Wanted) -> Result<(), Error> {
        let is_denied = |name: &&RequestName| {
            let row = self.requests.get(name).and_then(Option::as_ref).map(|request| &request.row);
            let is_denied = |row: &models::Request| row.state == models::RequestState::Denied;
            wanted.denied.contains(&name.place()) || row.is_some_and(is_denied)
        };
        let approved = wanted.answers.values().flatten().map(|(request, _)| request);
        let overruled: BTreeSet<Place> = approved.filter(is_denied).map(RequestName::place).collect();
        let missing = overruled.iter().filter(|place| !self.denials.contains_key(place)).copied().collect();
        self.load_denials(conn, &missing)?;
        let has_denial = |place: &&Place| matches!(self.denials.get(place), Some(Some(_)));
        let lifted = wanted.lifted.union(&overruled).filter(has_denial).copied().collect();
        for row in gather::denied_requests(conn, &users_in_rooms(&lifted), self.now_us.ms())? {
            let name = self.keep(row)?;
            self.denied_of.entry(name.place()).or_default().push(name);
        }
        Ok(())
    }

    /// Keeps a request, unless it is here.
    fn keep(&mut self, row: models::Request) -> Result<RequestName, Error> {
        let name = RequestName::of(&row)?;
        self.requests.entry(name).or_default().get_or_insert_with(|| RequestRow::stored(row));
        Ok(name)
    }
}

fn capped(quota: usize) -> u32 {
    u32::try_from(quota).unwrap_or(u32::MAX)
}
