//! Rules for rooms: the card, the listing in the directory, and the creator's role.

use super::{Answer, Caller, Change, Decision, Facts, Policy, approver::check_member};
use crate::{
    limits::{Quotas, VERSION_AHEAD_MS},
    refusal::{Reason, Refusal},
    signed::{Hash, Uid},
};

pub(super) struct Publishing {
    pub(super) version: u64,
    pub(super) policy: Policy,
    pub(super) digest: Hash,
    pub(super) listed: Option<bool>,
}

pub(super) fn publish(
    quotas: &Quotas,
    facts: &Facts,
    caller: &Caller,
    card: &Publishing,
    now: i64,
) -> Result<Decision, Refusal> {
    check_member(caller)?;
    let &Publishing { version, policy, digest, listed } = card;
    let decide = |change| Ok(Decision::change(Answer::Publish { version, dup: false }, change));
    let Some(room) = facts.room else {
        check_version(version, now)?;
        if facts.usage.rooms_of_user >= quotas.rooms_per_user {
            return Err(Reason::Quota.because("You have created as many rooms as one user may."));
        }
        // A room is listed only on request.
        return decide(Change::PutCard { is_listed: listed.unwrap_or(false) });
    };
    let is_creator = room.creator == Some(caller.uid);
    let is_listed = listed.unwrap_or(room.is_listed);
    if is_listed != room.is_listed && !is_creator {
        return Err(Reason::NotCreator.because("Only the room's creator lists it in the directory."));
    }
    if room.digest == digest {
        return if is_listed == room.is_listed {
            Ok(Decision::nothing(Answer::Publish { version, dup: true }))
        } else {
            decide(Change::List { is_listed })
        };
    }
    check_version(version, now)?;
    // Version 0.1.0 accepted any version for a first card. A card with a version that is out of
    // reach can be replaced by any other.
    if version <= room.version && is_within_reach(room.version, now) {
        return Err(Reason::VersionConflict.because(format!("Version {} is published.", room.version)));
    }
    // Otherwise any member could close a room for good: a secret one takes no requests, and seems
    // not to exist.
    if policy != room.policy && !is_creator {
        return Err(Reason::NotCreator.because("Only the room's creator changes its policy."));
    }
    decide(Change::PutCard { is_listed })
}

/// Refuses a version that is too large: nobody could replace a card with the largest of all. One
/// that the clock soon passes can be replaced.
fn check_version(version: u64, now: i64) -> Result<(), Refusal> {
    if is_within_reach(version, now) {
        return Ok(());
    }
    Err(Reason::BadPayload.because(
        "The field `version` must be at most a day ahead of the server's clock in Unix milliseconds.",
    ))
}

fn is_within_reach(version: u64, now: i64) -> bool {
    i64::try_from(version).is_ok_and(|version| version <= now.saturating_add(VERSION_AHEAD_MS))
}

/// The creator hands the role over.
pub(super) fn hand_over(facts: &Facts, caller: &Caller, to: Uid) -> Result<Decision, Refusal> {
    check_member(caller)?;
    let creator = facts.room.ok_or(Reason::UnknownRoom)?.creator;
    if creator != Some(caller.uid) && creator != Some(to) {
        return Err(Reason::NotCreator.because("Only the room's creator hands the role over."));
    }
    Ok(set_creator(creator, to))
}

/// An operator sets the creator: rooms from version 0.1.0 have none, and an account may be lost.
pub(super) fn appoint(facts: &Facts, to: Uid) -> Result<Decision, Refusal> {
    Ok(set_creator(facts.room.ok_or(Reason::UnknownRoom)?.creator, to))
}

fn set_creator(creator: Option<Uid>, to: Uid) -> Decision {
    if creator == Some(to) {
        return Decision::nothing(Answer::Creator { creator: to, dup: true });
    }
    Decision::change(Answer::Creator { creator: to, dup: false }, Change::SetCreator { creator: to })
}
