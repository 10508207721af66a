//! Which messages each recipient got: none may be lost, come twice or overtake another.

use std::collections::HashSet;

/// What went wrong. All must be 0.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Messages that never came.
    pub lost: u64,
    /// Messages that came again.
    pub doubled: u64,
    /// Messages that came after a later one.
    pub reordered: u64,
}

impl Faults {
    /// Whether nothing went wrong.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// The sums.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
            reordered: self.reordered + other.reordered,
        }
    }
}

/// What each recipient has received of messages that are numbered from 0.
#[derive(Debug)]
pub struct Ledger {
    /// The number that each recipient must get next.
    next: Vec<u64>,
    /// Recipients with numbers that were left out so far.
    missing: HashSet<(usize, u64)>,
    faults: Faults,
}

impl Ledger {
    /// A ledger for this many recipients.
    pub fn new(recipients: usize) -> Self {
        Self { next: vec![0; recipients], missing: HashSet::new(), faults: Faults::default() }
    }

    /// Enters that a recipient got a message.
    pub fn enter(&mut self, recipient: usize, number: u64) {
        let next = &mut self.next[recipient];
        if number >= *next {
            self.missing.extend((*next..number).map(|number| (recipient, number)));
            *next = number + 1;
        } else if self.missing.remove(&(recipient, number)) {
            self.faults.reordered += 1;
        } else {
            self.faults.doubled += 1;
        }
    }

    /// What went wrong, if each recipient was sent as many messages as this says.
    pub fn faults(&self, sent: impl Fn(usize) -> u64) -> Faults {
        let at_end = self.next.iter().enumerate();
        let at_end: u64 = at_end.map(|(recipient, next)| sent(recipient).saturating_sub(*next)).sum();
        Faults { lost: self.missing.len() as u64 + at_end, ..self.faults }
    }
}

#[cfg(test)]
mod tests {
    use super::{Faults, Ledger};

    fn faults(received: &[u64], sent: u64) -> Faults {
        let mut ledger = Ledger::new(1);
        for number in received {
            ledger.enter(0, *number);
        }
        ledger.faults(|_| sent)
    }

    #[test]
    fn each_fault_is_counted() {
        assert!(faults(&[0, 1, 2], 3).is_none());
        assert_eq!(faults(&[0, 2], 5), Faults { lost: 3, ..Faults::default() });
        assert_eq!(faults(&[0, 1, 1], 2), Faults { doubled: 1, ..Faults::default() });
        assert_eq!(faults(&[1, 0, 2], 3), Faults { reordered: 1, ..Faults::default() });
        assert_eq!(faults(&[1, 0, 0], 2), Faults { reordered: 1, doubled: 1, lost: 0 });
    }

    #[test]
    fn recipients_are_told_apart() {
        let mut ledger = Ledger::new(2);
        ledger.enter(0, 0);
        assert_eq!(ledger.faults(|_| 1), Faults { lost: 1, ..Faults::default() });
        assert_eq!(ledger.faults(|recipient| u64::from(recipient == 0)), Faults::default());
        let one = Faults { lost: 1, doubled: 2, reordered: 3 };
        assert_eq!(one.and(one), Faults { lost: 2, doubled: 4, reordered: 6 });
    }
}
