//! Reads for joins, lists and the directory. Each runs in one snapshot.

use vestibule_approve::{
    frames::{Card, Id, Policy},
    ids::{Rid, Seq, Uid},
    items::{ApproveItem, Cursor, DenialItem, Notice, RequestItem},
    limits::PAGE,
    rules::{Command, RequestState},
};
use vestibule_schema::{
    Connection, Error,
    repository::{approves, due, requests, rooms, waiting},
};

use crate::{
    RoomRecord, admin, convert,
    error::StoreError,
    pages::{self, ListPage, PageRequest},
    store::Store,
};

/// What a join shows, read in one snapshot.
#[derive(Debug)]
pub struct JoinSnapshot {
    /// The last seq of the user's stream: whatever they are told later has a larger one.
    pub until: Seq,
    /// The room's card, if guests may see it. `None` in an inbox.
    pub card: Option<Card>,
    /// The user's own open requests.
    pub mine: ListPage<RequestItem>,
    /// The approves that wait for the user.
    pub approves: ListPage<ApproveItem>,
    /// The notices that the user has not seen.
    pub notices: ListPage<Notice>,
}

/// Something that has expired, and the command that ends it.
#[derive(Debug)]
pub struct Due {
    /// The room.
    pub rid: Rid,
    /// The requester, or the recipient of the approve.
    pub uid: Uid,
    /// The command, sent in that user's name.
    pub command: Command,
}

/// The most of each kind that one call returns.
const MAX_DUE: u32 = 256;

impl Store {
    /// Reads what a join shows to `uid`, in one room or, with `None`, everywhere. Of the notices,
    /// those after `notices_after`.
    pub async fn join_snapshot(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        notices_after: Seq,
    ) -> Result<JoinSnapshot, StoreError> {
        let wanted = self.page_request(Cursor::START, PAGE);
        self.read(move |conn| {
            let card = match &rid {
                Some(rid) => find_card(conn, rid)?.filter(convert::is_shown),
                None => None,
            };
            let rid = rid.as_ref();
            let (user, room) = (uid.as_bytes(), rid.map(Rid::as_bytes));
            let waiting = waiting::for_user(conn, user, room, notices_after.0, wanted.now)?;
            let wanted = PageRequest { last: Some(Seq(waiting.seq)), ..wanted };
            let mine =
                if waiting.requests { pages::mine(conn, &uid, rid, wanted)? } else { wanted.nothing() };
            let approves =
                if waiting.approves { pages::approved(conn, &uid, rid, wanted)? } else { wanted.nothing() };
            let unseen = PageRequest { from: Cursor { after: notices_after, ..Cursor::START }, ..wanted };
            let notices =
                if waiting.notices { pages::notices(conn, &uid, rid, unseen)? } else { unseen.nothing() };
            Ok(JoinSnapshot { until: approves.until, card, mine, approves, notices })
        })
        .await
    }

    /// Reads what a new member of a room is shown: the room, and the first page of its open
    /// requests.
    pub async fn member_snapshot(
        &self,
        rid: Rid,
        limit: i64,
    ) -> Result<(Option<RoomRecord>, ListPage<RequestItem>), StoreError> {
        let wanted = self.page_request(Cursor::START, limit);
        self.read(move |conn| Ok((admin::find_room(conn, &rid)?, pages::pending(conn, &rid, wanted)?))).await
    }

    /// Lists the user's own open requests, in one room or everywhere.
    pub async fn mine(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        from: Cursor,
        limit: i64,
    ) -> Result<ListPage<RequestItem>, StoreError> {
        let wanted = self.page_request(from, limit);
        self.read(move |conn| pages::mine(conn, &uid, rid.as_ref(), wanted)).await
    }

    /// Lists the notices for `uid`, about one room or all.
    pub async fn notices(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        from: Cursor,
        limit: i64,
    ) -> Result<ListPage<Notice>, StoreError> {
        let wanted = self.page_request(from, limit);
        self.read(move |conn| pages::notices(conn, &uid, rid.as_ref(), wanted)).await
    }

    /// Lists the denials that hold in a room.
    pub async fn denials(
        &self,
        rid: Rid,
        from: Cursor,
        limit: i64,
    ) -> Result<ListPage<DenialItem>, StoreError> {
        let wanted = self.page_request(from, limit);
        self.read(move |conn| pages::denials(conn, &rid, wanted)).await
    }

    /// Finds what has expired by `now`, in Unix milliseconds, and must be ended.
    pub async fn due(&self, now: i64) -> Result<Vec<Due>, StoreError> {
        let devices_before = now - self.quotas.load().devices_ms;
        self.read(move |conn| {
            let requests = due::page(conn, now, devices_before, MAX_DUE)?.into_iter().map(|row| {
                let command = Command::Expire { request_id: convert::fixed(&row.request_id)? };
                Ok(Due { rid: convert::fixed(&row.rid)?, uid: convert::fixed(&row.uid)?, command })
            });
            let approves = approves::lapsed(conn, now, MAX_DUE)?.into_iter().map(|row| {
                let command = Command::Lapse { approve_id: convert::fixed(&row.approve_id)? };
                Ok(Due { rid: convert::fixed(&row.rid)?, uid: convert::fixed(&row.to_uid)?, command })
            });
            requests.chain(approves).collect()
        })
        .await
    }

    /// Lists the open requests of a room.
    pub async fn pending(
        &self,
        rid: Rid,
        from: Cursor,
        limit: i64,
    ) -> Result<ListPage<RequestItem>, StoreError> {
        let wanted = self.page_request(from, limit);
        self.read(move |conn| pages::pending(conn, &rid, wanted)).await
    }

    /// Lists the approves that wait for `uid`, in one room or everywhere.
    pub async fn approved(
        &self,
        uid: Uid,
        rid: Option<Rid>,
        from: Cursor,
        limit: i64,
    ) -> Result<ListPage<ApproveItem>, StoreError> {
        let wanted = self.page_request(from, limit);
        self.read(move |conn| pages::approved(conn, &uid, rid.as_ref(), wanted)).await
    }

    /// The state of a request; `None` if `uid` has no such request.
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
            let state = convert::state(row.state);
            let is_over = matches!(state, RequestState::Pending | RequestState::Approved) && row.exp <= now;
            Ok(Some(if is_over { RequestState::Expired } else { state }))
        })
        .await
    }

    /// A room's card, even of a secret room.
    pub async fn card(&self, rid: Rid) -> Result<Option<Card>, StoreError> {
        self.read(move |conn| find_card(conn, &rid)).await
    }

    /// A room's card, if guests may see it.
    pub async fn public_card(&self, rid: Rid) -> Result<Option<Card>, StoreError> {
        Ok(self.card(rid).await?.filter(convert::is_shown))
    }

    /// Reads a page of the directory: listed rooms that are not secret, ordered by id.
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
            rows.iter().map(convert::card).collect()
        })
        .await
    }

    fn page_request(&self, from: Cursor, limit: i64) -> PageRequest {
        let (now, bytes, show_accounts) = (self.clock.now_ms(), self.page_bytes, self.shows_accounts());
        PageRequest { from, limit, now, bytes, show_accounts, last: None }
    }
}

fn find_card(conn: &mut Connection, rid: &Rid) -> Result<Option<Card>, Error> {
    rooms::find(conn, rid.as_bytes())?.as_ref().map(convert::card).transpose()
}
