//! Compares what receivers were told with what was committed.

use super::{
    database::{Change, Kind, Stream},
    state::{Feed, Join, Topic, World},
};

impl World {
    /// Looks at a join that ends, because its client leaves or the run is over.
    pub(super) fn check_join(&mut self, client: usize, topic: Topic, join: Join, is_over: bool) {
        let Join { own, members, .. } = join;
        if let (Some(members), Topic::Room(room)) = (members, topic) {
            let end = if is_over { u64::MAX } else { members.greatest };
            let is_told = |change: &Change| members.pushed.contains(&change.row);
            let missing = self.untold(&members, Stream::Room(room), end, is_told);
            self.report.missing += missing;
            self.report.wrong_joins += u64::from(members.is_wrong || missing > 0);
        }
        // While a connection goes on, a frame of the user's may still come by another topic.
        let here = &self.clients[client];
        let is_inbox = topic == Topic::Inbox || !here.is_device;
        let mut missing = 0;
        if is_over && is_inbox {
            let is_told = |change: &Change| {
                let is_elsewhere = !here.is_device && self.database.rows[change.row].room != here.room;
                is_elsewhere || here.pushed.contains(&change.row) || here.listed.contains(&change.row)
            };
            missing = self.untold(&own, Stream::User(here.user), u64::MAX, is_told);
        }
        self.report.wrong_joins += u64::from(own.is_wrong || missing > 0);
    }

    /// How many frames were committed after a feed's read, come before `end`, still have a row, and
    /// were not told.
    fn untold(&self, feed: &Feed, stream: Stream, end: u64, is_told: impl Fn(&Change) -> bool) -> u64 {
        let Some(commit) = feed.commit else { return 0 };
        let changes = self.database.changes.get(&stream).into_iter().flatten();
        let untold = changes.filter(|change| {
            let row = &self.database.rows[change.row];
            let is_due = change.commit > commit && change.seq < end;
            is_due && row.is_there && row.kind != Kind::Mark && !is_told(change)
        });
        untold.count() as u64
    }

    /// Looks at everything at the end of a run: all joins, and what clients have received over all
    /// of their connections.
    pub(super) fn check_all(&mut self) {
        for client in 0..self.clients.len() {
            self.receive(client);
            let topics: Vec<Topic> = self.clients[client].joins.keys().copied().collect();
            // What waits because a join reads will never come: there is nobody reading any more.
            for topic in topics {
                self.leave(client, topic, true);
            }
            let here = &self.clients[client];
            let stream = Stream::User(here.user);
            let is_theirs = |room: usize| here.is_device || here.room == room;
            let rows = self.database.list(stream, |row| is_theirs(row.room) && row.kind != Kind::Mark);
            let missed = rows.iter().filter(|row| !here.received.contains(row)).count();
            self.report.missing += missed as u64;
        }
        let changes = self.database.changes.values().map(Vec::len).sum::<usize>();
        self.report.changes += changes as u64;
    }
}
