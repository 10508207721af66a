//! Places at which a test stops the process, to kill it exactly there.
//!
//! With `VESTIBULE_FAILPOINT=after_commit:7` the thread that passes `after_commit` for the seventh
//! time prints a line and stops for ever; the test reads the line and sends SIGKILL. With
//! `VESTIBULE_FAILPOINT=before_reply:1:panic:MESSAGE` the thread panics with that message instead.
//! Builds without debug assertions ignore the variable.
//!
//! The crate `fail` offers more, but its last release is from 2022 and it is hardly maintained.
//! This module is one static and one function.

use std::{
    env,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// The environment variable.
const VARIABLE: &str = "VESTIBULE_FAILPOINT";

static ARMED: LazyLock<Option<Failpoint>> = LazyLock::new(|| {
    let text = env::var(VARIABLE).ok()?;
    Some(Failpoint::parse(&text).unwrap_or_else(|| panic!("{VARIABLE} must look like after_commit:7")))
});

/// The failpoint that a test has set.
struct Failpoint {
    name: String,
    /// At which pass it fires, counted from 1.
    passage: u64,
    passed: AtomicU64,
    /// The message to panic with; `None` to stop.
    panic: Option<String>,
}

impl Failpoint {
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once(':')?;
        let (passage, panic) = match rest.split_once(":panic:") {
            Some((passage, message)) => (passage, Some(message.to_owned())),
            None => (rest, None),
        };
        Some(Self { name: name.to_owned(), passage: passage.parse().ok()?, passed: AtomicU64::new(0), panic })
    }

    /// Whether this is the failpoint's name, and the pass at which it fires.
    fn is_hit(&self, name: &str) -> bool {
        self.name == name && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.passage
    }
}

/// Passes the failpoint `name`.
///
/// # Panics
/// If the environment variable asks for it, or is malformed.
pub fn pass(name: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    let Some(failpoint) = ARMED.as_ref().filter(|failpoint| failpoint.is_hit(name)) else { return };
    if let Some(message) = &failpoint.panic {
        panic!("{message}");
    }
    println!("vestibule stands still at {name}:{}", failpoint.passage);
    loop {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::Failpoint;

    #[test]
    fn a_failpoint_fires_once_at_its_pass() {
        let failpoint = Failpoint::parse("after_commit:2").unwrap();
        let passed = ["after_commit", "before_reply", "after_commit", "after_commit"];
        assert_eq!(passed.map(|name| failpoint.is_hit(name)), [false, false, true, false]);
        assert_eq!(failpoint.panic, None);
    }

    #[test]
    fn a_failpoint_panics_with_its_message() {
        let failpoint = Failpoint::parse("before_reply:1:panic:a b:c").unwrap();
        assert_eq!((failpoint.passage, failpoint.panic.as_deref()), (1, Some("a b:c")));
    }

    #[test]
    fn malformed_failpoints_are_refused() {
        for bad in ["", "after_commit", "after_commit:", "after_commit:x", "after_commit:1:exit"] {
            assert!(Failpoint::parse(bad).is_none(), "{bad}");
        }
    }
}
