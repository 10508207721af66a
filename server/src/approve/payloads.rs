//! The payloads of the flow's events: messages, replies and pushes.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::json;
use vestibule_approve::{
    base64url::{Blob, Fixed},
    fields::{Object, integer, optional_integer},
    frames::{Card, Id, Policy},
    items::{ApproveItem, Cursor, NackCode, Notice, RequestItem},
    limits::{FieldLimits, PAGE},
    refusal::{Reason, Refusal},
    rules::Answer,
    signed::{Alg, Rid, Signature, Uid},
};
use vestibule_channels::Payload;
use vestibule_store::{Committed, Epoch, JoinSnapshot, Seq};

use super::services::Services;
use crate::input::{self, Document};

/// The version of the protocol that this server speaks.
const VERSION: u64 = 1;

/// What this server can do beyond the first one of that version, so that clients of older servers
/// can do without.
const FEATURES: [&str; 6] = ["creator", "hand_over", "listed", "message_limit", "now", "presence_count"];

/// Reads a message's payload.
pub(super) fn parse<T: DeserializeOwned>(payload: &Payload) -> Result<T, Refusal> {
    let json = payload
        .as_json()
        .ok_or_else(|| Reason::BadPayload.because("The payload must be JSON, not bytes."))?;
    input::json(json.as_str(), Document::Payload)
        .map_err(|fault| Reason::BadPayload.because(fault.to_string()))
}

/// A join's parameters.
#[derive(Deserialize)]
pub(super) struct JoinParams {
    pub(super) device: Id,
    #[serde(default)]
    last: Option<Object<Last>>,
}

/// The last notice that a client has seen.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Last {
    /// The epoch in which it saw the notice.
    pub(super) epoch: Epoch,
    /// The largest seq of any notice that it has seen.
    #[serde(deserialize_with = "seq")]
    pub(super) seq: Seq,
}

fn seq<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seq, D::Error> {
    integer(deserializer).map(Seq)
}

impl JoinParams {
    /// The last notice that the client has seen, if it says so.
    pub(super) fn last(&self) -> Option<Last> {
        self.last.map(|last| last.0)
    }
}

impl Last {
    /// The seq after which notices are sent again. Notices of different rooms can overtake each
    /// other, so a client that has seen one may miss an earlier one: the notices of the last ten
    /// seconds (a seq counts microseconds) are sent twice rather than never.
    pub(super) fn notices_after(self) -> Seq {
        Seq(self.seq.0.saturating_sub(10_000_000))
    }
}

/// Reads a join's parameters.
pub(super) fn parse_join(params: &Payload) -> Result<JoinParams, Refusal> {
    #[derive(Deserialize)]
    struct Version {
        #[serde(deserialize_with = "integer")]
        v: u64,
    }
    let Version { v } = parse(params)?;
    if v != VERSION {
        return Err(Reason::UnsupportedVersion.because("This server speaks version 1."));
    }
    parse(params)
}

#[derive(Deserialize)]
pub(super) struct Prove {
    pub(super) room_pub: Blob,
    pub(super) alg: Alg,
    pub(super) nonce: Fixed<32>,
    pub(super) sig: Signature,
}

#[derive(Deserialize)]
pub(super) struct PublishCard {
    #[serde(deserialize_with = "integer")]
    pub(super) version: u64,
    pub(super) policy: Policy,
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) sig: Signature,
    /// Whether the directory lists the room. Not part of the signed card.
    #[serde(default)]
    pub(super) listed: Option<bool>,
}

/// `hand_over`.
#[derive(Deserialize)]
pub(super) struct HandOver {
    pub(super) to: Uid,
    pub(super) nonce: Fixed<32>,
    pub(super) sign_pub: Blob,
    pub(super) sign_alg: Alg,
    pub(super) sig: Signature,
}

/// `withdraw` and `status`. In an inbox they name the room.
#[derive(Deserialize)]
pub(super) struct AboutRequest {
    #[serde(default)]
    pub(super) rid: Option<Rid>,
    pub(super) request_id: Id,
}

/// `ack`. In an inbox it names the room.
#[derive(Deserialize)]
pub(super) struct Ack {
    #[serde(default)]
    pub(super) rid: Option<Rid>,
    pub(super) approve_id: Id,
    /// The user's device that has the key.
    pub(super) device: Id,
}

/// `nack`. In an inbox it names the room.
#[derive(Deserialize)]
pub(super) struct Nack {
    #[serde(default)]
    pub(super) rid: Option<Rid>,
    pub(super) approve_id: Id,
    /// The user's device that cannot use the approve. Only its format is checked.
    #[serde(rename = "device")]
    _device: Id,
    pub(super) code: NackCode,
}

/// `unblock`.
#[derive(Deserialize)]
pub(super) struct Unblock {
    pub(super) uid: Uid,
}

/// The events that ask for a page of a list.
#[derive(Clone, Copy, Default, Deserialize)]
pub(super) struct List {
    #[serde(default)]
    cursor: Option<Cursor>,
    #[serde(default, deserialize_with = "optional_integer")]
    limit: Option<i64>,
}

impl List {
    pub(super) fn from(&self) -> Cursor {
        self.cursor.unwrap_or(Cursor::START)
    }

