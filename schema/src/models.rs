//! Rows as plain structs. Ids and frames are bytes, times are Unix milliseconds, `seq` is the number that
//! grows with every stored frame.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SmallInt;
use diesel::sqlite::{Sqlite, SqliteValue};

use crate::tables::{approves, audit, denials, devices, notices, requests, rooms};

/// Stores a fieldless enum as its number. A number that no variant has is an error, never a guess.
macro_rules! stored_as_number {
    ($type:ident: $($variant:ident),+) => {
        impl ToSql<SmallInt, Sqlite> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(*self as i32);
                Ok(IsNull::No)
            }
        }

        impl FromSql<SmallInt, Sqlite> for $type {
            fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                let number = <i16 as FromSql<SmallInt, Sqlite>>::from_sql(value)?;
                $(if number == Self::$variant as i16 {
                    return Ok(Self::$variant);
                })+
                Err(format!("{number} is no {}", stringify!($type)).into())
            }
        }
    };
}

/// How far a request has come. The numbers are what the database holds and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = SmallInt)]
pub enum RequestState {
    /// Nobody has approved it yet. Open.
    Pending = 0,
    /// A member has sent the key, the requester has not saved it yet. Open.
    Approved = 1,
    /// The requester has saved the key.
    Done = 2,
    /// A member said no. It keeps its frame as long as another may still say yes.
    Denied = 3,
    /// The requester took it back.
    Withdrawn = 4,
    /// Nobody answered in time.
    Expired = 5,
}

stored_as_number!(RequestState: Pending, Approved, Done, Denied, Withdrawn, Expired);

/// How far an approve has come. The numbers are what the database holds and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = SmallInt)]
pub enum ApproveState {
    /// It waits for its requester.
    Live = 0,
    /// The requester has saved the key that it carried.
    Saved = 1,
    /// The requester could not use it.
    Nacked = 2,
    /// Its request was finished without it.
    Dropped = 3,
}

stored_as_number!(ApproveState: Live, Saved, Nacked, Dropped);

/// A room. What is read is what was put, but for the founder and the creator, who stay who they were, and the counts.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rooms, primary_key(rid), treat_none_as_null = true, check_for_backend(Sqlite))]
pub struct Room {
    /// The room's id.
    pub rid: Vec<u8>,
    /// `open`, `request` or `secret`; the database refuses anything else.
    pub policy: String,
    /// The card's version.
    pub version: i64,
    /// The number of the stored card.
    pub seq: i64,
    /// When the room was made, in Unix milliseconds.
    pub created: i64,
    /// The card.
    pub frame: Vec<u8>,
    /// Who may change the policy, 32 bytes: who published the first card, unless the role was handed over. Unknown for rooms of
    /// version 1 of the tables.
    #[diesel(skip_update)]
    pub creator: Option<Vec<u8>>,
    /// What a repeat of the card is compared by, 32 bytes; unknown for cards of version 1 of the tables.
    pub digest: Option<Vec<u8>>,
    /// How many of its requests are open. Counted by the database, never put.
    #[diesel(skip_insertion, skip_update)]
    pub open: i64,
    /// Whose room it counts as, 32 bytes: who published the first card, if that is known.
    #[diesel(skip_update)]
    pub founder: Option<Vec<u8>>,
    /// Whether the directory lists it, if its policy allows that.
    pub listed: bool,
    /// How many of its denied requests may still be approved. Counted by the database, never put.
    #[diesel(skip_insertion, skip_update)]
    pub denied: i64,
}

/// A request as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = requests, check_for_backend(Sqlite))]
pub struct Request {
    /// The row's number in this database; it says nothing outside.
    pub id: i64,
    /// The room whose key is asked for.
    pub rid: Vec<u8>,
    /// Who asks.
    pub uid: Vec<u8>,
    /// The id that the requester chose, unique for this room and user.
    pub request_id: Vec<u8>,
    /// The hash of the box key that the answer must be sealed to.
    pub box_hash: Vec<u8>,
    /// What a repeat is compared by, 32 bytes.
    pub digest: Vec<u8>,
    /// How far it has come.
    pub state: RequestState,
    /// When it was stored, in Unix milliseconds.
    pub created: i64,
    /// When it ends, in Unix milliseconds: at this very moment it is over.
    pub exp: i64,
    /// Its number, new with every change of state.
    pub seq: i64,
    /// The request as it travelled; gone once the request is finished.
    pub frame: Option<Vec<u8>>,
    /// When the first device had the key, in Unix milliseconds.
    pub first_ack: Option<i64>,
    /// When it was finished, in Unix milliseconds; there exactly if the frame is not.
    pub closed: Option<i64>,
}

/// An open request and how many members have answered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// The request. Its frame is there.
    pub request: Request,
    /// How many of its approves are live and unexpired.
    pub approvals: i64,
}

/// A request to store; it starts as [`RequestState::Pending`]. The fields are those of [`Request`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = requests)]
pub struct NewRequest<'a> {
    /// The room whose key is asked for. It must be stored already.
    pub rid: &'a [u8],
    /// Who asks.
    pub uid: &'a [u8],
    /// The id that the requester chose.
    pub request_id: &'a [u8],
    /// The hash of the box key.
    pub box_hash: &'a [u8],
    /// What a repeat is compared by, exactly 32 bytes.
    pub digest: &'a [u8],
    /// Now, in Unix milliseconds.
    pub created: i64,
    /// When it ends, in Unix milliseconds.
    pub exp: i64,
    /// Its number.
    pub seq: i64,
    /// The request as it travelled.
    pub frame: &'a [u8],
}

