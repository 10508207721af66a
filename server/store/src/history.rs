//! What a client can have seen of this store, and which epoch it is told if it has seen more.
//!
//! If a whole data folder was copied and later put back, nothing in it shows that: its mark is as
//! old as its database. A client may have seen more. The client's `last.seq` cannot be compared
//! with the store's last seq: the first command after the restore moves that ahead, and the
//! comparison would tell a stranger when somebody else last did something. When the server ran
//! depends on nobody's actions. A seq is a time, so each was issued while a server ran. A client
//! with a seq from a downtime has it from a server that ran on a later state of this folder.

use vestibule_approve::ids::{Epoch, Seq};

/// How many downtimes are remembered; the oldest are dropped.
const MOST: usize = 32;

/// The time between two runs: no seq was issued after the first number and before the second.
pub(super) type Downtime = (i64, i64);

/// The store's epoch and downtimes.
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

    /// The epoch to tell a client that has seen this seq in this epoch. If it differs from the
    /// client's, the client discards what it knows and fetches everything anew.
    ///
    /// A store accepts two epochs, its own and the complement of that. A client in either that has
    /// seen a seq which this store never issued is told the other, and uses that from then on. So
    /// nothing is stored for it, and a client that lies about what it has seen harms only itself.
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

    /// Whether this store may have issued the seq.
    fn was_given(&self, seq: Seq) -> bool {
        !self.downtimes.iter().any(|(stopped, started)| (stopped + 1..*started).contains(&seq.0))
    }
}

fn complement(epoch: Epoch) -> Epoch {
    Epoch(epoch.0.map(|byte| !byte))
}

/// Remembers a downtime.
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
    fn a_client_with_an_unknown_seq_gets_another_epoch() {
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
    fn only_the_last_downtimes_are_remembered() {
        let mut downtimes = Vec::new();
        add(&mut downtimes, (5, 5));
        add(&mut downtimes, (6, 5));
        assert_eq!(downtimes, []);
        let count = i64::try_from(MOST).unwrap() + 2;
        (0..count).for_each(|place| add(&mut downtimes, (place, place + 1)));
        assert_eq!((downtimes.len(), downtimes[0]), (MOST, (2, 3)));
    }
}
