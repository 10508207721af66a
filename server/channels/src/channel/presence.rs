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

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use vestibule_phoenix::{
    message::Payload,
    presence::{Diff, Presence},
};

use super::{Channel, SubscriberId, Subscribers};

/// How long changes are gathered after a message. Short enough to look immediate to people.
const WINDOW: Duration = Duration::from_millis(100);

/// The list may fill an outbox up to one part in this many. A diff may be twice as long as the
/// list: all entries of another list in place of one.
const OUTBOX_PARTS: usize = 4;

/// What `presence_diff` carries: Phoenix's shape, and the count if it has changed as well, so that
/// both are one message.
#[derive(Serialize)]
struct Changes<'a> {
    #[serde(flatten)]
    list: Diff,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<&'a RawValue>,
}

/// The list of a topic, and the changes that were not sent yet. Topics whose channel tracks and
/// counts nobody have none.
pub(crate) struct TopicPresence {
    pub(crate) list: Presence<SubscriberId>,
    /// When changes of the list were last sent.
    list_sent: Option<Instant>,
    /// The list as it was last sent, until it changes.
    state: Option<Payload>,
    /// Subscribers that are to get the list, and its changes from then on.
    new_watchers: Vec<SubscriberId>,
    /// What the channel says beside the list, as JSON.
    count: Option<Box<RawValue>>,
    has_count_changed: bool,
    count_sent: Option<Instant>,
    /// When a timer will have [`Subscribers::send_presence`] called.
    timer: Option<Instant>,
}

impl TopicPresence {
    /// An empty list, bounded so that it fits outboxes of this many bytes. `generation` differs
    /// between all topic actors that ever ran.
    fn new(generation: u64, outbox: usize) -> Self {
        Self {
            list: Presence::new(format!("{generation:x}."), outbox / OUTBOX_PARTS),
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

    pub(super) fn set_count(&mut self, count: &impl Serialize) {
        let count = to_raw_value(count).expect("our own payloads are JSON");
        self.has_count_changed |= self.count.as_ref().is_none_or(|before| before.get() != count.get());
        self.count = Some(count);
    }

    pub(super) fn show(&mut self, who: SubscriberId) {
        self.new_watchers.push(who);
    }

    /// Whether anything is to be sent, now or later.
    fn is_pending(&self) -> bool {
        self.list.has_changed() || self.has_count_changed || !self.new_watchers.is_empty()
    }

    /// The changes of the list, if they are to be sent now, and the count with them.
    fn take_due_changes(&mut self, now: Instant) -> Option<Payload> {
        (self.list.has_changed() && is_due(self.list_sent, now)).then(|| {
            (self.list_sent, self.state) = (Some(now), None);
            let list = self.list.take_changes();
            let count = self.take_count(now);
            Payload::of(&Changes { list, count })
        })
    }

    /// The count, if it is to be sent now.
    fn take_due_count(&mut self, now: Instant) -> Option<Payload> {
        is_due(self.count_sent, now).then(|| self.take_count(now).map(Payload::of)).flatten()
    }

    fn take_count(&mut self, now: Instant) -> Option<&RawValue> {
        mem::take(&mut self.has_count_changed).then(|| self.count_sent = Some(now))?;
        self.count.as_deref()
    }

    /// The list, written once for all new watchers, and the count.
    fn shown(&mut self) -> (Payload, Option<Payload>) {
        let state = self.state.get_or_insert_with(|| Payload::of(&self.list.state()));
        (state.clone(), self.count.as_deref().map(Payload::of))
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
    /// The list and its changes, of which there are some from now on.
    pub(super) fn presence(&mut self) -> &mut TopicPresence {
        let (generation, outbox) = (self.generation, self.outbox_bytes);
        self.presence.get_or_insert_with(|| Box::new(TopicPresence::new(generation, outbox)))
    }

    /// Sends the changes that are due. Returns how long the others must wait, once for each wait.
    pub(crate) fn send_presence(&mut self) -> Option<Duration> {
        let presence = self.presence.as_deref_mut().filter(|presence| presence.is_pending())?;
        let now = Instant::now();
        let changes = presence.take_due_changes(now);
        let count = presence.take_due_count(now);
        if let Some(changes) = changes {
            self.send_to_watchers("presence_diff", changes);
        }
        if let Some(count) = count {
            self.send_to_watchers("presence_count", count);
        }
        self.send_state();
        self.presence.as_deref_mut()?.set_timer(now)
    }

    /// The timer of [`Subscribers::send_presence`] has fired.
    pub(super) fn presence_is_due(&mut self) {
        if let Some(presence) = self.presence.as_deref_mut() {
            presence.timer = None;
        }
    }

    fn send_to_watchers(&self, event: &str, payload: Payload) {
        self.broadcast(self.outgoing(event, payload), |_, subscriber| subscriber.watches_presence);
    }

    /// Sends the list to new watchers, unless changes are being gathered.
    fn send_state(&mut self) {
        let Some(presence) = self.presence.as_deref_mut().filter(|presence| !presence.list.has_changed())
        else {
            return;
        };
        let new: Vec<SubscriberId> = mem::take(&mut presence.new_watchers)
            .into_iter()
            .filter(|who| self.by_id.contains_key(who))
            .collect();
        if new.is_empty() {
            return;
        }
        let (state, count) = presence.shown();
        for who in new {
            if let Some(subscriber) = self.by_id.get_mut(&who) {
                subscriber.watches_presence = true;
            }
            self.push(who, "presence_state", &state);
            if let Some(count) = &count {
                self.push(who, "presence_count", count);
            }
        }
    }
}
