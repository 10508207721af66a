//! Rows as plain structs. Ids and frames are bytes, times are Unix milliseconds, `seq` is the
//! number that grows with every stored frame.

use diesel::backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::SmallInt;

use crate::connection::Backend;
use crate::tables::{approves, audit, denials, devices, notices, requests, rooms};

/// Stores a fieldless enum as a number. Reading a number without a variant is an error.
macro_rules! stored_as_number {
    ($type:ident: $($variant:ident),+) => {
        impl<DB: backend::Backend> ToSql<SmallInt, DB> for $type
        where
            i16: ToSql<SmallInt, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                match self {
                    $(Self::$variant => <i16 as ToSql<SmallInt, DB>>::to_sql(&(Self::$variant as i16), out),)+
                }
            }
        }

        impl<DB: backend::Backend> FromSql<SmallInt, DB> for $type
        where
            i16: FromSql<SmallInt, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let number = <i16 as FromSql<SmallInt, DB>>::from_sql(value)?;
                $(if number == Self::$variant as i16 {
                    return Ok(Self::$variant);
                })+
                Err(format!("{number} is no {}", stringify!($type)).into())
            }
        }
    };
}

/// The state of a request. The numbers are stored and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = SmallInt)]
pub enum RequestState {
    /// Nobody has approved it yet. Open.
    Pending = 0,
    /// A member has sent the key, and the requester has not saved it yet. Open.
    Approved = 1,
    /// The requester has saved the key.
    Done = 2,
    /// A member denied it. It keeps its frame while another member may still approve it.
    Denied = 3,
    /// The requester withdrew it.
    Withdrawn = 4,
    /// It expired.
    Expired = 5,
}

impl RequestState {
    /// Whether the requester still waits.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved)
    }
}

stored_as_number!(RequestState: Pending, Approved, Done, Denied, Withdrawn, Expired);

/// The state of an approve. The numbers are stored and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = SmallInt)]
pub enum ApproveState {
    /// It waits for its requester.
    Live = 0,
    /// The requester has saved its key.
    Saved = 1,
    /// The requester could not use it.
    Nacked = 2,
    /// Its request was finished without it.
    Dropped = 3,
}

stored_as_number!(ApproveState: Live, Saved, Nacked, Dropped);

/// A room. `put` keeps the founder, the creator and the counts of an existing row.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rooms, primary_key(rid), treat_none_as_null = true, check_for_backend(Backend))]
pub struct Room {
    /// The room's id.
    pub rid: Vec<u8>,
    /// `open`, `request` or `secret`; the database refuses anything else.
    pub policy: String,
    /// The card's version.
    pub version: i64,
    /// The seq of the card.
    pub seq: i64,
    /// When the room was created, in Unix milliseconds.
    pub created: i64,
    /// The card.
    pub frame: Vec<u8>,
    /// The creator, 32 bytes: the publisher of the first card, unless the role was handed over.
    /// `None` for rooms from version 1 of the tables.
    #[diesel(skip_update)]
    pub creator: Option<Vec<u8>>,
    /// The digest of the card, to recognise a repeat, 32 bytes; `None` for cards from version 1 of
    /// the tables.
    pub digest: Option<Vec<u8>>,
    /// How many of its requests are open. The database counts them.
    #[diesel(skip_insertion, skip_update)]
    pub open: i64,
    /// The user whose quota it counts against, 32 bytes: the publisher of the first card, if known.
    #[diesel(skip_update)]
    pub founder: Option<Vec<u8>>,
    /// Whether the directory lists it, if its policy allows that.
    pub listed: bool,
    /// How many of its denied requests may still be approved. The database counts them.
    #[diesel(skip_insertion, skip_update)]
    pub denied: i64,
}

