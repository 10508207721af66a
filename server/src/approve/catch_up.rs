//! Stored frames, then live ones, none twice and none missing in between.
//!
//! While somebody is shown what is stored, frames go on being stored. A feed holds those back until the stored ones are
//! sent, and then lets through the ones that were not among them: a frame belongs to the stored ones if its seq is not
//! above the moment of the read.

use vestibule_approve::ids::Seq;

/// One recipient's place in a stream of frames that come in the order of their seq.
#[derive(Debug)]
pub(super) struct Feed<T> {
    /// Everything up to here has been sent.
    sent: Seq,
    held: Option<Vec<(Seq, T)>>,
}

impl<T> Feed<T> {
    /// A feed that holds back, until [`Feed::release`].
    pub(super) fn held() -> Self {
        Self { sent: Seq::ZERO, held: Some(Vec::new()) }
    }

    /// Up to which seq its recipient has been sent what is stored.
    pub(super) fn sent(&self) -> Seq {
        self.sent
    }

    /// A live frame: given back if it is to be sent now.
    pub(super) fn offer(&mut self, seq: Seq, frame: T) -> Option<T> {
        if seq <= self.sent {
            return None;
        }
        match &mut self.held {
            Some(held) => {
                held.push((seq, frame));
                None
            }
            None => Some(frame),
        }
    }

    /// Whether it holds back.
    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Everything up to `until` has been sent: gives what was held back and comes after it, and holds no more.
    pub(super) fn release(&mut self, until: Seq) -> Vec<T> {
        self.sent = until;
        let held = self.held.take().unwrap_or_default();
        held.into_iter().filter(|(seq, _)| *seq > until).map(|(_, frame)| frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_not_sent_again_and_nothing_else_is_lost() {
        let mut feed = Feed::held();
        assert_eq!(feed.offer(Seq(10), "stored before the read, told after it began"), None);
        assert_eq!(feed.offer(Seq(20), "stored after the read"), None);
        assert_eq!(feed.release(Seq(15)), ["stored after the read"]);
        assert_eq!(feed.offer(Seq(15), "told late, but read"), None);
        assert_eq!(feed.offer(Seq(30), "live"), Some("live"));
    }
}
