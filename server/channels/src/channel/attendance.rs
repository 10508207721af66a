//! Who is told who is in a topic, and when.
//!
//! The first change goes out at once, and what changes within a [`WINDOW`] after it goes out together at its end: so thousands
//! who come in the same second cost those who watch ten messages, not thousands. Who is to be shown the list while changes
//! are gathered is shown it behind them, and with them: phoenix.js would report a join twice that is in a state and then in a
//! diff. While nothing is gathered there is no timer.

use std::{
    mem,
    time::{Duration, Instant},
};

use vestibule_phoenix::{message::Payload, presence::Presence};

use super::{SubscriberId, Subscribers};

/// How long changes are gathered after something was told. For people that is at once.
const WINDOW: Duration = Duration::from_millis(100);

/// The part of an outbox that a list may fill: a diff may have twice as much, all of another list in place of one.
const SHARE: usize = 4;

/// Who is in a topic, and what is still to be told of it.
pub(crate) struct Attendance {
    /// Who is there, and what has changed.
    pub(crate) list: Presence<SubscriberId>,
    /// When it was last told what has changed.
    list_told: Option<Instant>,
    /// The list as it was sent last, until it changes.
    state: Option<Payload>,
    /// Who is to be shown the list, and to watch it from then on.
    newcomers: Vec<SubscriberId>,
    /// What the channel says beside the list.
    count: Option<Payload>,
    is_count_news: bool,
    count_told: Option<Instant>,
    /// When [`Subscribers::tell_presence`] will be called by itself.
    timer: Option<Instant>,
}

impl Attendance {
    /// Nobody. `life` is different for every room that ever ran.
    pub(super) fn new(life: u64) -> Self {
        Self {
            list: Presence::new(format!("{life:x}."), usize::MAX),
            list_told: None,
            state: None,
            newcomers: Vec::new(),
            count: None,
            is_count_news: false,
            count_told: None,
            timer: None,
        }
    }

    /// Makes room for a list that fits outboxes of so many bytes.
    pub(super) fn fit(&mut self, outbox: usize) {
        self.list.set_room(outbox / SHARE);
    }

    /// What is said beside the list, from now on.
    pub(super) fn set_count(&mut self, count: Payload) {
        self.is_count_news |= self.count.as_ref() != Some(&count);
        self.count = Some(count);
    }

    /// Shows the list to somebody.
    pub(super) fn show(&mut self, who: SubscriberId) {
        self.newcomers.push(who);
    }

    /// The timer is over.
    pub(super) fn time_is_over(&mut self) {
        self.timer = None;
    }

    /// How long it is until what is gathered is to be told, where no timer has been set for that.
    fn set_timer(&mut self, now: Instant) -> Option<Duration> {
        let list = self.list.has_changed().then_some(self.list_told).flatten();
        let count = self.is_count_news.then_some(self.count_told).flatten();
        let due = list.into_iter().chain(count).min()? + WINDOW;
        if self.timer.is_some_and(|timer| timer <= due) {
            return None;
        }
        self.timer = Some(due);
        Some(due.saturating_duration_since(now))
    }
}

/// Whether it is time to tell what is new.
fn is_due(told: Option<Instant>, now: Instant) -> bool {
    told.is_none_or(|told| now.saturating_duration_since(told) >= WINDOW)
}

impl Subscribers {
    /// Tells what it is time to tell. Where the rest has to wait it says how long, once.
    pub(crate) fn tell_presence(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.attendance.list.has_changed() && is_due(self.attendance.list_told, now) {
            let changes = self.attendance.list.take_changes();
            self.attendance.list_told = Some(now);
            self.attendance.state = None;
            self.tell_watchers("presence_diff", Payload::of(&changes));
        }
        if self.attendance.is_count_news
            && is_due(self.attendance.count_told, now)
            && let Some(count) = self.attendance.count.clone()
        {
            self.attendance.is_count_news = false;
            self.attendance.count_told = Some(now);
            self.tell_watchers("presence_count", count);
        }
        if !self.attendance.list.has_changed() {
            self.show_newcomers();
        }
        self.attendance.set_timer(now)
    }

    fn tell_watchers(&self, event: &str, payload: Payload) {
        self.broadcast(self.outgoing(event, payload), |_, member| member.watches_presence);
    }

    fn show_newcomers(&mut self) {
        for who in mem::take(&mut self.attendance.newcomers) {
            let Some(member) = self.by_id.get_mut(&who) else { continue };
            member.watches_presence = true;
            let Attendance { list, state, count, .. } = &mut self.attendance;
            let state = state.get_or_insert_with(|| Payload::of(list.state())).clone();
            let count = count.clone();
            self.push(who, "presence_state", state);
            if let Some(count) = count {
                self.push(who, "presence_count", count);
            }
        }
    }
}
