//! The flow's objects as clients are shown them: the signed frame, and what the store adds.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{
    frames::{Approve, Id, Request},
    rules::RequestState,
};
use crate::{
    ids::{Rid, Seq, Uid},
    signed::Signature,
};

/// A stored request.
#[derive(Clone, Debug, Serialize)]
pub struct RequestItem {
    /// The room.
    pub rid: Rid,
    /// Who asks.
    pub uid: Uid,
    /// The signed frame.
    #[serde(flatten)]
    pub request: Request,
    /// Where it stands.
    pub state: RequestState,
    /// When it was stored, in Unix milliseconds.
    pub created: i64,
    /// Its place among all stored frames.
    pub seq: Seq,
    /// How many approves wait for the newcomer.
    pub approvals: i64,
}

/// A stored approve.
#[derive(Clone, Debug, Serialize)]
pub struct ApproveItem {
    /// The room.
    pub rid: Rid,
    /// Who approves.
    pub by: Uid,
    /// The signed frame.
    #[serde(flatten)]
    pub approve: Approve,
    /// When it was stored, in Unix milliseconds.
    pub at: i64,
    /// Its place among all stored frames.
    pub seq: Seq,
}

/// The news that members need not look after a request any more, or that somebody else does.
#[derive(Clone, Debug, Serialize)]
pub struct RequestGone {
    /// The room.
    pub rid: Rid,
    /// Who asked.
    pub uid: Uid,
    /// The request.
    pub request_id: Id,
    /// Where it stands.
    pub state: RequestState,
    /// Who approved or denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Uid>,
    /// How many approves wait for the newcomer, where one more came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<usize>,
    /// The change's place among all stored frames.
    pub seq: Seq,
}

/// The news that a room has another creator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CreatorChanged {
    /// The room.
    pub rid: Rid,
    /// The creator from now on.
    pub creator: Uid,
    /// The change's place among all stored frames.
    pub seq: Seq,
}

/// What the server tells one user about their own requests and approves. Stored, and delivered like
/// an approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The room.
    pub rid: Rid,
    /// Its place among all stored frames.
    pub seq: Seq,
    /// When it happened, in Unix milliseconds.
    pub at: i64,
    /// What happened.
    #[serde(flatten)]
    pub news: News,
}

/// What happened to a user's request or approve. The names are those of the pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(tag = "event", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum News {
    /// The newcomer saved the key from the approve, or could not use it.
    Receipt {
        /// The approve.
        approve_id: Id,
        /// The request it answered.
        request_id: Id,
        /// The newcomer.
        to: Uid,
        /// Which of the two.
        result: ReceiptResult,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<NackCode>,
    },
    /// A member said no.
    Denied {
        /// The request.
        request_id: Id,
        /// Who.
        by: Uid,
        /// Why.
        code: String,
        /// Whether it holds until a member lifts it.
        block: bool,
        /// The room key's signature, see [`Deny`](super::frames::Deny).
        room_sig: Signature,
    },
    /// The request's time is over.
    Expired {
        /// The request.
        request_id: Id,
    },
    /// The request was taken back, perhaps by another device.
    Withdrawn {
        /// The request.
        request_id: Id,
    },
}

impl News {
    /// The name of the push.
    pub fn event(&self) -> &'static str {
        self.into()
    }
}

/// What became of an approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptResult {
    /// The newcomer has the key from it.
    Saved,
    /// The newcomer could not use it.
    Nacked,
}

/// Why a newcomer could not use an approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NackCode {
    /// The box does not open.
    Undecryptable,
    /// What is in it is not the room's key.
    WrongKey,
    /// A signature does not fit.
    BadSig,
}

/// A denial that holds.
#[derive(Clone, Debug, Serialize)]
pub struct DenialItem {
    /// The room.
    pub rid: Rid,
    /// Who was denied.
    pub uid: Uid,
    /// By whom.
    pub by: Uid,
    /// Why.
    pub code: String,
    /// Whether it holds until a member lifts it.
    pub block: bool,
    /// Since when, in Unix milliseconds.
    pub at: i64,
    /// Until when; `None` for a block.
    pub until: Option<i64>,
    /// Its place among all stored frames.
    pub seq: Seq,
    /// The denied requests, as long as they may still be approved.
    pub requests: Vec<RequestItem>,
}

/// Where a page of a list ends: what comes after `after`, as far as the list went when its first
/// page was made. Frames stored since are pushed, and are not listed a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cursor {
    /// The last seq of the page.
    pub after: Seq,
    /// The last seq that the list may show.
    pub until: Seq,
}

impl Cursor {
    /// Before the first page of a list.
    pub const START: Cursor = Cursor { after: Seq::ZERO, until: Seq::MAX };
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        format!("{}.{}", cursor.after, cursor.until)
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let not_ours = "must be a cursor that came with a page";
        let (after, until) = text.split_once('.').ok_or(not_ours)?;
        let seq = |text: &str| text.parse().map(Seq).map_err(|_| not_ours);
        Ok(Self { after: seq(after)?, until: seq(until)? })
    }
}
