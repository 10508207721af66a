//! What the fuzzers do with their bytes: one function for each target, which panics where a promise is broken.
//!
//! The same functions run in two ways: for as long as one likes under libFuzzer (`make fuzz`, the package in `tests/fuzz`),
//! and in the tests, over the kept corpus and some thousands of mutations of it.

mod decoders;
mod mutate;
mod script;

pub use decoders::{binary, longpoll, msgpack, v1, v2};
pub use mutate::{Mutator, corpus};
pub use script::script;

/// A fuzz target: a name, which is also that of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 6] = [
    ("v1", v1),
    ("v2", v2),
    ("binary", binary),
    ("msgpack", msgpack),
    ("longpoll", longpoll),
    ("script", script),
];
