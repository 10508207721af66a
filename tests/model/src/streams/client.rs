//! Clients: they connect, join, read what is stored, and are told what comes.

use std::{
    collections::{BTreeSet, btree_map::Entry},
    mem::take,
};

use super::{
    database::{Kind, Row, Snapshot, Stream},
    state::{Ack, Client, Delivery, Event, Feed, Frame, Join, JoinId, Place, Topic, World},
    variant::{Bus, OwnRequests, Position, Rule},
};

/// How long a message travels from a node to a client.
const ON_ITS_WAY: u64 = 20_000;

impl World {
    /// A client does something: leaves or joins a room, joins its inbox again, or connects anew.
    pub(super) fn act(&mut self, client: usize) {
        let (is_device, room) = (self.clients[client].is_device, self.random.index(self.scope.rooms));
        match self.random.between(0, 10) {
            0..5 if is_device => {
                if self.clients[client].joins.contains_key(&Topic::Room(room)) {
                    self.leave(client, Topic::Room(room), false);
                } else {
                    self.join(client, Topic::Room(room));
                }
            }
            5..7 if is_device => {
                self.leave(client, Topic::Inbox, false);
                self.join(client, Topic::Inbox);
            }
            _ => self.connect(client),
        }
        let next = self.random.between(100_000, 1_200_000);
        if self.now + next + 1_000_000 < self.scope.lasts {
            self.after(next, Event::Act { client });
        }
    }

    /// Ends the connection, with what is on its way, and connects to some node.
    pub(super) fn connect(&mut self, client: usize) {
        self.receive(client);
        let topics: Vec<Topic> = self.clients[client].joins.keys().copied().collect();
        for topic in topics {
            self.leave(client, topic, false);
        }
        let (node, nodes) = (self.random.index(self.nodes.len()), &mut self.clients[client]);
        nodes.node = node;
        (nodes.queue, nodes.position) = (Vec::new(), 0);
        nodes.pushed.clear();
        nodes.listed.clear();
        nodes.on_its_way.clear();
        if !self.clients[client].is_device {
            return self.join(client, Topic::Room(self.clients[client].room));
        }
        self.join(client, Topic::Inbox);
        for _ in 0..2 {
            let topic = Topic::Room(self.random.index(self.scope.rooms));
            if !self.clients[client].joins.contains_key(&topic) {
                self.join(client, topic);
            }
        }
    }

    fn join(&mut self, client: usize, topic: Topic) {
        let number = self.number();
        self.clients[client].joins.insert(topic, Join { number, ..Join::default() });
        self.report.joins += 1;
        let user = self.clients[client].user;
        self.subscribe(JoinId { client, topic, number }, Stream::User(user), false);
    }

    /// Subscribes a join's node to a stream, and has the join read.
    fn subscribe(&mut self, join: JoinId, stream: Stream, proves: bool) {
        let node = self.clients[join.client].node;
        if let Entry::Vacant(free) = self.nodes[node].places.entry(stream) {
            free.insert(Place::default());
            let late = if self.variant.bus == Bus::Lossy { 20_000 } else { 2 };
            let delay = self.random.between(1, late);
            self.after(delay, Event::Confirmed { node, stream });
        }
        let delay = self.random.between(20, 200);
        self.after(delay, Event::Read { join, proves });
    }

    fn feed(&mut self, join: JoinId, proves: bool) -> Option<&mut Feed> {
        let here = self.clients[join.client].joins.get_mut(&join.topic)?;
        let here = Some(here).filter(|here| here.number == join.number)?;
        if proves { here.members.as_mut() } else { Some(&mut here.own) }
    }

    fn stream(&self, join: JoinId, proves: bool) -> Stream {
        match join.topic {
            Topic::Room(room) if proves => Stream::Room(room),
            _ => Stream::User(self.clients[join.client].user),
        }
    }

    /// A join reads what is stored.
    pub(super) fn read(&mut self, join: JoinId, proves: bool) {
        if self.feed(join, proves).is_none() {
            return;
        }
        let (node, stream) = (self.clients[join.client].node, self.stream(join, proves));
        let is_confirmed = self.nodes[node].places.get(&stream).is_some_and(|place| place.is_confirmed);
        if self.variant.is_confirmed_first && !is_confirmed {
            return self.after(200, Event::Read { join, proves });
        }
        let until = self.database.until(self.variant.order, stream);
        let commit = self.database.commits;
        if self.variant.is_one_snapshot {
            return self.read_rows(join, proves, until, commit);
        }
        let delay = self.random.between(50, 5000);
        self.after(delay, Event::ReadRows { join, proves, until, commit });
    }

