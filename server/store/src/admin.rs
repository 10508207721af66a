//! Reads for operators: everybody's rooms and requests, and the operators' audit log.
//!
//! Clients never see any of it. Of a stored frame only the public parts of a card are read, and no
//! frame is returned.

use strum::VariantNames as _;
use vestibule_approve::{
    frames::{Card, Id, Policy},
    rules::RequestState,
    signed::{Rid, Uid},
};
use vestibule_schema::{
    Connection, Error,
    models::{self, NewAct, OpenRequest},
    repository::{approves, audit, requests, rooms},
};

use crate::{convert, error::StoreError, store::Store};

/// How many rooms are read at a time.
const CHUNK: u32 = 500;
/// The most rooms that one search looks at. The next call continues there.
const MAX_LOOKED_AT: u32 = 5000;

/// Which rooms to find. A field that is `None` matches all.
#[derive(Clone, Debug, Default)]
pub struct RoomSearch {
    /// A part of the name, in any case.
    pub name: Option<String>,
    /// The policy.
    pub policy: Option<Policy>,
}

/// A room as operators see it.
#[derive(Clone, Debug)]
pub struct RoomRecord {
    /// The published card.
    pub card: Card,
    /// When it was created, in Unix milliseconds.
    pub created: i64,
    /// The creator. Rooms of version 0.1.0 have none.
    pub creator: Option<Uid>,
    /// Whether the directory lists it, if its policy allows that.
    pub is_listed: bool,
    /// How many requests are open, or denied and can still be approved.
    pub waiting: i64,
}

/// Which requests to find. A field that is `None` matches all.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestSearch {
    /// The room.
    pub rid: Option<Rid>,
    /// The requester.
    pub uid: Option<Uid>,
    /// The state; `None` matches open requests.
    pub state: Option<RequestState>,
    /// Only requests stored before this time, in Unix milliseconds.
    pub created_before: Option<i64>,
}

/// A request without its frame.
#[derive(Clone, Copy, Debug)]
pub struct RequestRecord {
    /// The request's position in the list: pass it as `after` to continue.
    pub place: i64,
    /// The room.
    pub rid: Rid,
    /// The requester.
    pub uid: Uid,
    /// The request's id.
    pub request_id: Id,
    /// The state.
    pub state: RequestState,
    /// When it was stored, in Unix milliseconds.
    pub created: i64,
    /// When it expires, in Unix milliseconds.
    pub exp: i64,
    /// How many live approves it has.
    pub approvals: i64,
    /// When it was closed, in Unix milliseconds.
    pub closed: Option<i64>,
}

/// A line of the audit log.
#[derive(Clone, Debug)]
pub struct Act {
    /// The line's number, which grows.
    pub number: i64,
    /// When it happened, in Unix milliseconds.
    pub at: i64,
    /// The operator's name.
    pub operator: String,
    /// The operation.
    pub act: String,
    /// What it was done to.
    pub target: String,
    /// The HTTP status of the answer; `None` if the server stopped before it answered.
    pub result: Option<i32>,
}

impl Store {
    /// Finds at most `limit` rooms with ids after `after`. Returns the id to continue from if there
    /// may be more: a search by name may find nothing in one call and something in the next.
    pub async fn rooms(
        &self,
        search: RoomSearch,
        after: Option<Rid>,
        limit: usize,
    ) -> Result<(Vec<RoomRecord>, Option<Rid>), StoreError> {
        let name = search.name.map(|name| name.to_lowercase());
        self.read(move |conn| {
            let policies = search.policy.map_or(Policy::VARIANTS.to_vec(), |policy| vec![policy.as_str()]);
            let (mut found, mut after, mut looked_at) = (Vec::new(), after, 0);
            while looked_at < MAX_LOOKED_AT {
                let rows = rooms::page(conn, &policies, after.as_ref().map(Rid::as_bytes), CHUNK)?;
                let is_last = rows.len() < CHUNK as usize;
                for row in &rows {
                    if found.len() == limit {
                        return Ok((found, after));
                    }
                    let room = room_record(row)?;
                    after = Some(room.card.rid);
                    if name.as_ref().is_none_or(|name| is_named(&room.card, name)) {
                        found.push(room);
                    }
                }
                if is_last {
                    return Ok((found, None));
                }
                looked_at += CHUNK;
            }
            Ok((found, after))
        })
        .await
    }

