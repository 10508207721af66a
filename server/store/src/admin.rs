//! What operators look at: rooms and requests of everybody, and the log of their own acts.
//!
//! Nothing in here is for clients. A frame is looked into for what is public in a card, and never handed on.

use strum::VariantNames as _;
use vestibule_approve::{
    frames::{Card, Id, Policy},
    rules::RequestState,
    signed::{Rid, Uid},
};
use vestibule_schema::{
    Error,
    models::{self, NewAct, OpenRequest},
    repository::{approves, audit, requests, rooms},
};

use crate::{convert, error::StoreError, store::Store};

/// Rooms that are read at a time.
const CHUNK: u32 = 500;
/// The most rooms that one search looks at; it goes on from there when it is asked again.
const MAX_LOOKED_AT: u32 = 5000;

/// Which rooms are looked for. What is not said fits all.
#[derive(Clone, Debug, Default)]
pub struct RoomSearch {
    /// Those in whose names this is, in whatever case.
    pub name: Option<String>,
    /// Those of this policy.
    pub policy: Option<Policy>,
}

/// A room.
#[derive(Clone, Debug)]
pub struct RoomRecord {
    /// Its card.
    pub card: Card,
    /// When it was made, in Unix milliseconds.
    pub created: i64,
    /// Its creator, where one is known.
    pub creator: Option<Uid>,
    /// Whether the directory lists it, if its policy allows that.
    pub is_listed: bool,
    /// How many of its requests wait: open ones, and denied ones that may still be approved.
    pub waiting: i64,
}

/// Which requests are looked for. What is not said fits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestSearch {
    /// Those for this room's key.
    pub rid: Option<Rid>,
    /// Those of this user.
    pub uid: Option<Uid>,
    /// Those of this state; else those that are open.
    pub state: Option<RequestState>,
    /// Those that were stored before this moment, in Unix milliseconds.
    pub created_before: Option<i64>,
}

/// A request, without what is in it.
#[derive(Clone, Copy, Debug)]
pub struct RequestRecord {
    /// Its place in the list.
    pub place: i64,
    /// The room.
    pub rid: Rid,
    /// Who asks.
    pub uid: Uid,
    /// Its id.
    pub request_id: Id,
    /// Where it stands.
    pub state: RequestState,
    /// When it was stored, in Unix milliseconds.
    pub created: i64,
    /// When it ends.
    pub exp: i64,
    /// How many approves wait for the newcomer.
    pub approvals: i64,
    /// When it was finished, if it is.
    pub closed: Option<i64>,
}

/// What an operator did.
#[derive(Clone, Debug)]
pub struct Act {
    /// Its number, which grows.
    pub number: i64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// Who.
    pub operator: String,
    /// What.
    pub act: String,
    /// To what.
    pub target: String,
    /// The HTTP status it was answered with; nothing where the server ended meanwhile.
    pub result: Option<i32>,
}

impl Store {
    /// At most `limit` rooms that fit, with ids after `after`; and the id to go on from, if there may be more. A search for a name
    /// may find none for a while and yet have to go on.
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

    /// One room.
    pub async fn room(&self, rid: Rid) -> Result<Option<RoomRecord>, StoreError> {
        self.read(move |conn| rooms::find(conn, rid.as_bytes())?.as_ref().map(room_record).transpose()).await
    }

    /// At most `limit` requests that fit, behind the place `after`, in the order in which they came.
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

    /// One request, in whatever state.
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

    /// Writes down what an operator is about to do. Gives the line's number.
    pub async fn begin_act(&self, operator: String, act: String, target: String) -> Result<i64, StoreError> {
        self.write(move |conn, _, now_us| {
            let act = NewAct { at: now_us / 1000, operator: &operator, act: &act, target: &target };
            audit::begin(conn, &act)
        })
        .await
    }

    /// Writes down what came of it.
    pub async fn finish_act(&self, number: i64, result: u16) -> Result<(), StoreError> {
        self.write(move |conn, _, _| audit::finish(conn, number, result.into())).await
    }

    /// What operators did, latest first: at most `limit` acts before that number.
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
