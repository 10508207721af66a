//! What clients can have seen of this store, and what they are told who have seen something else.
//!
//! A folder that was copied as a whole and put back shows no sign of it: its mark is as old as its database. A client may have
//! seen more. Its `last.seq` cannot be compared with the store's last seq: that has moved on with the first command after the
//! restore, and whether it is beyond would tell a stranger when somebody else last did something. What is told by nobody's
//! doing is when the server ran. A seq is a clock, so each has been given at a time at which a server ran; a client that has
//! seen one of another time has it from a server that ran on a later state of this folder.

use vestibule_approve::ids::{Epoch, Seq};

/// Downtimes that are remembered; the oldest go.
const MOST: usize = 32;

/// Between two runs: after the first number and before the second, none was given.
pub(super) type Downtime = (i64, i64);

/// What this store remembers of itself.
pub(super) struct History {
    epoch: Epoch,
    downtimes: Vec<Downtime>,
}

impl History {
    pub(super) fn new(epoch: Epoch, downtimes: Vec<Downtime>) -> Self {
        Self { epoch, downtimes }
    }

    /// The store's epoch.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The epoch to tell a client that has seen this seq in this epoch. Where it is another than the client's own, the client
    /// takes nothing for granted that it had from here.
    ///
    /// A store answers to two epochs, its own and that one's complement. A client of either that has seen what was never here
    /// is told the other, and lives in that from then on: nothing has to be stored for it, and nobody else is concerned, so that
    /// who lies about what they have seen harm themselves alone.
    pub(super) fn epoch_for(&self, seen: Option<(Epoch, Seq)>) -> Epoch {
        let other = complement(self.epoch);
        match seen {
            Some((epoch, seq)) if [self.epoch, other].contains(&epoch) => {
                if self.was_given(seq) {
                    epoch
                } else {
                    complement(epoch)
                }
            }
            _ => self.epoch,
        }
    }

    /// Whether this number may have been given here.
    fn was_given(&self, seq: Seq) -> bool {
        !self.downtimes.iter().any(|(stopped, started)| (stopped + 1..*started).contains(&seq.0))
    }
}

fn complement(epoch: Epoch) -> Epoch {
    Epoch(epoch.0.map(|byte| !byte))
}

/// Adds a downtime to those that are remembered.
pub(super) fn add(downtimes: &mut Vec<Downtime>, (stopped, started): Downtime) {
    if stopped < started {
        downtimes.push((stopped, started));
        let surplus = downtimes.len().saturating_sub(MOST);
        downtimes.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Epoch = Epoch([7; 16]);
    const OTHER: Epoch = Epoch([!7; 16]);

    #[test]
    fn who_has_seen_what_was_never_here_is_told_the_other_epoch() {
        let history = History::new(OWN, vec![(10, 20), (30, 40)]);
        for seq in [i64::MIN, 0, 10, 20, 21, 30, 40, i64::MAX] {
            assert_eq!(history.epoch_for(Some((OWN, Seq(seq)))), OWN, "{seq}");
            assert_eq!(history.epoch_for(Some((OTHER, Seq(seq)))), OTHER, "{seq}");
        }
        for seq in [11, 19, 31, 39] {
            assert_eq!(history.epoch_for(Some((OWN, Seq(seq)))), OTHER, "{seq}");
            assert_eq!(history.epoch_for(Some((OTHER, Seq(seq)))), OWN, "{seq}");
        }
        for nothing_known in [None, Some((Epoch([1; 16]), Seq(15)))] {
            assert_eq!(history.epoch_for(nothing_known), OWN);
        }
    }

    #[test]
    fn the_last_downtimes_are_remembered_and_none_that_is_none() {
        let mut downtimes = Vec::new();
        add(&mut downtimes, (5, 5));
        add(&mut downtimes, (6, 5));
        assert_eq!(downtimes, []);
        let count = i64::try_from(MOST).unwrap() + 2;
        (0..count).for_each(|place| add(&mut downtimes, (place, place + 1)));
        assert_eq!((downtimes.len(), downtimes[0]), (MOST, (2, 3)));
    }
}