    /// Finds one room.
    pub async fn room(&self, rid: Rid) -> Result<Option<RoomRecord>, StoreError> {
        self.read(move |conn| find_room(conn, &rid)).await
    }

    /// Finds at most `limit` requests after the position `after`, oldest first.
    pub async fn requests(
        &self,
        search: RequestSearch,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RequestRecord>, StoreError> {
        let now = self.clock.now_ms();
        let filter = models::RequestFilter {
            rid: search.rid.map(|rid| rid.as_bytes().to_vec()),
            uid: search.uid.map(|uid| uid.as_bytes().to_vec()),
            state: search.state.map(convert::row_state),
            created_before: search.created_before,
        };
        self.read(move |conn| {
            let rows = requests::search(conn, &filter, after, limit, now)?;
            rows.iter().map(request_record).collect()
        })
        .await
    }

    /// Finds one request in any state.
    pub async fn request(
        &self,
        rid: Rid,
        uid: Uid,
        request_id: Id,
    ) -> Result<Option<RequestRecord>, StoreError> {
        let now = self.clock.now_ms();
        self.read(move |conn| {
            let (room, user) = (rid.as_bytes(), uid.as_bytes());
            let Some(request) = requests::find(conn, room, user, request_id.as_bytes())? else {
                return Ok(None);
            };
            let approves = approves::of_request(conn, room, user, request_id.as_bytes())?;
            let is_live = |row: &&models::Approve| row.state == models::ApproveState::Live && row.exp > now;
            let approvals = i64::try_from(approves.iter().filter(is_live).count()).unwrap_or(i64::MAX);
            request_record(&OpenRequest { request, approvals }).map(Some)
        })
        .await
    }

    /// Records what an operator is about to do. Returns the line's number.
    pub async fn begin_act(&self, operator: String, act: String, target: String) -> Result<i64, StoreError> {
        self.write(move |conn, rules| {
            let act = NewAct { at: rules.clock.now_ms(), operator: &operator, act: &act, target: &target };
            audit::begin(conn, &act)
        })
        .await
    }

    /// Records the HTTP status with which it was answered.
    pub async fn finish_act(&self, number: i64, result: u16) -> Result<(), StoreError> {
        self.write(move |conn, _| audit::finish(conn, number, result.into())).await
    }

    /// Returns at most `limit` lines of the audit log with numbers below `before`, latest first.
    pub async fn acts(&self, before: Option<i64>, limit: u32) -> Result<Vec<Act>, StoreError> {
        self.read(move |conn| {
            let rows = audit::page(conn, before, limit)?.into_iter();
            let acts = rows.map(|models::Act { id, at, operator, act, target, result }| Act {
                number: id,
                at,
                operator,
                act,
                target,
                result,
            });
            Ok(acts.collect())
        })
        .await
    }
}

pub(super) fn find_room(conn: &mut Connection, rid: &Rid) -> Result<Option<RoomRecord>, Error> {
    rooms::find(conn, rid.as_bytes())?.as_ref().map(room_record).transpose()
}

fn room_record(row: &models::Room) -> Result<RoomRecord, Error> {
    Ok(RoomRecord {
        card: convert::card(row)?,
        created: row.created,
        creator: row.creator.as_deref().map(convert::fixed).transpose()?,
        is_listed: row.listed,
        waiting: row.open + row.denied,
    })
}

fn request_record(OpenRequest { request, approvals }: &OpenRequest) -> Result<RequestRecord, Error> {
    Ok(RequestRecord {
        place: request.id,
        rid: convert::fixed(&request.rid)?,
        uid: convert::fixed(&request.uid)?,
        request_id: convert::fixed(&request.request_id)?,
        state: convert::state(request.state),
        created: request.created,
        exp: request.exp,
        approvals: *approvals,
        closed: request.closed,
    })
}

fn is_named(card: &Card, part: &str) -> bool {
    card.name.as_ref().is_some_and(|name| name.to_lowercase().contains(part))
}
