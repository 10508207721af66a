//! Between wire and row: the one place where frames become blobs, and rows become facts and items.

use serde::{Serialize, de::DeserializeOwned};
use vestibule_protocol::{
    approve::{
        frames::{Approve, Card, Policy, Request},
        items::{ApproveItem, RequestItem},
        rules::{ApproveFacts, RequestFacts, RequestState, RoomFacts},
    },
    base64url::Fixed,
};
use vestibule_schema::{Error, models};

/// A frame as it is stored: MessagePack with the fields' names, so that fields can be added later.
///
/// # Panics
/// Never for the frames of this protocol, whose fields are numbers, texts and bytes.
pub fn pack<T: Serialize>(frame: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(frame).expect("frames are numbers, texts and bytes")
}

fn unpack<T: DeserializeOwned>(frame: &[u8]) -> Result<T, Error> {
    rmp_serde::from_slice(frame).map_err(Error::corrupt)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<Fixed<N>, Error> {
    Fixed::try_from(bytes).map_err(|_| Error::corrupt("an id of another length"))
}

pub(super) fn row_state(state: RequestState) -> models::RequestState {
    match state {
        RequestState::Pending => models::RequestState::Pending,
        RequestState::Approved => models::RequestState::Approved,
        RequestState::Done => models::RequestState::Done,
        RequestState::Withdrawn => models::RequestState::Withdrawn,
        RequestState::Expired => models::RequestState::Expired,
    }
}

pub(super) fn state(state: models::RequestState) -> Result<RequestState, Error> {
    match state {
        models::RequestState::Pending => Ok(RequestState::Pending),
        models::RequestState::Approved => Ok(RequestState::Approved),
        models::RequestState::Done => Ok(RequestState::Done),
        models::RequestState::Withdrawn => Ok(RequestState::Withdrawn),
        models::RequestState::Expired => Ok(RequestState::Expired),
        models::RequestState::Denied => Err(Error::corrupt("a state that this version does not know")),
    }
}

pub(super) fn card(row: &models::Room) -> Result<Card, Error> {
    unpack(&row.frame)
}

pub(super) fn room_facts(row: &models::Room) -> Result<RoomFacts, Error> {
    let Card { rid, version, policy, name, .. } = card(row)?;
    let digest = Card::signed_bytes(&rid, version, policy, name.as_deref()).hash();
    Ok(RoomFacts { version, policy, digest })
}

/// Whether a guest may see the card.
pub(super) fn is_shown(card: &Card) -> bool {
    card.policy != Policy::Secret
}

pub(super) fn request_facts(row: &models::Request) -> Result<RequestFacts, Error> {
    Ok(RequestFacts {
        request_id: fixed(&row.request_id)?,
        state: state(row.state)?,
        box_hash: fixed(&row.box_hash)?,
        digest: fixed(&row.digest)?,
        exp: row.exp,
        seq: row.seq,
    })
}

pub(super) fn request_item(row: &models::OpenRequest) -> Result<RequestItem, Error> {
    let models::OpenRequest { request, approvals } = row;
    let frame =
        request.frame.as_deref().ok_or_else(|| Error::corrupt("an open request without its frame"))?;
    Ok(RequestItem {
        rid: fixed(&request.rid)?,
        uid: fixed(&request.uid)?,
        request: unpack::<Request>(frame)?,
        state: state(request.state)?,
        created: request.created,
        seq: request.seq,
        approvals: *approvals,
    })
}

pub(super) fn approve_facts(row: &models::Approve) -> Result<ApproveFacts, Error> {
    Ok(ApproveFacts {
        approve_id: fixed(&row.approve_id)?,
        by: fixed(&row.by_uid)?,
        to: fixed(&row.to_uid)?,
        digest: fixed(&row.digest)?,
        is_live: row.state == models::ApproveState::Live,
        seq: row.seq,
    })
}

pub(super) fn approve_item(row: &models::WaitingApprove) -> Result<ApproveItem, Error> {
    let models::WaitingApprove { approve, frame } = row;
    Ok(ApproveItem {
        rid: fixed(&approve.rid)?,
        by: fixed(&approve.by_uid)?,
        approve: unpack::<Approve>(frame)?,
        at: approve.at,
        seq: approve.seq,
    })
}
