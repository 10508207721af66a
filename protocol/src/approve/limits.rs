//! How large the flow's fields may be.

use serde::Serialize;

/// The longest note of a request, in characters (Unicode scalar values).
pub const NOTE_CHARS: usize = 280;
/// The longest name of a room, in characters.
pub const NAME_CHARS: usize = 80;
/// The largest ciphertext of an approve, in bytes: a post-quantum encapsulation fits.
pub const CT_BYTES: usize = 16 * 1024;
/// The largest box public key, in bytes.
pub const BOX_PUB_BYTES: usize = 4096;
/// The longest name of an algorithm that the server does not know, in bytes.
pub const ALG_BYTES: usize = 64;
/// The longest public signing key, in bytes.
pub const SIGN_PUB_BYTES: usize = 65;
/// How far ahead an `exp` may lie, in milliseconds: 30 days.
pub const EXP_AHEAD_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How many items a page of a list holds.
pub const PAGE: i64 = 50;
/// How many live approves one request may have.
pub const APPROVES_PER_REQUEST: usize = 8;

/// The limits as a join tells them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    note: usize,
    name: usize,
    ct: usize,
    box_pub: usize,
    exp_ms: i64,
}

/// See [`Limits`].
pub const LIMITS: Limits =
    Limits { note: NOTE_CHARS, name: NAME_CHARS, ct: CT_BYTES, box_pub: BOX_PUB_BYTES, exp_ms: EXP_AHEAD_MS };