    pub(super) fn limit(&self) -> i64 {
        self.limit.unwrap_or(PAGE)
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Items<T> {
    pub(super) items: Vec<T>,
    pub(super) cursor: Option<Cursor>,
}

/// The reply to a join.
#[derive(Serialize)]
pub(super) struct JoinReply<'a> {
    v: u64,
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<Fixed<32>>,
    epoch: Epoch,
    seq: Seq,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<&'a Card>,
    features: [&'static str; FEATURES.len()],
    /// The server's time in Unix milliseconds, by which clients correct theirs.
    now: i64,
    limits: JoinLimits,
    mine: &'a [RequestItem],
    approves: &'a [ApproveItem],
    notices: &'a [Notice],
    cursors: Cursors,
    more: bool,
}

/// The largest sizes of what clients send.
#[derive(Serialize)]
struct JoinLimits {
    #[serde(flatten)]
    fields: FieldLimits,
    /// A whole message, in bytes.
    message: usize,
}

/// Cursors to the next pages of a join's lists.
#[derive(Serialize)]
struct Cursors {
    mine: Option<Cursor>,
    approves: Option<Cursor>,
    notices: Option<Cursor>,
}

impl<'a> JoinReply<'a> {
    pub(super) fn new(server: &'a str, epoch: Epoch, services: &Services, arrival: &'a JoinSnapshot) -> Self {
        Self {
            v: VERSION,
            server,
            nonce: None,
            epoch,
            seq: own_seq(arrival),
            role: None,
            card: arrival.card.as_ref(),
            features: FEATURES,
            now: services.clock.now_ms(),
            limits: JoinLimits { fields: services.config.limits, message: services.config.message },
            mine: &arrival.mine.items,
            approves: &arrival.approves.items,
            notices: &arrival.notices.items,
            cursors: Cursors {
                mine: arrival.mine.next,
                approves: arrival.approves.next,
                notices: arrival.notices.next,
            },
            more: arrival.approves.next.is_some(),
        }
    }

    /// Adds what a guest of a room needs to prove the room key.
    pub(super) fn for_guest(self, nonce: Fixed<32>) -> Self {
        Self { nonce: Some(nonce), role: Some("guest"), ..self }
    }
}

/// The last seq of the joiner's own items. The store's last seq would tell a guest that somebody
/// else did something.
///
/// Their own requests belong to the streams of rooms, which may be ahead of the user's: a client
/// that counted them would miss what it is told next.
pub(super) fn own_seq(arrival: &JoinSnapshot) -> Seq {
    let mine = arrival.mine.items.iter().map(|item| item.seq);
    let approves = arrival.approves.items.iter().map(|item| item.seq);
    let notices = arrival.notices.items.iter().map(|item| item.seq);
    mine.chain(approves).chain(notices).max().unwrap_or_default().min(arrival.until)
}

/// `caught_up`.
#[derive(Serialize)]
pub(super) struct CaughtUp {
    pub(super) epoch: Epoch,
    pub(super) seq: Seq,
}

/// The reply to the proof that makes a guest a member.
#[derive(Serialize)]
pub(super) struct Proved {
    pub(super) role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) card: Option<Card>,
    /// The only user who may change the policy, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) creator: Option<Uid>,
    /// Whether the directory lists the room, unless it is secret.
    pub(super) listed: bool,
    pub(super) pending: Vec<RequestItem>,
    pub(super) cursor: Option<Cursor>,
    pub(super) seq: Seq,
    pub(super) after_ms: u32,
}

/// The reply to a further proof by a member.
#[derive(Serialize)]
pub(super) struct StillMember {
    pub(super) role: &'static str,
    /// Items up to this seq have been listed or pushed on this join.
    pub(super) seq: Seq,
}

/// The push `resync`.
#[derive(Serialize)]
pub(super) struct Resync {
    pub(super) epoch: Epoch,
}

/// The push `request`.
#[derive(Serialize)]
pub(super) struct RequestPush<'a> {
    #[serde(flatten)]
    pub(super) item: &'a RequestItem,
    /// Whether the newcomer is in the room.
    pub(super) online: bool,
    /// How long a client that approves by itself must wait, in milliseconds.
    pub(super) after_ms: u32,
}

/// The push `approve`.
#[derive(Serialize)]
pub(super) struct ApprovePush<'a> {
    #[serde(flatten)]
    pub(super) item: &'a ApproveItem,
    /// How often it has been sent to this connection, this time included.
    pub(super) attempt: u8,
}

/// The reply to a committed command.
pub(super) fn answer(committed: &Committed) -> Payload {
    Payload::of(&match committed.decision.answer {
        Answer::Publish { version, dup } => json!({ "version": version, "dup": dup }),
        Answer::Creator { creator, dup } => json!({ "creator": creator, "dup": dup }),
        Answer::Request { request_id, state, seq, dup } => {
            let seq = seq.unwrap_or(committed.seq);
            json!({ "request_id": request_id, "state": state, "seq": seq, "dup": dup })
        }
        Answer::Approve { state, seq, dup, others } => {
            let seq = seq.unwrap_or(committed.seq);
            json!({ "state": state, "seq": seq, "dup": dup, "others": others })
        }
        Answer::Deny { state, dup } => json!({ "state": state, "dup": dup }),
        Answer::Nack { state, dup } => json!({ "state": state, "dup": dup }),
        Answer::Ack { dup, deleted } => json!({ "dup": dup, "deleted": deleted }),
        Answer::Unblock { dup } | Answer::Withdraw { dup } | Answer::Sweep { dup } => json!({ "dup": dup }),
    })
}
