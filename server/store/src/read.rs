//! What joins, lists and the directory read. Each read is of one moment.

use tokio::task::spawn_blocking;
use vestibule_approve::{
    frames::{Card, Id, Policy},
    items::{ApproveItem, Cursor, DenialItem, Notice, RequestItem},
    limits::PAGE,
    rules::{Command, RequestState},
    signed::{Rid, Uid},
};
use vestibule_schema::{
    Connection, Error,
    repository::{approves, due, requests, rooms, store::snapshot},
};

use super::{
    Seq, Store, StoreError,
    pages::{self, Page, Window},
    record,
};

/// What somebody finds who joins.
#[derive(Debug)]
pub struct Arrival {
    /// The moment: what is stored later has a larger seq.
    pub until: Seq,
    /// The room's card, where there is a room and it is shown to guests.
    pub card: Option<Card>,
    /// The own open requests.
    pub mine: Page<RequestItem>,
    /// The approves that wait.
    pub approves: Page<ApproveItem>,
    /// The notices that were not seen yet.
    pub notices: Page<Notice>,
}

/// Something whose time is over, and the command that ends it.
#[derive(Debug)]
pub struct Due {
    /// The room.
    pub rid: Rid,
    /// Whose request it is, or whom the approve is for.
    pub uid: Uid,
    /// What is to be done, on that user's behalf.
    pub command: Command,
}

/// The most that a sweep is handed at once.
const MAX_DUE: u32 = 256;

impl Store {
    /// What `uid` finds in one room, or everywhere; of the notices, those after `notices_after`.
    pub async fn arrival(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        notices_after: Seq,
    ) -> Result<Arrival, StoreError> {
        let window = self.window(Cursor::START, PAGE);
        self.read(move |conn| {
            let card = match &rid {
                Some(rid) => find_card(conn, rid)?.filter(record::is_shown),
                None => None,
            };
            let rid = rid.as_ref();
            let mine = pages::mine(conn, &uid, rid, window)?;
            let approves = pages::approved(conn, &uid, rid, window)?;
            let unseen = Cursor { after: notices_after, ..Cursor::START };
            let notices = pages::notices(conn, &uid, rid, Window { from: unseen, ..window })?;
            Ok(Arrival { until: approves.until, card, mine, approves, notices })
        })
        .await
    }

    /// The own open requests, in one room or everywhere.
    pub async fn mine(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        from: Cursor,
        limit: i64,
    ) -> Result<Page<RequestItem>, StoreError> {
        let window = self.window(from, limit);
        self.read(move |conn| pages::mine(conn, &uid, rid.as_ref(), window)).await
    }

    /// The notices for `uid`, about one room or all.
    pub async fn notices(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        from: Cursor,
        limit: i64,
    ) -> Result<Page<Notice>, StoreError> {
        let window = self.window(from, limit);
        self.read(move |conn| pages::notices(conn, &uid, rid.as_ref(), window)).await
    }

    /// The denials that hold in a room.
    pub async fn denials(&self, rid: Rid, from: Cursor, limit: i64) -> Result<Page<DenialItem>, StoreError> {
        let window = self.window(from, limit);
        self.read(move |conn| pages::denials(conn, &rid, window)).await
    }

    /// What is over and has to be ended.
    pub async fn due(&self, now: i64) -> Result<Vec<Due>, StoreError> {
        let devices_before = now - self.quotas.load().devices_ms;
        self.read(move |conn| {
            let requests = due::page(conn, now, devices_before, MAX_DUE)?.into_iter().map(|row| {
                let command = Command::Expire { request_id: record::fixed(&row.request_id)? };
                Ok(Due { rid: record::fixed(&row.rid)?, uid: record::fixed(&row.uid)?, command })
            });
            let approves = approves::lapsed(conn, now, MAX_DUE)?.into_iter().map(|row| {
                let command = Command::Lapse { approve_id: record::fixed(&row.approve_id)? };
                Ok(Due { rid: record::fixed(&row.rid)?, uid: record::fixed(&row.to_uid)?, command })
            });
            requests.chain(approves).collect()
        })
        .await
    }

    /// The open requests of a room.
    pub async fn pending(&self, rid: Rid, from: Cursor, limit: i64) -> Result<Page<RequestItem>, StoreError> {
        let window = self.window(from, limit);
        self.read(move |conn| pages::pending(conn, &rid, window)).await
    }

    /// The approves that wait for `uid`, in one room or everywhere.
    pub async fn approved(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        from: Cursor,
        limit: i64,
    ) -> Result<Page<ApproveItem>, StoreError> {
        let window = self.window(from, limit);
        self.read(move |conn| pages::approved(conn, &uid, rid.as_ref(), window)).await
    }

    /// Where a request stands, `None` where `uid` has no such request.
    pub async fn status(
        &self,
        rid: Rid,
        uid: Uid,
        request_id: Id,
    ) -> Result<Option<RequestState>, StoreError> {
        let now = self.clock.now_ms();
        self.read(move |conn| {
            let row = requests::find(conn, rid.as_bytes(), uid.as_bytes(), request_id.as_bytes())?;
            let Some(row) = row else { return Ok(None) };
            let state = record::state(row.state);
            let is_over = matches!(state, RequestState::Pending | RequestState::Approved) && row.exp <= now;
            Ok(Some(if is_over { RequestState::Expired } else { state }))
        })
        .await
    }

    /// A room's card, also a secret room's.
    pub async fn card(&self, rid: Rid) -> Result<Option<Card>, StoreError> {
        self.read(move |conn| find_card(conn, &rid)).await
    }

    /// A room's card, if it may be shown to anybody.
    pub async fn public_card(&self, rid: Rid) -> Result<Option<Card>, StoreError> {
        Ok(self.card(rid).await?.filter(record::is_shown))
    }

    /// A page of the directory: rooms that are listed and not secret, by id.
    pub async fn directory(
        &self,
        policy: Option<Policy>,
        after: Option<Rid>,
        limit: u32,
    ) -> Result<Vec<Card>, StoreError> {
        self.read(move |conn| {
            let policies = match policy {
                Some(Policy::Secret) => return Ok(Vec::new()),
                Some(policy) => vec![policy.as_str()],
                None => vec![Policy::Open.as_str(), Policy::Request.as_str()],
            };
            let rows = rooms::directory(conn, &policies, after.as_ref().map(Rid::as_bytes), limit)?;
            rows.iter().map(record::card).collect()
        })
        .await
    }

    fn window(&self, from: Cursor, limit: i64) -> Window {
        Window { from, limit, now: self.clock.now_ms(), bytes: self.page_bytes }
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        let read = spawn_blocking(move || snapshot(&mut *readers.get()?, query)).await;
        let failed = match read {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => self.verdicts.on_read(&error),
            Err(error) => {
                tracing::error!(%error, "the store cannot be read");
                StoreError::Unavailable
            }
        };
        self.metrics.read_failed();
        Err(failed)
    }
}

fn find_card(conn: &mut Connection, rid: &Rid) -> Result<Option<Card>, Error> {
    rooms::find(conn, rid.as_bytes())?.as_ref().map(record::card).transpose()
}
