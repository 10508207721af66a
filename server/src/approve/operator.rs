//! What an operator does to the flow. Everything durable goes through the store, and whom it concerns is told as ever.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::oneshot;
use vestibule_approve::{
    frames::Id,
    limits::Limits,
    rules::{Caller, Command},
    signed::{Rid, Uid},
};
use vestibule_phoenix::message::Payload;
use vestibule_store::{
    CommandError, Committed, Content, Deleted, Removed, Store, StoreError, Submission, clock,
};

use super::{
    Flow,
    inbox::Inbox,
    notifications::Notifications,
    room::{Online, is_servers},
};

/// The events that clients take for frames of the flow.
const FRAMES: [&str; 3] = ["approve", "card", "request"];

/// What cannot be broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// No room and no inbox has such a topic.
    Topic,
    /// The event is the server's own.
    Event,
}

impl Flow {
    /// The store, for what is read there.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How large fields may be.
    pub fn limits(&self) -> Limits {
        self.terms.limits
    }

    /// How many topics have a room or an inbox that runs.
    pub fn running(&self) -> (usize, usize) {
        (self.rooms.count(), self.inboxes.count())
    }

    /// A token for a user, and until when it may be used to connect: as if they had signed in.
    pub fn mint(&self, uid: &Uid) -> (String, i64) {
        self.sessions.token(uid, clock::now_ms())
    }

    /// The socket id of a user's connections.
    pub fn socket_id(uid: &Uid) -> String {
        format!("user:{uid}")
    }

    /// Ends a request before its time.
    pub async fn end_request(&self, rid: Rid, uid: Uid, request_id: Id) -> Result<Committed, CommandError> {
        let caller = Caller { uid, is_member: false };
        let command = Command::End { request_id };
        let submission = Submission { rid, caller, command, content: Content::Nothing };
        let committed = self.store.carry_out(submission).await?;
        self.spread(&rid, Notifications::of(rid, uid, None, &committed));
        Ok(committed)
    }

    /// Deletes a room. Who asked in it is told that this is over, and who is in it is sent out.
    pub async fn remove_room(&self, rid: Rid) -> Result<Removed, StoreError> {
        let removed =
            self.store.remove_room(rid, |rid, uid, ended| self.spread_end(rid, uid, &ended)).await?;
        if removed.was_there {
            self.rooms.tell(&format!("room:{rid}"), |room, cx| room.close(cx));
        }
        Ok(removed)
    }

    /// Makes a user a room's creator, whoever it was.
    pub async fn appoint_creator(&self, rid: Rid, to: Uid) -> Result<Committed, CommandError> {
        let caller = Caller { uid: to, is_member: false };
        let command = Command::Appoint { to };
        let submission = Submission { rid, caller, command, content: Content::Nothing };
        let committed = self.store.carry_out(submission).await?;
        self.spread(&rid, Notifications::of(rid, to, None, &committed));
        Ok(committed)
    }

    /// Deletes all that is stored of a user. Others hear of what ends with it, and the user's devices in these topics that this
    /// is what happened; once this returns, they have been sent that.
    pub async fn erase_user(&self, uid: Uid, topics: BTreeSet<String>) -> Result<Deleted, StoreError> {
        let deleted = self.store.erase_user(uid, |rid, of, ended| self.spread_end(rid, of, &ended)).await?;
        let told = topics.into_iter().map(|topic| self.tell_erased(topic, uid));
        join_all(told).await;
        Ok(deleted)
    }

    fn spread_end(&self, rid: Rid, uid: Uid, ended: &Committed) {
        self.spread(&rid, Notifications::of(rid, uid, None, ended));
    }

    async fn tell_erased(&self, topic: String, uid: Uid) {
        let (told, is_told) = oneshot::channel();
        // Who waits for it may have gone, and so may the topic.
        if topic.starts_with("room:") {
            self.rooms.tell(&topic, move |room, cx| {
                room.tell_erased(cx, &uid);
                let _ = told.send(());
            });
        } else {
            self.inboxes.tell(&topic, move |_, cx| {
                Inbox::tell_erased(cx);
                let _ = told.send(());
            });
        }
        let _ = is_told.await;
    }

    /// Who is in a room, in the order in which they connected.
    pub async fn online(&self, rid: &Rid) -> Vec<Online> {
        let (sender, recipient) = oneshot::channel();
        self.rooms.tell(&format!("room:{rid}"), move |room, _| {
            // Who asked may have gone.
            let _ = sender.send(room.online());
        });
        // Where no room runs, or it panics, nobody is in it.
        let mut online = recipient.await.unwrap_or_default();
        online.sort_unstable_by_key(|online| online.connection);
        online
    }

    /// Sends an event to everybody in a topic, guests as well. Says whether anybody is there.
    pub fn broadcast(&self, topic: &str, event: String, payload: &Value) -> Result<bool, Unfit> {
        if is_servers(&event) || FRAMES.contains(&&*event) {
            return Err(Unfit::Event);
        }
        let payload = Payload::of(payload);
        if is_id::<Rid>(topic.strip_prefix("room:")) {
            Ok(self.rooms.tell(topic, move |_, cx| cx.broadcast(&event, payload)))
        } else if is_id::<Uid>(topic.strip_prefix("user:")) {
            Ok(self.inboxes.tell(topic, move |_, cx| cx.broadcast(&event, payload)))
        } else {
            Err(Unfit::Topic)
        }
    }
}

fn is_id<T: std::str::FromStr>(id: Option<&str>) -> bool {
    id.is_some_and(|id| id.parse::<T>().is_ok())
}