/// A request that is to be ended.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = requests, check_for_backend(Sqlite))]
pub struct Due {
    /// The room whose key was asked for.
    pub rid: Vec<u8>,
    /// Who asked.
    pub uid: Vec<u8>,
    /// The request.
    pub request_id: Vec<u8>,
}

/// A device that asked, and whether it has the key.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = devices, check_for_backend(Sqlite))]
pub struct Device {
    /// The id that the device chose, 16 bytes.
    pub device: Vec<u8>,
    /// Whether it has said that it has the key.
    pub acked: bool,
}

/// An approve as it is stored, without its frame: only [`WaitingApprove`] needs to carry that.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = approves, check_for_backend(Sqlite))]
pub struct Approve {
    /// The row's number in this database; it says nothing outside.
    pub id: i64,
    /// The room whose key it carries.
    pub rid: Vec<u8>,
    /// Who asked for it.
    pub to_uid: Vec<u8>,
    /// The request that it answers.
    pub request_id: Vec<u8>,
    /// The id that the approver chose, unique in the room.
    pub approve_id: Vec<u8>,
    /// Who approved.
    pub by_uid: Vec<u8>,
    /// What a repeat is compared by, 32 bytes.
    pub digest: Vec<u8>,
    /// How far it has come.
    pub state: ApproveState,
    /// Whether a device has the key that it carries.
    pub acked: bool,
    /// When it was stored, in Unix milliseconds.
    pub at: i64,
    /// When it ends, in Unix milliseconds: at this very moment it is over.
    pub exp: i64,
    /// Its number.
    pub seq: i64,
}

/// A live approve with what its requester waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingApprove {
    /// The approve.
    pub approve: Approve,
    /// The approve as it travelled.
    pub frame: Vec<u8>,
}

/// A live approve whose time is over.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = approves, check_for_backend(Sqlite))]
pub struct LapsedApprove {
    /// The room whose key it carries.
    pub rid: Vec<u8>,
    /// Who asked for it.
    pub to_uid: Vec<u8>,
    /// The approve.
    pub approve_id: Vec<u8>,
}

/// An approve to store; it starts as [`ApproveState::Live`]. The fields are those of [`Approve`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = approves)]
pub struct NewApprove<'a> {
    /// The room whose key it carries.
    pub rid: &'a [u8],
    /// Who asked for it. The request of these three must be stored already.
    pub to_uid: &'a [u8],
    /// The request that it answers.
    pub request_id: &'a [u8],
    /// The id that the approver chose.
    pub approve_id: &'a [u8],
    /// Who approves.
    pub by_uid: &'a [u8],
    /// What a repeat is compared by, exactly 32 bytes.
    pub digest: &'a [u8],
    /// Now, in Unix milliseconds.
    pub at: i64,
    /// When it ends, in Unix milliseconds.
    pub exp: i64,
    /// Its number.
    pub seq: i64,
    /// The approve as it travelled.
    pub frame: &'a [u8],
}

/// A member's word that a user may not ask for a while; the latest for this user in this room.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = denials, primary_key(rid, uid), check_for_backend(Sqlite))]
pub struct Denial {
    /// The room. It must be stored already.
    pub rid: Vec<u8>,
    /// Who may not ask.
    pub uid: Vec<u8>,
    /// The request that was denied.
    pub request_id: Vec<u8>,
    /// Who denied it.
    pub by_uid: Vec<u8>,
    /// What the member gave as the reason.
    pub code: String,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// When it ends, in Unix milliseconds: at this very moment it is over. Says nothing where `blocked`.
    pub until: i64,
    /// Whether it lasts until a member lifts it.
    pub blocked: bool,
    /// Its number.
    pub seq: i64,
}

/// What a user is told about a request or an approve of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notices, check_for_backend(Sqlite))]
pub struct Notice {
    /// The room that it is about.
    pub rid: Vec<u8>,
    /// Its number.
    pub seq: i64,
    /// When it was stored, in Unix milliseconds.
    pub at: i64,
    /// The notice as it travels.
    pub frame: Vec<u8>,
}

/// A notice to store. The fields are those of [`Notice`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = notices)]
pub struct NewNotice<'a> {
    /// Who is told.
    pub uid: &'a [u8],
    /// The room that it is about.
    pub rid: &'a [u8],
    /// Its number. A user's notices are paged by it, so no two of one user may share it.
    pub seq: i64,
    /// Now, in Unix milliseconds.
    pub at: i64,
    /// The notice as it travels.
    pub frame: &'a [u8],
}

/// A line of the audit log: what an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit, check_for_backend(Sqlite))]
pub struct Act {
    /// The line's number, which grows.
    pub id: i64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// The name of the operator's token.
    pub operator: String,
    /// What was done.
    pub act: String,
    /// To what.
    pub target: String,
    /// What came of it, once that is known.
    pub result: Option<i32>,
}

/// An act that is about to be done. The fields are those of [`Act`].
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = audit)]
pub struct NewAct<'a> {
    /// Now, in Unix milliseconds.
    pub at: i64,
    /// The name of the operator's token.
    pub operator: &'a str,
    /// What is to be done.
    pub act: &'a str,
    /// To what.
    pub target: &'a str,
}

/// What was deleted with a user.
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
    /// Rooms that have no creator any more.
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

/// Which requests an operator looks for. What is not said fits all.
#[derive(Debug, Clone, Default)]
pub struct RequestFilter {
    /// Those of one room.
    pub rid: Option<Vec<u8>>,
    /// Those of one user.
    pub uid: Option<Vec<u8>>,
    /// Those of one state; else those that are pending or approved.
    pub state: Option<RequestState>,
    /// Those that were stored before this moment, in Unix milliseconds.
    pub created_before: Option<i64>,
}
