//! The few names there are, so that they meet again and again.

use proptest::{
    prelude::{Strategy, any},
    sample::{Index, select},
};
use vestibule_approve::{
    base64url::Fixed,
    frames::Id,
    signed::{Rid, Uid},
};

pub(crate) const USERS: [Uid; 3] = [Uid([1; 32]), Uid([2; 32]), Uid([3; 32])];
pub(crate) const ROOMS: [Rid; 2] = [Rid([101; 32]), Rid([102; 32])];
pub(crate) const REQUESTS: [Id; 6] = ids(11);
pub(crate) const APPROVES: [Id; 12] = ids(31);
pub(crate) const DEVICES: [Id; 3] = ids(61);

/// Milliseconds until an end, short ones seldom; with the first it is over already.
const TERMS: [i64; 12] = [0, 1, 5, 30, 200, 200, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000];

const fn ids<const N: usize>(first: u8) -> [Id; N] {
    let mut ids = [Fixed([first; 16]); N];
    let mut place = 1;
    while place < N {
        ids[place] = Fixed([ids[place - 1].0[0] + 1; 16]);
        place += 1;
    }
    ids
}

pub(crate) fn user() -> impl Strategy<Value = Uid> {
    select(&USERS)
}

pub(crate) fn room() -> impl Strategy<Value = Rid> {
    select(&ROOMS)
}

pub(crate) fn request_id() -> impl Strategy<Value = Id> {
    select(&REQUESTS)
}

pub(crate) fn approve_id() -> impl Strategy<Value = Id> {
    select(&APPROVES)
}

pub(crate) fn device() -> impl Strategy<Value = Id> {
    select(&DEVICES)
}

/// Two box keys, by a number.
pub(crate) fn box_key() -> impl Strategy<Value = u8> {
    0..2_u8
}

/// An end, as seen from `now`.
pub(crate) fn exp(now: i64) -> impl Strategy<Value = i64> {
    select(&TERMS).prop_map(move |term| now + term)
}

/// Mostly true.
pub(crate) fn mostly() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.9)
}

/// One of what is known, else what `otherwise` makes up; that also once in a while where something
/// is known.
pub(crate) fn known_or<T: Clone + std::fmt::Debug + 'static>(
    known: Vec<T>,
    otherwise: impl Strategy<Value = T>,
) -> impl Strategy<Value = T> {
    (any::<Index>(), mostly(), otherwise).prop_map(move |(index, is_known, otherwise)| {
        if is_known && !known.is_empty() { index.get(&known).clone() } else { otherwise }
    })
}