/// A stored request.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = requests, check_for_backend(Backend))]
pub struct Request {
    /// The row's id, which means nothing outside this database.
    pub id: i64,
    /// The room.
    pub rid: Vec<u8>,
    /// The requester.
    pub uid: Vec<u8>,
    /// The id that the requester chose, unique for this room and user.
    pub request_id: Vec<u8>,
    /// The hash of the box key that the answer must be sealed to.
    pub box_hash: Vec<u8>,
    /// The digest of the signed bytes, to recognise a repeat, 32 bytes.
    pub digest: Vec<u8>,
    /// The state.
    pub state: RequestState,
    /// When it was stored, in Unix milliseconds.
    pub created: i64,
    /// When it expires, in Unix milliseconds; at that time it has expired.
    pub exp: i64,
    /// The seq, new with every change of state.
    pub seq: i64,
    /// The signed frame; `None` once the request is finished.
    pub frame: Option<Vec<u8>>,
    /// When the first device saved the key, in Unix milliseconds.
    pub first_ack: Option<i64>,
    /// When it was finished, in Unix milliseconds; `Some` exactly if the frame is `None`.
    pub closed: Option<i64>,
    /// The account that it came with, if that is kept; `None` once the request is finished.
    pub account: Option<String>,
}

/// An open request with the number of its approves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// The request, with its frame.
    pub request: Request,
    /// How many live, unexpired approves it has.
    pub approvals: i64,
}

/// A request to store; it starts as [`RequestState::Pending`]. The fields are those of [`Request`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = requests)]
pub struct NewRequest<'a> {
    /// The room, which must be stored.
    pub rid: &'a [u8],
    /// The requester.
    pub uid: &'a [u8],
    /// The id that the requester chose.
    pub request_id: &'a [u8],
    /// The hash of the box key.
    pub box_hash: &'a [u8],
    /// The digest of the signed bytes, exactly 32 bytes.
    pub digest: &'a [u8],
    /// The present time, in Unix milliseconds.
    pub created: i64,
    /// When it expires, in Unix milliseconds.
    pub exp: i64,
    /// The seq.
    pub seq: i64,
    /// The signed frame.
    pub frame: &'a [u8],
    /// The account that it came with, if that is kept; never empty.
    pub account: Option<&'a str>,
}

/// A change of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestUpdate {
    /// The row's id.
    pub id: i64,
    /// The state.
    pub state: RequestState,
    /// The seq.
    pub seq: i64,
    /// When the first device saved the key, if that is new, in Unix milliseconds.
    pub first_ack: Option<i64>,
    /// When it was finished, in Unix milliseconds; then its frame, account and devices go.
    pub closed: Option<i64>,
}

/// A change of an approve. One that is no longer live loses its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApproveUpdate {
    /// The row's id.
    pub id: i64,
    /// The state.
    pub state: ApproveState,
    /// Whether a device has saved its key.
    pub acked: bool,
}

/// A request to end.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = requests, check_for_backend(Backend))]
pub struct Due {
    /// The room.
    pub rid: Vec<u8>,
    /// The requester.
    pub uid: Vec<u8>,
    /// The request's id.
    pub request_id: Vec<u8>,
}

/// A device of a request, and whether it has the key.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = devices, check_for_backend(Backend))]
pub struct Device {
    /// The id that the device chose, 16 bytes.
    pub device: Vec<u8>,
    /// Whether it has acked.
    pub acked: bool,
}

/// A stored approve without its frame, which only [`WaitingApprove`] needs.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = approves, check_for_backend(Backend))]
pub struct Approve {
    /// The row's id, which means nothing outside this database.
    pub id: i64,
    /// The room.
    pub rid: Vec<u8>,
    /// The requester.
    pub to_uid: Vec<u8>,
    /// The request that it answers.
    pub request_id: Vec<u8>,
    /// The id that the approver chose, unique in the room.
    pub approve_id: Vec<u8>,
    /// The approver.
    pub by_uid: Vec<u8>,
    /// The digest of the signed bytes, to recognise a repeat, 32 bytes.
    pub digest: Vec<u8>,
    /// The state.
    pub state: ApproveState,
    /// Whether a device has saved its key.
    pub acked: bool,
    /// When it was stored, in Unix milliseconds.
    pub at: i64,
    /// When it expires, in Unix milliseconds; at that time it has expired.
    pub exp: i64,
    /// The seq.
    pub seq: i64,
}

/// A live approve with its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingApprove {
    /// The approve.
    pub approve: Approve,
    /// The signed frame.
    pub frame: Vec<u8>,
}

