//! Nodes: put frames of each stream in order, and find those that did not come.

use super::{
    database::{Change, Stream},
    state::{Event, Frame, Time, World},
    variant::{Repair, Rule, Tail},
};

/// How long a hole may stay before it is repaired.
const HOLD: Time = 60_000;
/// How often the tail reads.
const TAIL: Time = 1_000_000;

impl World {
    /// Passes a frame on, or holds it back, or drops it, as the rule says.
    pub(super) fn offer(&mut self, node: usize, frame: Frame) {
        let rule = self.variant.rule;
        let Some(place) = self.nodes[node].places.get_mut(&frame.stream) else { return };
        let is_old = place.last.is_some_and(|last| frame.seq <= last);
        match rule {
            Rule::All => self.deliver(node, frame),
            Rule::Greater | Rule::Chain if is_old => {}
            Rule::Greater => {
                place.last = Some(frame.seq);
                self.deliver(node, frame);
            }
            Rule::Chain => {
                place.waiting.insert(frame.prev, frame);
                self.drain(node, frame.stream);
            }
        }
    }

    /// The first read of a stream says where the node begins in it.
    pub(super) fn begin_at(&mut self, node: usize, stream: Stream, until: u64) {
        if let Some(place) = self.nodes[node].places.get_mut(&stream)
            && place.last.is_none()
        {
            (place.last, place.began) = (Some(until), until);
        }
        self.drain(node, stream);
    }

    /// Passes on what follows the last frame, and has somebody look at a hole later.
    fn drain(&mut self, node: usize, stream: Stream) {
        let repairs = self.variant.repair != Repair::Never;
        while let Some(place) = self.nodes[node].places.get_mut(&stream) {
            let Some(last) = place.last else { return };
            place.waiting.retain(|_, frame| frame.seq > last);
            let Some(frame) = place.waiting.remove(&last) else {
                if repairs && !place.waiting.is_empty() && place.looks_at != Some(last) {
                    place.looks_at = Some(last);
                    self.report.held += 1;
                    self.after(HOLD, Event::Look { node, stream, at: last });
                }
                return;
            };
            place.last = Some(frame.seq);
            self.deliver(node, frame);
        }
    }

    /// Reads what is missing, if the hole is still there.
    pub(super) fn look(&mut self, node: usize, stream: Stream, at: u64) {
        let Some(place) = self.nodes[node].places.get_mut(&stream) else { return };
        if place.looks_at == Some(at) {
            place.looks_at = None;
        }
        if place.last != Some(at) || place.waiting.is_empty() {
            return;
        }
        self.report.repairs += 1;
        let mut changes = self.database.changes_after(stream, at);
        self.keep_found(&mut changes);
        let delay = self.random.between(300, 5000);
        self.after(delay, Event::Repaired { node, stream, changes });
    }

    /// Drops changes that a variant does not find.
    fn keep_found(&self, changes: &mut Vec<Change>) {
        changes.retain(|change| change.has_row || self.variant.repair != Repair::FromRowsLeft);
    }

    /// Offers what a repair has read.
    pub(super) fn repaired(&mut self, node: usize, stream: Stream, changes: Vec<Change>) {
        for change in changes {
            self.offer(node, change);
        }
        self.drain(node, stream);
    }

    /// Reads what has been committed since the last time.
    pub(super) fn tail(&mut self, node: usize) {
        let from = self.nodes[node].tail_from;
        let (mut changes, next) = match self.variant.tail {
            Tail::Never => return,
            Tail::BySeq => (self.database.changes_where(|it| it.seq > from), self.database.newest()),
            Tail::BySnapshot => {
                (self.database.changes_where(|it| it.xid >= from), self.database.oldest_running())
            }
        };
        self.nodes[node].tail_from = next;
        self.keep_found(&mut changes);
        let delay = self.random.between(300, 5000);
        self.after(delay, Event::Tailed { node, changes });
        self.after(TAIL, Event::Tail { node });
    }

    /// Offers what the tail has read.
    pub(super) fn tailed(&mut self, node: usize, changes: Vec<Change>) {
        for change in changes {
            let Some(place) = self.nodes[node].places.get(&change.stream) else { continue };
            let is_new = place.last.is_some_and(|last| change.seq > last);
            self.report.by_tail += u64::from(is_new && place.waiting.is_empty());
            self.offer(node, change);
        }
    }

    /// A subscription is confirmed.
    pub(super) fn subscribed(&mut self, node: usize, stream: Stream) {
        if let Some(place) = self.nodes[node].places.get_mut(&stream) {
            place.is_confirmed = true;
        }
    }
}
