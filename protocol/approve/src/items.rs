//! The flow's objects as clients see them: the signed frame, and what the store adds.

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
    /// The newcomer.
    pub uid: Uid,
    /// The signed frame.
    #[serde(flatten)]
    pub request: Request,
    /// The state.
    pub state: RequestState,
    /// When it was stored, in Unix milliseconds.
    pub created: i64,
    /// The seq.
    pub seq: Seq,
    /// How many live approves it has.
    pub approvals: i64,
    /// What the server adds about whoever sent it, if it says anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_says: Option<ServerSays>,
}

/// What the server says about whoever sent a request. No newcomer has signed it, so whoever
/// believes it believes the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerSays {
    /// The account of the team's own logins with which the newcomer was signed in.
    pub account: String,
}

/// A stored approve.
#[derive(Clone, Debug, Serialize)]
pub struct ApproveItem {
    /// The room.
    pub rid: Rid,
    /// The approver.
    pub by: Uid,
    /// The signed frame.
    #[serde(flatten)]
    pub approve: Approve,
    /// When it was stored, in Unix milliseconds.
    pub at: i64,
    /// The seq.
    pub seq: Seq,
}

/// Tells members that a request has ended, or that another member has answered it.
#[derive(Clone, Debug, Serialize)]
pub struct RequestGone {
    /// The room.
    pub rid: Rid,
    /// The newcomer.
    pub uid: Uid,
    /// The request.
    pub request_id: Id,
    /// The state.
    pub state: RequestState,
    /// The member who approved or denied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Uid>,
    /// How many live approves it has, if another came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<usize>,
    /// The change's seq.
    pub seq: Seq,
}

/// Tells members that a room has another creator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CreatorChanged {
    /// The room.
    pub rid: Rid,
    /// The new creator.
    pub creator: Uid,
    /// The change's seq.
    pub seq: Seq,
}

/// What the server tells one user about their own requests and approves. It is stored until
/// delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The room.
    pub rid: Rid,
    /// The seq.
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
    /// The newcomer saved the approve's key, or could not use it.
    Receipt {
        /// The approve.
        approve_id: Id,
        /// The request it answered.
        request_id: Id,
        /// The newcomer.
        to: Uid,
        /// Which of the two happened.
        result: ReceiptResult,
        /// Why the newcomer could not use it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        code: Option<NackCode>,
    },
    /// A member denied the request.
    Denied {
        /// The request.
        request_id: Id,
        /// The member.
        by: Uid,
        /// The code of the reason.
        code: String,
        /// Whether it is a block, which holds until a member lifts it.
        block: bool,
        /// The room key's signature, see [`Deny`](super::frames::Deny).
        room_sig: Signature,
    },
    /// The request has expired.
    Expired {
        /// The request.
        request_id: Id,
    },
    /// The request was withdrawn, perhaps by another device.
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

/// The outcome of an approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptResult {
    /// The newcomer saved the key.
    Saved,
    /// The newcomer could not use it.
    Nacked,
}

/// Why a newcomer could not use an approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NackCode {
    /// It cannot be opened.
    Undecryptable,
    /// Its content is not the room key.
    WrongKey,
    /// A signature is wrong.
    BadSig,
}

/// A denial that holds.
#[derive(Clone, Debug, Serialize)]
pub struct DenialItem {
    /// The room.
    pub rid: Rid,
    /// The denied user.
    pub uid: Uid,
    /// The member who denied them.
    pub by: Uid,
    /// The code of the reason.
    pub code: String,
    /// Whether it is a block, which holds until a member lifts it.
    pub block: bool,
    /// When it began, in Unix milliseconds.
    pub at: i64,
    /// When it ends, in Unix milliseconds; `None` for a block.
    pub until: Option<i64>,
    /// The seq.
    pub seq: Seq,
    /// The denied requests that may still be approved.
    pub requests: Vec<RequestItem>,
}

/// The end of a page. The next page has the items after `after`, up to the end of the list when its
/// first page was read. Later frames are pushed, and not listed a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cursor {
    /// The last seq of the page.
    pub after: Seq,
    /// The last seq that the list may show.
    pub until: Seq,
}

impl Cursor {
    /// The start of a list.
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