    /// A join reads the rows.
    pub(super) fn read_rows(&mut self, join: JoinId, proves: bool, until: u64, commit: u64) {
        let stream = self.stream(join, proves);
        let rows = match (join.topic, proves) {
            (Topic::Room(_), true) => self.database.list(stream, |row| row.kind == Kind::Request),
            _ => self.own_rows(join, stream),
        };
        let delay = self.random.between(200, 6000);
        self.after(delay, Event::Found { join, proves, snapshot: Snapshot { until, commit, rows } });
    }

    /// What a join shows its user: approves and requests that wait, and notices after `last`.
    fn own_rows(&self, join: JoinId, stream: Stream) -> Vec<usize> {
        let client = &self.clients[join.client];
        let (user, last) = (client.user, client.last.get(&join.topic).copied().unwrap_or_default());
        let after = last.saturating_sub(self.variant.overlap);
        let is_here = |row: &Row| join.topic == Topic::Inbox || join.topic == Topic::Room(row.room);
        let waits = |row: &Row| match row.kind {
            Kind::Approve { .. } => true,
            Kind::Notice => row.seq > after,
            _ => false,
        };
        let mut rows = self.database.list(stream, |row| is_here(row) && waits(row));
        for room in 0..self.scope.rooms {
            let is_own = |row: &Row| row.kind == Kind::Request && row.user == user && is_here(row);
            rows.extend(self.database.list(Stream::Room(room), is_own));
        }
        rows
    }

    /// A join has read: answers, and then tells what was held back.
    pub(super) fn found(&mut self, join: JoinId, proves: bool, snapshot: Snapshot) {
        let (node, stream) = (self.clients[join.client].node, self.stream(join, proves));
        let Snapshot { until, commit, rows } = snapshot;
        // Another join began to read later, and was done first: the node began with its `until`,
        // and has dropped what came before.
        let began = self.nodes[node].places.get(&stream).map(|place| place.began).unwrap_or_default();
        let begins_late = until < began && self.variant.rule == Rule::Chain;
        if self.feed(join, proves).is_none() {
            return;
        }
        if begins_late && self.variant.reads_again {
            self.report.read_again += 1;
            return self.after(50, Event::Read { join, proves });
        }
        let Some(feed) = self.feed(join, proves) else { return };
        (feed.until, feed.commit) = (until, Some(commit));
        feed.listed = rows.iter().copied().collect();
        let held = take(&mut feed.held);
        if proves {
            self.begin_at(node, stream, until);
            for frame in held {
                self.push_to_member(join.client, join.topic, frame);
            }
            return;
        }
        let counts =
            |row: &&Row| row.kind != Kind::Request || self.variant.own_requests != OwnRequests::NotCounted;
        let listed = rows.iter().map(|row| &self.database.rows[*row]);
        let last = listed.filter(counts).map(|row| row.seq).max().unwrap_or_default();
        let client = &mut self.clients[join.client];
        client.listed.extend(&rows);
        let at = self.now + ON_ITS_WAY;
        client.on_its_way.push_back(Delivery { at, topic: join.topic, rows, last });
        self.begin_at(node, stream, until);
        for frame in held {
            self.tell(join.client, frame);
        }
        self.tell_queued(join.client);
        if matches!(join.topic, Topic::Room(_)) && self.clients[join.client].is_device {
            self.prove(join);
        }
    }

    fn prove(&mut self, join: JoinId) {
        if let Some(here) = self.clients[join.client].joins.get_mut(&join.topic) {
            here.members = Some(Feed::default());
        }
        self.report.joins += 1;
        self.subscribe(join, self.stream(join, true), true);
    }

    /// Leaves a topic. The node gives up subscriptions that nobody needs any more.
    pub(super) fn leave(&mut self, client: usize, topic: Topic, is_over: bool) {
        let Some(join) = self.clients[client].joins.remove(&topic) else { return };
        self.check_join(client, topic, join, is_over);
        self.tell_queued(client);
        let (node, user) = (self.clients[client].node, self.clients[client].user);
        let here = || self.clients.iter().filter(|other| other.node == node);
        let of_user = here().any(|other| other.user == user && !other.joins.is_empty());
        let is_member = |join: Option<&Join>| join.is_some_and(|join: &Join| join.members.is_some());
        let of_room = here().any(|other| is_member(other.joins.get(&topic)));
        if !of_user {
            self.nodes[node].places.remove(&Stream::User(user));
        }
        if let Topic::Room(room) = topic
            && !of_room
        {
            self.nodes[node].places.remove(&Stream::Room(room));
        }
    }

