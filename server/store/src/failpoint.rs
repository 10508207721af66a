//! Places where a test stops the process, to kill it just there.
//!
//! With `VESTIBULE_FAILPOINT=after_commit:7` the thread that comes to that place for the seventh time says so on standard output,
//! in one line, and stands still for ever; the test reads the line and sends the SIGKILL. With
//! `VESTIBULE_FAILPOINT=before_reply:1:panic:MESSAGE` it panics with that message instead. Builds without debug assertions do not
//! look at it.
//!
//! The crate `fail` does the same for larger needs. Its last release is of 2022 and it is hardly
//! maintained, while this is one static and one function.

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
    Some(Failpoint::parse(&text).unwrap_or_else(|| panic!("{VARIABLE} looks like after_commit:7")))
});

/// The place where something is to happen.
struct Failpoint {
    name: String,
    /// The passage at which it happens.
    passage: u64,
    passed: AtomicU64,
    /// What to panic with; to stand still, nothing.
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

    /// Whether this is the place and the passage.
    fn is_hit(&self, name: &str) -> bool {
        self.name == name && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.passage
    }
}

/// Passes the failpoint of that name.
///
/// # Panics
/// Where the environment variable says so, or makes no sense.
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
    fn it_is_hit_once_in_its_place() {
        let failpoint = Failpoint::parse("after_commit:2").unwrap();
        let passed = ["after_commit", "before_reply", "after_commit", "after_commit"];
        assert_eq!(passed.map(|name| failpoint.is_hit(name)), [false, false, true, false]);
        assert_eq!(failpoint.panic, None);
    }

    #[test]
    fn a_panic_says_what_it_is_told_to() {
        let failpoint = Failpoint::parse("before_reply:1:panic:a b:c").unwrap();
        assert_eq!((failpoint.passage, failpoint.panic.as_deref()), (1, Some("a b:c")));
    }

    #[test]
    fn what_is_no_failpoint_is_none() {
        for bad in ["", "after_commit", "after_commit:", "after_commit:x", "after_commit:1:exit"] {
            assert!(Failpoint::parse(bad).is_none(), "{bad}");
        }
    }
}
