//! The fuzz targets: one function for each, which panics if the code under test breaks a promise.
//!
//! The same functions run in two ways: for any length of time under libFuzzer (`make fuzz`, the
//! package in `tests/fuzz`), and in the tests, over the stored corpus and some thousands of
//! mutations of it.

mod decoders;
mod mutate;
mod script;

pub use decoders::{binary, longpoll, msgpack, v1, v2};
pub use mutate::{Mutator, corpus};
pub use script::script;

/// A fuzz target: its name, which is also that of its corpus, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: [Target; 6] = [
    ("v1", v1),
    ("v2", v2),
    ("binary", binary),
    ("msgpack", msgpack),
    ("longpoll", longpoll),
    ("script", script),
];
