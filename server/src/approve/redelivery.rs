//! The approves that one join was sent and has not answered, and which of them to send again.

use std::time::{Duration, Instant};

use vestibule_approve::{frames::Id, ids::Seq};
use vestibule_channels::small_map::SmallMap;

/// How often an approve is sent to one join at most.
const MAX_TRIES: u8 = 5;

/// Unanswered approves of one join.
#[derive(Debug, Default)]
pub(super) struct UnansweredApproves(SmallMap<Id, Delivery>);

/// An approve that was sent.
#[derive(Debug)]
struct Delivery {
    seq: Seq,
    /// How often it was sent.
    count: u8,
    /// When it was last sent.
    at: Instant,
}

impl UnansweredApproves {
    /// Whether everything that was sent is answered.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts one more try, and returns the number of tries.
    pub(super) fn count(&mut self, id: Id, seq: Seq) -> u8 {
        let (seq, count) = self.0.get(&id).map_or((seq, 1), |tried| (tried.seq, tried.count + 1));
        self.0.insert(id, Delivery { seq, count, at: Instant::now() });
        count
    }

    /// Counts an approve that a reply has listed as a first try.
    pub(super) fn listed(&mut self, id: Id, seq: Seq) {
        if !self.0.contains_key(&id) {
            self.0.insert(id, Delivery { seq, count: 1, at: Instant::now() });
        }
    }

    /// Forgets an approve that was acked or nacked.
    pub(super) fn answered(&mut self, id: &Id) {
        self.0.remove(id);
    }

    /// The smallest seq of an approve to send again.
    pub(super) fn first(&self) -> Option<Seq> {
        self.0.values().filter(|tried| tried.may_be_tried_again()).map(|tried| tried.seq).min()
    }

    /// Whether to send this approve again now: it was last sent at least `delay` ago, so an answer
    /// is hardly on its way.
    pub(super) fn is_due(&self, id: &Id, delay: Duration) -> bool {
        self.0.get(id).is_some_and(|tried| tried.may_be_tried_again() && tried.at.elapsed() >= delay)
    }

    /// Forgets approves that no longer wait, by a read of those with a seq from `first` to `end`,
    /// and all with a smaller seq.
    pub(super) fn keep_waiting(&mut self, first: Seq, end: Seq, waits: impl Fn(&Id) -> bool) {
        self.0.retain(|id, tried| tried.seq > end || (tried.seq >= first && waits(id)));
    }
}

impl Delivery {
    fn may_be_tried_again(&self) -> bool {
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
    fn an_approve_is_tried_five_times_unless_answered() {
        let mut tries = UnansweredApproves::default();
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
    fn being_listed_counts_as_a_try_once() {
        let mut tries = UnansweredApproves::default();
        tries.listed(id(1), Seq(10));
        tries.listed(id(1), Seq(10));
        assert_eq!(tries.count(id(1), Seq(10)), 2);
        tries.listed(id(1), Seq(10));
        assert_eq!(tries.count(id(1), Seq(10)), 3);
    }

    #[test]
    fn approves_missing_from_the_read_are_forgotten() {
        let mut tries = UnansweredApproves::default();
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
    fn an_approve_just_sent_is_not_due() {
        let mut tries = UnansweredApproves::default();
        tries.count(id(1), Seq(10));
        assert!(!tries.is_due(&id(1), Duration::from_secs(3600)));
        assert!(tries.is_due(&id(1), Duration::ZERO));
    }
}
