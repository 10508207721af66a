//! When subscribers get the presence list and its changes.
//!
//! The first change is sent at once. Changes within a [`WINDOW`] after it are gathered and sent
//! together at its end, so that a thousand joins in the same second cost each watcher ten messages,
//! not a thousand. A subscriber that asks for the list while changes are gathered gets it after
//! them, and together with them: phoenix.js would report a join twice that is in a state and then
//! in a diff. While nothing is gathered, no timer runs.

use std::{
    mem,
    time::{Duration, Instant},
};

use vestibule_phoenix::{message::Payload, presence::Presence};

use super::{Channel, SubscriberId, Subscribers};

/// How long changes are gathered after a message. Short enough to look immediate to people.
const WINDOW: Duration = Duration::from_millis(100);

/// The list may fill an outbox up to one part in this many. A diff may be twice as long as the
/// list: all entries of another list in place of one.
const OUTBOX_PARTS: usize = 4;

/// The list of a topic, and the changes that were not sent yet.
pub(crate) struct TopicPresence {
    pub(crate) list: Presence<SubscriberId>,
    /// When changes of the list were last sent.
    list_sent: Option<Instant>,
    /// The list as it was last sent, until it changes.
    state: Option<Payload>,
    /// Subscribers that are to get the list, and its changes from then on.
    new_watchers: Vec<SubscriberId>,
    /// What the channel says beside the list.
    count: Option<Payload>,
    has_count_changed: bool,
    count_sent: Option<Instant>,
    /// When a timer will call [`Subscribers::send_presence`].
    timer: Option<Instant>,
}

impl TopicPresence {
    /// An empty list. `generation` differs between all topic actors that ever ran.
    pub(super) fn new(generation: u64) -> Self {
        Self {
            list: Presence::new(format!("{generation:x}."), usize::MAX),
            list_sent: None,
            state: None,
            new_watchers: Vec::new(),
            count: None,
            has_count_changed: false,
            count_sent: None,
            timer: None,
        }
    }

    /// Bounds the list so that it fits outboxes of this many bytes.
    pub(super) fn fit_outbox(&mut self, bytes: usize) {
        self.list.set_capacity(bytes / OUTBOX_PARTS);
    }

    pub(super) fn set_count(&mut self, count: Payload) {
        self.has_count_changed |= self.count.as_ref() != Some(&count);
        self.count = Some(count);
    }

    pub(super) fn show(&mut self, who: SubscriberId) {
        self.new_watchers.push(who);
    }

    pub(super) fn timer_fired(&mut self) {
        self.timer = None;
    }

    /// How long until gathered changes are due, unless a timer is set for that already.
    fn set_timer(&mut self, now: Instant) -> Option<Duration> {
        let list = self.list.has_changed().then_some(self.list_sent).flatten();
        let count = self.has_count_changed.then_some(self.count_sent).flatten();
        let due = list.into_iter().chain(count).min()? + WINDOW;
        if self.timer.is_some_and(|timer| timer <= due) {
            return None;
        }
        self.timer = Some(due);
        Some(due.saturating_duration_since(now))
    }
}

fn is_due(sent: Option<Instant>, now: Instant) -> bool {
    sent.is_none_or(|sent| now.saturating_duration_since(sent) >= WINDOW)
}

impl<C: Channel> Subscribers<C> {
    /// Sends the changes that are due. Returns how long the others must wait, once for each wait.
    pub(crate) fn send_presence(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.presence.list.has_changed() && is_due(self.presence.list_sent, now) {
            let changes = self.presence.list.take_changes();
            self.presence.list_sent = Some(now);
            self.presence.state = None;
            self.send_to_watchers("presence_diff", Payload::of(&changes));
        }
        if self.presence.has_count_changed
            && is_due(self.presence.count_sent, now)
            && let Some(count) = self.presence.count.clone()
        {
            self.presence.has_count_changed = false;
            self.presence.count_sent = Some(now);
            self.send_to_watchers("presence_count", count);
        }
        if !self.presence.list.has_changed() {
            self.send_state();
        }
        self.presence.set_timer(now)
    }

    fn send_to_watchers(&self, event: &str, payload: Payload) {
        self.broadcast(self.outgoing(event, payload), |_, subscriber| subscriber.watches_presence);
    }

    fn send_state(&mut self) {
        for who in mem::take(&mut self.presence.new_watchers) {
            let Some(subscriber) = self.by_id.get_mut(&who) else { continue };
            subscriber.watches_presence = true;
            let TopicPresence { list, state, count, .. } = &mut self.presence;
            let state = state.get_or_insert_with(|| Payload::of(list.state())).clone();
            let count = count.clone();
            self.push(who, "presence_state", state);
            if let Some(count) = count {
                self.push(who, "presence_count", count);
            }
        }
    }
}
