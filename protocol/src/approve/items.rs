//! The flow's objects as clients are shown them: the signed frame, and what the store adds.

use serde::{Deserialize, Serialize};

use super::{
    frames::{Approve, Id, Request},
    rules::RequestState,
};
use crate::signed::{Rid, Uid};

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
    pub seq: i64,
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
    pub seq: i64,
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
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Uid>,
    /// The change's place among all stored frames.
    pub seq: i64,
}

/// Where a page of a list ends: what comes after `after`, as far as the list went when its first page was made. Frames
/// stored since are pushed, and are not listed a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cursor {
    /// The last seq of the page.
    pub after: i64,
    /// The last seq that the list may show.
    pub until: i64,
}

impl Cursor {
    /// Before the first page of a list.
    pub const START: Cursor = Cursor { after: 0, until: i64::MAX };
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        format!("{}.{}", cursor.after, cursor.until)
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (after, until) = text.split_once('.').ok_or("not a cursor")?;
        let number = |text: &str| text.parse().map_err(|_| "not a cursor");
        Ok(Self { after: number(after)?, until: number(until)? })
    }
}
