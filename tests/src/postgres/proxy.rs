//! A proxy before PostgreSQL: the network between it and its clients, in trouble.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cluster::Cluster;
use crate::relay::{Cut, Relay, Watch};

/// A relay to PostgreSQL that can also lose the answer to a COMMIT: the transaction is committed,
/// and its client does not learn it. It reads no TLS: through that, no answer is lost.
#[derive(Debug)]
pub struct Proxy {
    /// Has the address that clients take for PostgreSQL's, and cuts, pauses and delays.
    pub relay: Relay,
    plan: Arc<Mutex<Plan>>,
}

/// Which answers are lost, on whichever line they are.
#[derive(Debug, Default)]
struct Plan {
    /// How many answers still pass before the one that is lost, and how its line is cut.
    next: Option<(usize, Cut)>,
    lost: usize,
}

impl Cluster {
    /// Starts a proxy before this cluster, which runs until the test process ends.
    pub fn proxy(&self) -> Proxy {
        let plan = Arc::default();
        let shared = Arc::clone(&plan);
        let relay = Relay::watched(self.address(), move || Answers::new(Arc::clone(&shared)));
        Proxy { relay, plan }
    }
}

impl Proxy {
    /// Plans the next loss: of the answer to the COMMIT after this many further ones, on whichever
    /// connection. PostgreSQL commits, and then, instead of the answer, the connection is cut.
    pub fn lose_commit_after(&self, commits: usize, cut: Cut) {
        lock(&self.plan).next = Some((commits, cut));
    }

    /// How many answers to a COMMIT were lost so far.
    pub fn lost_commits(&self) -> usize {
        lock(&self.plan).lost
    }
}

impl Plan {
    /// Counts an answer to COMMIT, and says whether it is lost.
    fn count(&mut self) -> Option<Cut> {
        match self.next {
            Some((0, cut)) => {
                (self.next, self.lost) = (None, self.lost + 1);
                Some(cut)
            }
            Some((left, cut)) => {
                self.next = Some((left - 1, cut));
                None
            }
            None => None,
        }
    }
}

fn lock(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What PostgreSQL says on one connection, message by message.
struct Answers {
    phase: Phase,
    /// The beginning of a message that is not complete.
    rest: Vec<u8>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A client that asks whether it may encrypt is answered with one byte.
    Opening,
    /// Each message has a letter and a length.
    Messages,
    /// Encrypted.
    Opaque,
}

impl Answers {
    fn new(plan: Arc<Mutex<Plan>>) -> Self {
        Self { phase: Phase::Opening, rest: Vec::new(), plan }
    }

    /// The length of what comes first, if it is complete.
    fn first(&mut self) -> Option<usize> {
        if self.phase == Phase::Opening {
            match self.rest.first()? {
                b'N' => return Some(1),
                b'S' | b'G' => self.phase = Phase::Opaque,
                _ => self.phase = Phase::Messages,
            }
        }
        let length = match self.phase {
            Phase::Messages => {
                let length: [u8; 4] = self.rest.get(1..5)?.try_into().ok()?;
                // It counts itself, and not the letter.
                1 + u32::from_be_bytes(length) as usize
            }
            Phase::Opening | Phase::Opaque => self.rest.len(),
        };
        (length > 0 && self.rest.len() >= length).then_some(length)
    }
}

impl Watch for Answers {
    fn look(&mut self, bytes: &[u8], passed: &mut Vec<u8>) -> Option<Cut> {
        self.rest.extend_from_slice(bytes);
        while let Some(length) = self.first() {
            // CommandComplete. What is rolled back instead is answered ROLLBACK.
            let is_commit = self.phase == Phase::Messages
                && self.rest[0] == b'C'
                && self.rest.get(5..length) == Some(b"COMMIT\0");
            if let Some(cut) = is_commit.then(|| lock(&self.plan).count()).flatten() {
                return Some(cut);
            }
            passed.extend(self.rest.drain(..length));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Answers, Plan, lock};
    use crate::relay::{Cut, Watch as _};

    fn message(letter: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(4 + body.len()).expect("a short body");
        [&[letter][..], &length.to_be_bytes(), body].concat()
    }

    /// What passes, and the cut, when the bytes come in pieces of this size.
    fn pass(plan: &Arc<Mutex<Plan>>, bytes: &[u8], size: usize) -> (Vec<u8>, Option<Cut>) {
        let (mut answers, mut passed) = (Answers::new(Arc::clone(plan)), Vec::new());
        let cut = bytes.chunks(size).find_map(|piece| answers.look(piece, &mut passed));
        (passed, cut)
    }

    #[test]
    fn the_chosen_answer_to_commit_is_lost_however_it_comes() {
        let before = [
            b"N".to_vec(),
            message(b'R', &[0; 4]),
            message(b'C', b"INSERT 0 1\0"),
            message(b'D', b"COMMIT\0"),
            message(b'C', b"COMMIT\0"),
            message(b'C', b"ROLLBACK\0"),
        ]
        .concat();
        let all = [&before[..], &message(b'C', b"COMMIT\0"), &message(b'Z', b"I")].concat();
        for size in 1..=all.len() {
            let plan = Arc::new(Mutex::new(Plan { next: Some((1, Cut::Reset)), lost: 0 }));
            assert_eq!(pass(&plan, &all, size), (before.clone(), Some(Cut::Reset)), "{size}");
            assert_eq!(lock(&plan).lost, 1);
            assert_eq!(pass(&plan, &all, size), (all.clone(), None), "{size}");
        }
    }

    #[test]
    fn what_is_encrypted_passes_unread() {
        let all = [b"S".to_vec(), message(b'C', b"COMMIT\0")].concat();
        let plan = Arc::new(Mutex::new(Plan { next: Some((0, Cut::Reset)), lost: 0 }));
        assert_eq!(pass(&plan, &all, 3), (all, None));
    }
}
