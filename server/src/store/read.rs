//! What joins, lists and the directory read. Each read is of one moment.

use actix_web::web;
use vestibule_protocol::{
    approve::{
        frames::{Card, Id, Policy},
        items::{ApproveItem, Cursor, RequestItem},
        limits::PAGE,
        refusal::{Reason, Refusal},
        rules::RequestState,
    },
    signed::{Rid, Uid},
};
use vestibule_schema::{
    Connection, Error,
    repository::{
        approves, requests, rooms,
        store::{last_seq, snapshot},
    },
};

use super::{Store, record};
use crate::clock;

/// What somebody finds who joins.
#[derive(Debug)]
pub struct Arrival {
    /// The moment: what is stored later has a larger seq.
    pub until: i64,
    /// The room's card, where there is a room and it is shown to guests.
    pub card: Option<Card>,
    /// The own open requests.
    pub mine: Vec<RequestItem>,
    /// The approves that wait.
    pub approves: Page<ApproveItem>,
}

/// A page of a list, oldest first.
#[derive(Debug)]
pub struct Page<T> {
    /// At most a page of items.
    pub items: Vec<T>,
    /// Where the next page starts.
    pub next: Option<Cursor>,
    /// The moment up to which the list goes.
    pub until: i64,
}

impl Store {
    /// What `uid` finds in one room, or everywhere.
    pub async fn arrival(&self, uid: Uid, rid: Option<Rid>) -> Result<Arrival, Refusal> {
        self.read(move |conn| {
            let card = match &rid {
                Some(rid) => find_card(conn, rid)?.filter(record::is_shown),
                None => None,
            };
            let room = rid.as_ref().map(Rid::as_bytes);
            let mine = requests::open_of_user(conn, uid.as_bytes(), room, clock::now_ms(), page_size(PAGE))?;
            let mine = mine.iter().map(record::request_item).collect::<Result<_, _>>()?;
            let approves = approves_page(conn, &uid, room, Cursor::START, PAGE)?;
            Ok(Arrival { until: approves.until, card, mine, approves })
        })
        .await
    }

    /// The open requests of a room.
    pub async fn pending(&self, rid: Rid, from: Cursor, limit: i64) -> Result<Page<RequestItem>, Refusal> {
        self.read(move |conn| {
            let until = from.until.min(last_seq(conn)?);
            let limit = limit.clamp(1, PAGE);
            let rows = requests::open_in_room(
                conn,
                rid.as_bytes(),
                from.after,
                page_size(limit + 1),
                clock::now_ms(),
            )?;
            let items = rows.iter().map(record::request_item).collect::<Result<_, _>>()?;
            Ok(page(items, limit, until, |item: &RequestItem| item.seq))
        })
        .await
    }

    /// The approves that wait for `uid`, in one room or everywhere.
    pub async fn approved(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        from: Cursor,
        limit: i64,
    ) -> Result<Page<ApproveItem>, Refusal> {
        self.read(move |conn| approves_page(conn, &uid, rid.as_ref().map(Rid::as_bytes), from, limit)).await
    }

    /// Where a request stands, `None` where `uid` has no such request.
    pub async fn status(&self, rid: Rid, uid: Uid, request_id: Id) -> Result<Option<RequestState>, Refusal> {
        self.read(move |conn| {
            let row = requests::find(conn, rid.as_bytes(), uid.as_bytes(), request_id.as_bytes())?;
            let Some(row) = row else { return Ok(None) };
            let state = record::state(row.state)?;
            let is_over =
                matches!(state, RequestState::Pending | RequestState::Approved) && row.exp <= clock::now_ms();
            Ok(Some(if is_over { RequestState::Expired } else { state }))
        })
        .await
    }

    /// A room's card, also a secret room's.
    pub async fn card(&self, rid: Rid) -> Result<Option<Card>, Refusal> {
        self.read(move |conn| find_card(conn, &rid)).await
    }

    /// A room's card, if it may be shown to anybody.
    pub async fn public_card(&self, rid: Rid) -> Result<Option<Card>, Refusal> {
        Ok(self.card(rid).await?.filter(record::is_shown))
    }

    /// A page of the directory: rooms that are not secret, by id.
    pub async fn directory(
        &self,
        policy: Option<Policy>,
        after: Option<Rid>,
        limit: u32,
    ) -> Result<Vec<Card>, Refusal> {
        self.read(move |conn| {
            let policies = match policy {
                Some(Policy::Secret) => return Ok(Vec::new()),
                Some(policy) => vec![policy.as_str()],
                None => vec![Policy::Open.as_str(), Policy::Request.as_str()],
            };
            let rows = rooms::page(conn, &policies, after.as_ref().map(Rid::as_bytes), limit)?;
            rows.iter().map(record::card).collect()
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        let readers = self.readers.clone();
        let read = web::block(move || snapshot(&mut *readers.get()?, query)).await;
        let error = match read {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(error, "the store cannot be read");
        Err(Reason::Unavailable.retry_after(5000))
    }
}

fn find_card(conn: &mut Connection, rid: &Rid) -> Result<Option<Card>, Error> {
    rooms::find(conn, rid.as_bytes())?.as_ref().map(record::card).transpose()
}

fn approves_page(
    conn: &mut Connection,
    uid: &Uid,
    rid: Option<&[u8]>,
    from: Cursor,
    limit: i64,
) -> Result<Page<ApproveItem>, Error> {
    let until = from.until.min(last_seq(conn)?);
    let limit = limit.clamp(1, PAGE);
    let rows =
        approves::waiting_for(conn, uid.as_bytes(), rid, from.after, page_size(limit + 1), clock::now_ms())?;
    let items = rows.iter().map(record::approve_item).collect::<Result<_, _>>()?;
    Ok(page(items, limit, until, |item: &ApproveItem| item.seq))
}

/// Cuts a list that was read one item too far, to see whether there is more.
fn page<T>(mut items: Vec<T>, limit: i64, until: i64, seq: impl Fn(&T) -> i64) -> Page<T> {
    items.retain(|item| seq(item) <= until);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|last| Cursor { after: seq(last), until });
    Page { items, next, until }
}

fn page_size(limit: i64) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
