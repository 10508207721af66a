//! What rows are found by.

use std::collections::BTreeSet;

use vestibule_approve::{
    frames::Id,
    ids::{Rid, Uid},
};
use vestibule_schema::{
    Error, models,
    repository::gather::{ApproveKey, RequestKey, UserInRoom},
};

use crate::convert;

/// The name of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RequestName {
    pub(super) rid: Rid,
    pub(super) uid: Uid,
    pub(super) request_id: Id,
}

impl RequestName {
    pub(super) fn of(row: &models::Request) -> Result<Self, Error> {
        let (rid, uid) = (convert::fixed(&row.rid)?, convert::fixed(&row.uid)?);
        Ok(Self { rid, uid, request_id: convert::fixed(&row.request_id)? })
    }

    /// The request that an approve answers.
    pub(super) fn answered_by(row: &models::Approve) -> Result<Self, Error> {
        let (rid, uid) = (convert::fixed(&row.rid)?, convert::fixed(&row.to_uid)?);
        Ok(Self { rid, uid, request_id: convert::fixed(&row.request_id)? })
    }

    pub(super) fn place(&self) -> Place {
        Place { rid: self.rid, uid: self.uid }
    }
}

/// The name of an approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ApproveName {
    pub(super) rid: Rid,
    pub(super) approve_id: Id,
}

impl ApproveName {
    pub(super) fn of(row: &models::Approve) -> Result<Self, Error> {
        Ok(Self { rid: convert::fixed(&row.rid)?, approve_id: convert::fixed(&row.approve_id)? })
    }
}

/// A user in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) rid: Rid,
    pub(super) uid: Uid,
}

pub(super) fn request_keys(names: &BTreeSet<RequestName>) -> Vec<RequestKey<'_>> {
    names
        .iter()
        .map(|RequestName { rid, uid, request_id }| RequestKey {
            rid: rid.as_bytes(),
            uid: uid.as_bytes(),
            request_id: request_id.as_bytes(),
        })
        .collect()
}

pub(super) fn approve_keys(names: &BTreeSet<ApproveName>) -> Vec<ApproveKey<'_>> {
    names
        .iter()
        .map(|ApproveName { rid, approve_id }| ApproveKey {
            rid: rid.as_bytes(),
            approve_id: approve_id.as_bytes(),
        })
        .collect()
}

pub(super) fn users_in_rooms(places: &BTreeSet<Place>) -> Vec<UserInRoom<'_>> {
    places.iter().map(|Place { rid, uid }| UserInRoom { rid: rid.as_bytes(), uid: uid.as_bytes() }).collect()
}

pub(super) fn user_keys(users: &BTreeSet<Uid>) -> Vec<&[u8]> {
    users.iter().map(Uid::as_bytes).collect()
}
