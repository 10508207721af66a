//! The layout of a challenge: its expiry, random bytes, and their authentication.

/// Bytes of the expiry.
pub(super) const TIME: usize = 8;
/// Random bytes that distinguish a user's challenges of the same millisecond.
pub(super) const RANDOM: usize = 16;
/// Bytes of the authentication.
pub(super) const TAG: usize = 32;
/// Bytes of the whole challenge.
pub(super) const NONCE: usize = TIME + RANDOM + TAG;

/// A challenge's expiry in Unix milliseconds.
pub(super) fn expiry(nonce: &[u8; NONCE]) -> i64 {
    let (exp, _) = nonce.split_first_chunk::<TIME>().expect("a nonce begins with a time");
    i64::from_be_bytes(*exp)
}
