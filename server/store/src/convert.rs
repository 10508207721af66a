//! Converts between wire and rows: the only place where frames become blobs, and rows become facts
//! and items.

use std::any::type_name;

use serde::{Serialize, de::DeserializeOwned};
use vestibule_approve::{
    frames::{Approve, Card, Policy, Request},
    ids::Seq,
    items::{ApproveItem, DenialItem, Notice, RequestItem, ServerSays},
    rules::{ApproveFacts, ApproveState, DenialFacts, RequestFacts, RequestState, RoomFacts},
};
use vestibule_schema::{
    Error,
    models::{self, OpenRequest},
};

/// Encodes a frame for storage: MessagePack with field names, so that fields can be added later.
///
/// # Panics
/// Never for the frames of this protocol, whose fields are numbers, strings and bytes.
pub fn pack<T: Serialize>(frame: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(frame).expect("frames are numbers, texts and bytes")
}

/// The decoder's message is left out, because it quotes the frame and errors are logged.
fn unpack<T: DeserializeOwned>(frame: &[u8]) -> Result<T, Error> {
    let name = type_name::<T>().rsplit("::").next().unwrap_or_default();
    rmp_serde::from_slice(frame).map_err(|_| Error::corrupt(format!("a frame that is not a {name}")))
}

pub(super) fn fixed<'a, T: TryFrom<&'a [u8]>>(bytes: &'a [u8]) -> Result<T, Error> {
    T::try_from(bytes).map_err(|_| Error::corrupt("an id of the wrong length"))
}

pub(super) fn row_state(state: RequestState) -> models::RequestState {
    match state {
        RequestState::Pending => models::RequestState::Pending,
        RequestState::Approved => models::RequestState::Approved,
        RequestState::Done => models::RequestState::Done,
        RequestState::Denied => models::RequestState::Denied,
        RequestState::Withdrawn => models::RequestState::Withdrawn,
        RequestState::Expired => models::RequestState::Expired,
    }
}

pub(super) fn state(state: models::RequestState) -> RequestState {
    match state {
        models::RequestState::Pending => RequestState::Pending,
        models::RequestState::Approved => RequestState::Approved,
        models::RequestState::Done => RequestState::Done,
        models::RequestState::Denied => RequestState::Denied,
        models::RequestState::Withdrawn => RequestState::Withdrawn,
        models::RequestState::Expired => RequestState::Expired,
    }
}

fn approve_state(state: models::ApproveState) -> ApproveState {
    match state {
        models::ApproveState::Live => ApproveState::Live,
        models::ApproveState::Saved => ApproveState::Saved,
        models::ApproveState::Nacked => ApproveState::Nacked,
        models::ApproveState::Dropped => ApproveState::Dropped,
    }
}

pub(super) fn card(row: &models::Room) -> Result<Card, Error> {
    unpack(&row.frame)
}

pub(super) fn room_facts(row: &models::Room) -> Result<RoomFacts, Error> {
    let Card { rid, version, policy, name, .. } = card(row)?;
    let digest = match &row.digest {
        Some(digest) => fixed(digest)?,
        None => Card::signed_bytes(&rid, version, policy, name.as_deref()).hash(),
    };
    let creator = row.creator.as_deref().map(fixed).transpose()?;
    Ok(RoomFacts { version, policy, digest, creator, is_listed: row.listed })
}

/// Whether guests may see the card.
pub(super) fn is_shown(card: &Card) -> bool {
    card.policy != Policy::Secret
}

pub(super) fn request_facts(row: &models::Request) -> Result<RequestFacts, Error> {
    Ok(RequestFacts {
        request_id: fixed(&row.request_id)?,
        state: state(row.state),
        is_kept: row.frame.is_some(),
        box_hash: fixed(&row.box_hash)?,
        digest: fixed(&row.digest)?,
        exp: row.exp,
        first_ack: row.first_ack,
        seq: Seq(row.seq),
    })
}

pub(super) fn denial_facts(row: &models::Denial) -> DenialFacts {
    DenialFacts { until: row.until, is_block: row.blocked }
}

pub(super) fn request_item(row: &OpenRequest) -> Result<RequestItem, Error> {
    let OpenRequest { request, approvals } = row;
    let frame =
        request.frame.as_deref().ok_or_else(|| Error::corrupt("an open request without its frame"))?;
    Ok(RequestItem {
        rid: fixed(&request.rid)?,
        uid: fixed(&request.uid)?,
        request: unpack::<Request>(frame)?,
        state: state(request.state),
        created: request.created,
        seq: Seq(request.seq),
        approvals: *approvals,
        server_says: request.account.clone().map(|account| ServerSays { account }),
    })
}

pub(super) fn approve_facts(row: &models::Approve) -> Result<ApproveFacts, Error> {
    Ok(ApproveFacts {
        approve_id: fixed(&row.approve_id)?,
        by: fixed(&row.by_uid)?,
        to: fixed(&row.to_uid)?,
        digest: fixed(&row.digest)?,
        state: approve_state(row.state),
        is_acked: row.acked,
        exp: row.exp,
        seq: Seq(row.seq),
    })
}

pub(super) fn approve_item(row: &models::WaitingApprove) -> Result<ApproveItem, Error> {
    let models::WaitingApprove { approve, frame } = row;
    Ok(ApproveItem {
        rid: fixed(&approve.rid)?,
        by: fixed(&approve.by_uid)?,
        approve: unpack::<Approve>(frame)?,
        at: approve.at,
        seq: Seq(approve.seq),
    })
}

pub(super) fn notice(row: &models::Notice) -> Result<Notice, Error> {
    unpack(&row.frame)
}

pub(super) fn denial_item(
    denial: &models::Denial,
    denied: Vec<models::Request>,
) -> Result<DenialItem, Error> {
    let denied = denied.into_iter().map(|request| OpenRequest { request, approvals: 0 });
    Ok(DenialItem {
        rid: fixed(&denial.rid)?,
        uid: fixed(&denial.uid)?,
        by: fixed(&denial.by_uid)?,
        code: denial.code.clone(),
        block: denial.blocked,
        at: denial.at,
        until: (!denial.blocked).then_some(denial.until),
        seq: Seq(denial.seq),
        requests: denied.map(|request| request_item(&request)).collect::<Result<_, _>>()?,
    })
}
