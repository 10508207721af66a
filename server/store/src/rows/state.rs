//! The states of requests, and the counters that follow from them.

use vestibule_approve::{ids::Uid, items::RequestItem, rules::Change};
use vestibule_schema::{
    Error,
    models::{OpenRequest, Request, RequestState},
    repository::streams::Topic,
};

use super::{RequestRow, Rows, facts::About, names::RequestName};
use crate::{convert, submission::Submission};

/// What a request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Open,
    Denied,
    Nothing,
}

impl Counted {
    fn of(row: &Request) -> Self {
        match row.state {
            state if state.is_open() => Self::Open,
            RequestState::Denied if row.frame.is_some() => Self::Denied,
            _ => Self::Nothing,
        }
    }
}

impl Rows<'_> {
    /// Adds a request that is not stored.
    pub(super) fn add(&mut self, name: RequestName, request: RequestRow) {
        self.requests.insert(name, Some(request));
        self.open_of.entry(name.place()).or_default().push(name);
        self.counts.entry(name.uid).or_default().all += 1;
        self.count(name, Counted::Nothing);
    }

    /// Sets the state of a request that keeps its frame.
    pub(super) fn set_state(&mut self, name: RequestName, state: RequestState) {
        self.change(name, |row| row.state = state);
        // A denied one may be open again.
        if let Some(open) = self.open_of.get_mut(&name.place())
            && !open.contains(&name)
        {
            open.push(name);
        }
    }

    /// Makes a request pending again.
    pub(super) fn reopen(&mut self, name: RequestName) -> Result<RequestItem, Error> {
        self.set_state(name, RequestState::Pending);
        let request = self.request(name).map(|request| request.row.clone());
        let request = request.ok_or_else(|| Error::corrupt("a request that is not stored"))?;
        convert::request_item(&OpenRequest { request, approvals: 0 })
    }

    /// Finishes a request: its frame, account and devices go.
    pub(super) fn finish(&mut self, name: RequestName, state: RequestState, now: i64) {
        self.change(name, |row| {
            row.state = state;
            (row.frame, row.account, row.closed) = (None, None, Some(now));
        });
        if let Some(Some(request)) = self.requests.get_mut(&name) {
            request.devices.clear();
        }
    }

    fn change(&mut self, name: RequestName, how: impl FnOnce(&mut Request)) {
        let Some(Some(request)) = self.requests.get_mut(&name) else { return };
        let before = Counted::of(&request.row);
        how(&mut request.row);
        request.is_changed = true;
        self.count(name, before);
    }

    /// Counts a request as what it is now, as the database's triggers do.
    fn count(&mut self, name: RequestName, before: Counted) {
        let Some(Some(request)) = self.requests.get(&name) else { return };
        let (after, is_over) = (Counted::of(&request.row), request.row.exp <= self.now_us.ms());
        let step = |of| i64::from(after == of) - i64::from(before == of);
        if let Some(Some(room)) = self.rooms.get_mut(&name.rid) {
            room.row.open += step(Counted::Open);
            room.row.denied += step(Counted::Denied);
        }
        let open = isize::try_from(step(Counted::Open)).unwrap_or_default();
        self.open_in_all = self.open_in_all.saturating_add_signed(open);
        if let Some(counts) = self.counts.get_mut(&name.uid)
            && !is_over
        {
            counts.open = counts.open.saturating_add_signed(open);
        }
    }

    /// Issues the seq of a change, in the streams of the room, of those who are told of it, and of
    /// the user whose request has the seq.
    pub(super) fn issue_seq(&mut self, submission: &Submission, change: Change, about: About) -> i64 {
        let mut topics = vec![Topic::room(submission.rid.as_bytes())];
        let users = [requester(submission, change, about), self.approver(change, about)];
        topics.extend(users.into_iter().flatten().map(|uid| Topic::user(uid.as_bytes())));
        self.streams.issue(&topics, self.now_us.0)
    }

    /// The user whose approve a change is about, if that user is told.
    fn approver(&self, change: Change, about: About) -> Option<Uid> {
        match change {
            Change::Save { .. } | Change::Nack { .. } => {
                let approve = about.approve.and_then(|name| self.approve(name))?;
                convert::fixed(&approve.by_uid).ok()
            }
            _ => None,
        }
    }
}

/// The user whose request a change is about, if that user is told or the request gets the seq.
fn requester(submission: &Submission, change: Change, about: About) -> Option<Uid> {
    match change {
        Change::AddRequest => Some(submission.caller.uid),
        Change::AddApprove { .. }
        | Change::Deny { .. }
        | Change::Close { .. }
        | Change::Nack { .. }
        | Change::Lapse { .. } => about.request.map(|request| request.uid),
        _ => None,
    }
}
