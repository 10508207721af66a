//! Stored frames, then live ones, none twice and none missing in between.
//!
//! While stored frames are sent to a recipient, others are stored. A feed holds these back until
//! the stored ones are sent, and then releases those that were not among them: the ones whose seq
//! is larger than that of the read.

use vestibule_approve::ids::Seq;

/// One recipient's position in a stream of frames that arrive in the order of their seq.
#[derive(Debug)]
pub(super) struct Feed<T> {
    /// Frames up to this seq have been sent.
    sent: Seq,
    held: Option<Vec<(Seq, T)>>,
}

impl<T> Feed<T> {
    /// A feed that holds frames back until [`Feed::release`].
    pub(super) fn held() -> Self {
        Self { sent: Seq::ZERO, held: Some(Vec::new()) }
    }

    /// The seq up to which its recipient has been sent what is stored.
    pub(super) fn sent(&self) -> Seq {
        self.sent
    }

    /// Takes a live frame, and returns it if it must be sent now.
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

    /// Whether it holds frames back.
    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Frames up to `until` have been sent: returns the held ones that come after, and holds no
    /// more.
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
    fn no_frame_is_sent_twice_or_lost() {
        let mut feed = Feed::held();
        assert_eq!(feed.offer(Seq(10), "stored before the read, told after it began"), None);
        assert_eq!(feed.offer(Seq(20), "stored after the read"), None);
        assert_eq!(feed.release(Seq(15)), ["stored after the read"]);
        assert_eq!(feed.offer(Seq(15), "told late, but read"), None);
        assert_eq!(feed.offer(Seq(30), "live"), Some("live"));
    }
}