    /// Has everybody whom these streams concern join anew.
    pub(super) fn restart(&mut self, node: usize, streams: &BTreeSet<Stream>) {
        for client in 0..self.clients.len() {
            let Client { user, node: at, .. } = self.clients[client];
            let is_concerned = |topic: &Topic| match topic {
                Topic::Inbox => streams.contains(&Stream::User(user)),
                Topic::Room(room) => streams.contains(&Stream::Room(*room)),
            };
            let joins = self.clients[client].joins.keys().copied();
            let topics: Vec<Topic> = joins.filter(|topic| at == node && is_concerned(topic)).collect();
            for topic in topics {
                self.report.restarts += 1;
                self.receive(client);
                self.leave(client, topic, false);
                self.join(client, topic);
            }
        }
    }

    /// Passes a frame on to the connections that it concerns.
    pub(super) fn deliver(&mut self, node: usize, frame: Frame) {
        if !frame.has_row || self.database.rows[frame.row].kind == Kind::Mark {
            return;
        }
        for client in 0..self.clients.len() {
            if self.clients[client].node != node {
                continue;
            }
            match frame.stream {
                Stream::Room(room) => self.push_to_member(client, Topic::Room(room), frame),
                Stream::User(user) if self.clients[client].user == user => {
                    if self.variant.position == Position::Connection {
                        self.clients[client].queue.push(frame);
                        self.tell_queued(client);
                    } else {
                        self.tell(client, frame);
                    }
                }
                Stream::User(_) => {}
            }
        }
    }

    /// Tells what waited while a join was reading, unless one still is.
    fn tell_queued(&mut self, client: usize) {
        if self.clients[client].joins.values().all(|join| join.own.commit.is_some()) {
            for frame in take(&mut self.clients[client].queue) {
                self.tell(client, frame);
            }
        }
    }

    /// Tells a user something: in its room, if the connection has joined that, else in the inbox.
    fn tell(&mut self, client: usize, frame: Frame) {
        let row = self.database.rows[frame.row];
        let here = &mut self.clients[client];
        let room = Topic::Room(row.room);
        let topic = if here.joins.contains_key(&room) { room } else { Topic::Inbox };
        let Some(join) = here.joins.get_mut(&topic) else { return };
        if join.own.commit.is_none() {
            return join.own.held.push(frame);
        }
        if frame.seq <= join.own.until {
            return;
        }
        let is_twice = !here.pushed.insert(frame.row) || join.own.listed.contains(&frame.row);
        let is_elsewhere = !is_twice && here.listed.contains(&frame.row);
        self.report.listed_elsewhere += u64::from(is_elsewhere);
        let is_late = frame.seq < here.position;
        here.position = here.position.max(frame.seq);
        join.own.is_wrong |= is_twice || is_late;
        self.report.twice += u64::from(is_twice);
        self.report.out_of_order += u64::from(is_late);
        let last = if row.kind == Kind::Notice { row.seq } else { 0 };
        let (at, rows) = (self.now + ON_ITS_WAY, vec![frame.row]);
        here.on_its_way.push_back(Delivery { at, topic, rows, last });
        self.receive(client);
    }

    fn push_to_member(&mut self, client: usize, topic: Topic, frame: Frame) {
        let join = self.clients[client].joins.get_mut(&topic);
        let Some(feed) = join.and_then(|join| join.members.as_mut()) else { return };
        if feed.commit.is_none() {
            return feed.held.push(frame);
        }
        if frame.seq <= feed.until {
            return;
        }
        let is_twice = !feed.pushed.insert(frame.row) || feed.listed.contains(&frame.row);
        let is_late = frame.seq < feed.greatest;
        feed.greatest = feed.greatest.max(frame.seq);
        feed.is_wrong |= is_twice || is_late;
        self.report.twice += u64::from(is_twice);
        self.report.out_of_order += u64::from(is_late);
    }

    /// A client receives what has come by now, and acks some of the approves.
    pub(super) fn receive(&mut self, client: usize) {
        let here = &mut self.clients[client];
        let come = here.on_its_way.iter().take_while(|delivery| delivery.at <= self.now).count();
        for Delivery { topic, rows, last, .. } in here.on_its_way.drain(..come) {
            let seen = here.last.entry(topic).or_default();
            *seen = last.max(*seen);
            for number in rows {
                let row = self.database.rows[number];
                let is_new = here.received.insert(number);
                if let Kind::Approve { by } = row.kind
                    && is_new
                    && self.random.chance(300)
                {
                    self.acks.push(Ack { room: row.room, row: number, by });
                }
            }
        }
    }
}
