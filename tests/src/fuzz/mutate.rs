//! Mutations for the short run in the tests: seeded, so that a failure can be reproduced.

use std::{fs, path::PathBuf};

/// Pieces of the decoders' grammars: random bytes alone seldom get past the first character.
const PIECES: [&[u8]; 16] = [
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"\"",
    b"null",
    b"\"phx_join\"",
    b"\"room:a\"",
    b"\"phx_leave\"",
    b"1e400",
    b"\\ud800",
    b"\n",
    b"\x95\xc0",
    b"\xc4\xff",
    b"\x00\x01\x01\xff\x01",
];

/// Derives new inputs from old ones.
#[derive(Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// A mutator that makes the same inputs for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another input, a few random edits away from `input`.
    pub fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                3 => {
                    let end = at + self.below(bytes.len() - at + 1);
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        bytes
    }

    /// A number below `limit`, from the generator `SplitMix64`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from((mixed ^ (mixed >> 31)) % limit).unwrap_or(0)
    }
}

/// The stored inputs of a target, sorted by name.
///
/// # Panics
/// If there are none.
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("no corpus in {}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", folder.display());
    files.iter().map(|file| fs::read(file).expect("a readable file")).collect()
}