/// A live approve that has expired.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = approves, check_for_backend(Backend))]
pub struct LapsedApprove {
    /// The room.
    pub rid: Vec<u8>,
    /// The requester.
    pub to_uid: Vec<u8>,
    /// The approve's id.
    pub approve_id: Vec<u8>,
}

/// An approve to store; it starts as [`ApproveState::Live`]. The fields are those of [`Approve`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = approves)]
pub struct NewApprove<'a> {
    /// The room.
    pub rid: &'a [u8],
    /// The requester. The request must be stored.
    pub to_uid: &'a [u8],
    /// The request that it answers.
    pub request_id: &'a [u8],
    /// The id that the approver chose.
    pub approve_id: &'a [u8],
    /// The approver.
    pub by_uid: &'a [u8],
    /// The digest of the signed bytes, exactly 32 bytes.
    pub digest: &'a [u8],
    /// The present time, in Unix milliseconds.
    pub at: i64,
    /// When it expires, in Unix milliseconds.
    pub exp: i64,
    /// The seq.
    pub seq: i64,
    /// The signed frame.
    pub frame: &'a [u8],
}

/// The latest denial of a user in a room.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = denials, primary_key(rid, uid), check_for_backend(Backend))]
pub struct Denial {
    /// The room, which must be stored.
    pub rid: Vec<u8>,
    /// The denied user.
    pub uid: Vec<u8>,
    /// The denied request.
    pub request_id: Vec<u8>,
    /// The member who denied it.
    pub by_uid: Vec<u8>,
    /// The member's code for the reason.
    pub code: String,
    /// When it happened, in Unix milliseconds.
    pub at: i64,
    /// When it ends, in Unix milliseconds. Means nothing if `blocked`.
    pub until: i64,
    /// Whether it lasts until a member lifts it.
    pub blocked: bool,
    /// The seq.
    pub seq: i64,
}

/// A notice to a user about a request or an approve of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notices, check_for_backend(Backend))]
pub struct Notice {
    /// The room that it is about.
    pub rid: Vec<u8>,
    /// The seq.
    pub seq: i64,
    /// When it was stored, in Unix milliseconds.
    pub at: i64,
    /// The notice, encoded.
    pub frame: Vec<u8>,
}

/// A notice to store. The fields are those of [`Notice`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = notices)]
pub struct NewNotice<'a> {
    /// The recipient.
    pub uid: &'a [u8],
    /// The room that it is about.
    pub rid: &'a [u8],
    /// The seq. A user's notices are paged by it, so no two may share it.
    pub seq: i64,
    /// The present time, in Unix milliseconds.
    pub at: i64,
    /// The notice, encoded.
    pub frame: &'a [u8],
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit, check_for_backend(Backend))]
pub struct Act {
    /// The line's number, which grows.
    pub id: i64,
    /// When it happened, in Unix milliseconds.
    pub at: i64,
    /// The name of the operator's token.
    pub operator: String,
    /// The operation.
    pub act: String,
    /// What it was done to.
    pub target: String,
    /// The HTTP status of the answer, once known.
    pub result: Option<i32>,
}

/// A line to add. The fields are those of [`Act`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = audit)]
pub struct NewAct<'a> {
    /// The present time, in Unix milliseconds.
    pub at: i64,
    /// The name of the operator's token.
    pub operator: &'a str,
    /// The operation.
    pub act: &'a str,
    /// What it was done to.
    pub target: &'a str,
}

/// How many rows were deleted with a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Requests, with the approves of them.
    pub requests: usize,
    /// Approves by the user.
    pub approves: usize,
    /// Denials of the user.
    pub denials: usize,
    /// Notices, for the user or naming them.
    pub notices: usize,
    /// Rooms that lost their creator.
    pub rooms: usize,
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.approves += other.approves;
        self.denials += other.denials;
        self.notices += other.notices;
        self.rooms += other.rooms;
    }
}

/// Which requests an operator looks for. `None` matches all.
#[derive(Debug, Clone, Default)]
pub struct RequestFilter {
    /// The room.
    pub rid: Option<Vec<u8>>,
    /// The requester.
    pub uid: Option<Vec<u8>>,
    /// The state; `None` matches pending and approved ones.
    pub state: Option<RequestState>,
    /// Only requests stored before this time, in Unix milliseconds.
    pub created_before: Option<i64>,
}
