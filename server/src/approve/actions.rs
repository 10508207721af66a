//! What operators do to rooms, requests and users. Whatever is durable goes through the store, and
//! everybody concerned is told as usual.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::oneshot;
use vestibule_approve::{
    frames::Id,
    rules::{Caller, Command},
    signed::{Rid, Uid},
};
use vestibule_channels::{Payload, Stop};
use vestibule_store::{CommandError, Committed, Content, Deleted, Removed, StoreError, Submission};

use super::{
    event::is_reserved, inbox::Inbox, notifications::Notifications, notifier::Notifier as _,
    room::RoomSubscriber, services::Services, topic::Topic, topics::Topics,
};

/// Why an event cannot be broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastError {
    /// The topic names no room and no inbox.
    UnknownTopic,
    /// The event's name is reserved for the server.
    ReservedEvent,
}

/// Operators' actions on the flow.
pub struct OperatorActions {
    services: Arc<Services>,
    topics: Arc<Topics>,
}

impl OperatorActions {
    pub(super) fn new(services: Arc<Services>, topics: Arc<Topics>) -> Self {
        Self { services, topics }
    }

    /// Ends a request before it expires.
    pub async fn end_request(&self, rid: Rid, uid: Uid, request_id: Id) -> Result<Committed, CommandError> {
        let caller = Caller { uid, is_member: false };
        let command = Command::End { request_id };
        let submission = Submission { rid, caller, command, content: Content::Nothing };
        let committed = self.services.store.carry_out(submission).await?;
        self.topics.notify(&rid, Notifications::of(rid, uid, None, &committed));
        Ok(committed)
    }

    /// Deletes a room. Newcomers who wait for its key are told, and all joins of it end.
    pub async fn remove_room(&self, rid: Rid) -> Result<Removed, StoreError> {
        let removed =
            self.services.store.remove_room(rid, |rid, uid, ended| self.notify_end(rid, uid, &ended)).await?;
        if removed.was_there {
            self.topics
                .rooms
                .call(&Topic::Room(rid).to_string(), |room, cx| room.end_joins(cx, Stop::Normal));
        }
        Ok(removed)
    }

    /// Makes a user a room's creator, whoever was before.
    pub async fn appoint_creator(&self, rid: Rid, to: Uid) -> Result<Committed, CommandError> {
        let caller = Caller { uid: to, is_member: false };
        let command = Command::Appoint { to };
        let submission = Submission { rid, caller, command, content: Content::Nothing };
        let committed = self.services.store.carry_out(submission).await?;
        self.topics.notify(&rid, Notifications::of(rid, to, None, &committed));
        Ok(committed)
    }

    /// Deletes everything stored about a user. Others are told what ends with it. The user's
    /// devices in these topics are sent `erased` before this returns.
    pub async fn erase_user(&self, uid: Uid, topics: BTreeSet<String>) -> Result<Deleted, StoreError> {
        let deleted =
            self.services.store.erase_user(uid, |rid, of, ended| self.notify_end(rid, of, &ended)).await?;
        let topics = topics.iter().filter_map(|topic| topic.parse().ok());
        let told = topics.map(|topic| self.tell_erased(topic, uid));
        join_all(told).await;
        Ok(deleted)
    }

    fn notify_end(&self, rid: Rid, uid: Uid, ended: &Committed) {
        self.topics.notify(&rid, Notifications::of(rid, uid, None, ended));
    }

    async fn tell_erased(&self, topic: Topic, uid: Uid) {
        let (sent, is_sent) = oneshot::channel();
        // The receiver may be gone, and so may the topic.
        match topic {
            Topic::Room(_) => self.topics.rooms.call(&topic.to_string(), move |room, cx| {
                room.tell_erased(cx, &uid);
                let _ = sent.send(());
            }),
            Topic::Inbox(_) => self.topics.inboxes.call(&topic.to_string(), move |_, cx| {
                Inbox::tell_erased(cx);
                let _ = sent.send(());
            }),
        };
        let _ = is_sent.await;
    }

    /// The subscribers of a room, oldest connection first.
    pub async fn subscribers(&self, rid: &Rid) -> Vec<RoomSubscriber> {
        let (sender, recipient) = oneshot::channel();
        self.topics.rooms.call(&Topic::Room(*rid).to_string(), move |room, _| {
            // The receiver may be gone.
            let _ = sender.send(room.subscribers());
        });
        // A room that does not run, or panics, has no subscribers.
        let mut subscribers = recipient.await.unwrap_or_default();
        subscribers.sort_unstable_by_key(|subscriber| subscriber.connection);
        subscribers
    }

    /// Sends an event to all subscribers of a topic, guests too. Returns whether there are any.
    pub fn broadcast(&self, topic: &str, event: String, payload: &Value) -> Result<bool, BroadcastError> {
        if is_reserved(&event) {
            return Err(BroadcastError::ReservedEvent);
        }
        let payload = Payload::of(payload);
        match topic.parse() {
            Ok(Topic::Room(_)) => {
                Ok(self.topics.rooms.call(topic, move |_, cx| cx.broadcast(&event, payload)))
            }
            Ok(Topic::Inbox(_)) => {
                Ok(self.topics.inboxes.call(topic, move |_, cx| cx.broadcast(&event, payload)))
            }
            Err(_) => Err(BroadcastError::UnknownTopic),
        }
    }
}
