//! Which approves one join was sent and has not answered, and which of them are worth sending again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use vestibule_approve::{frames::Id, ids::Seq};

/// How often an approve is sent to one join.
const MAX_TRIES: u8 = 5;

/// The approves that were sent and are not answered.
#[derive(Debug, Default)]
pub(super) struct Tries(HashMap<Id, Try>);

/// An approve that was sent.
#[derive(Debug)]
struct Try {
    seq: Seq,
    /// How often.
    count: u8,
    /// When it was sent last.
    at: Instant,
}

impl Tries {
    /// Whether nothing was sent that is not answered.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts one more try; gives how many there were.
    pub(super) fn count(&mut self, id: Id, seq: Seq) -> u8 {
        let tried = self.0.entry(id).or_insert(Try { seq, count: 0, at: Instant::now() });
        tried.count += 1;
        tried.at = Instant::now();
        tried.count
    }

    /// Notes what an answer has listed: a try, unless there were some before.
    pub(super) fn listed(&mut self, id: Id, seq: Seq) {
        self.0.entry(id).or_insert(Try { seq, count: 1, at: Instant::now() });
    }

    /// This one is not sent again.
    pub(super) fn answered(&mut self, id: &Id) {
        self.0.remove(id);
    }

    /// The first that is worth sending again, by its seq.
    pub(super) fn first(&self) -> Option<Seq> {
        self.0.values().filter(|tried| tried.is_worth_another()).map(|tried| tried.seq).min()
    }

    /// Whether this one is, and was sent so long ago: what came a moment ago may be answered just now.
    pub(super) fn is_due(&self, id: &Id, delay: Duration) -> bool {
        self.0.get(id).is_some_and(|tried| tried.is_worth_another() && tried.at.elapsed() >= delay)
    }

    /// Forgets what waits no more, after a look at what does from the seq `first` to `end`; and what is before.
    pub(super) fn keep_waiting(&mut self, first: Seq, end: Seq, waits: impl Fn(&Id) -> bool) {
        self.0.retain(|id, tried| tried.seq > end || (tried.seq >= first && waits(id)));
    }
}

impl Try {
    fn is_worth_another(&self) -> bool {
        self.count < MAX_TRIES
    }
}

#[cfg(test)]
mod tests {
    use vestibule_approve::base64url::Fixed;

    use super::*;

    fn id(number: u8) -> Id {
        Fixed([number; 16])
    }

    #[test]
    fn an_approve_is_worth_so_many_tries_until_it_is_answered() {
        let mut tries = Tries::default();
        assert_eq!((tries.first(), tries.is_due(&id(1), Duration::ZERO)), (None, false), "it was never sent");
        assert_eq!([(); MAX_TRIES as usize].map(|()| tries.count(id(1), Seq(10))), [1, 2, 3, 4, 5]);
        assert_eq!((tries.first(), tries.is_due(&id(1), Duration::ZERO)), (None, false));
        tries.count(id(3), Seq(30));
        tries.count(id(2), Seq(20));
        assert_eq!(tries.first(), Some(Seq(20)));
        tries.answered(&id(2));
        assert_eq!((tries.first(), tries.is_due(&id(2), Duration::ZERO)), (Some(Seq(30)), false));
    }

    #[test]
    fn to_be_listed_is_a_try_once() {
        let mut tries = Tries::default();
        tries.listed(id(1), Seq(10));
        tries.listed(id(1), Seq(10));
        assert_eq!(tries.count(id(1), Seq(10)), 2);
        tries.listed(id(1), Seq(10));
        assert_eq!(tries.count(id(1), Seq(10)), 3);
    }

    #[test]
    fn what_waits_no_more_is_forgotten_as_far_as_one_has_looked() {
        let mut tries = Tries::default();
        for number in 1..=4 {
            tries.count(id(number), Seq(i64::from(number) * 10));
        }
        tries.keep_waiting(Seq(20), Seq(30), |waits| *waits == id(3));
        assert_eq!(
            [1, 2, 3, 4].map(|number| tries.is_due(&id(number), Duration::ZERO)),
            [false, false, true, true]
        );
    }

    #[test]
    fn what_was_sent_a_moment_ago_is_not_due() {
        let mut tries = Tries::default();
        tries.count(id(1), Seq(10));
        assert!(!tries.is_due(&id(1), Duration::from_secs(3600)));
        assert!(tries.is_due(&id(1), Duration::ZERO));
    }
}
