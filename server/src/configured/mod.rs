//! Channels by configuration: a team's own topics, without a line of Rust.
//!
//! The file of settings has a table for each kind of topic, such as `[channels."chat:*"]`. `rules`
//! are what such a table says, `table` finds those of a topic, and `channel` does what they say.
//! All of them are one channel of the framework, behind the approve flow's topics. A reload
//! replaces the table: topics that run go by the new one at once, and who may stay stays.

mod asking;
mod channel;
mod history;
mod rules;
mod table;
mod unmatched;
mod visitor;

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use serde_json::json;
use tokio::{sync::oneshot, time::Duration};
use vestibule_channels::{
    Context, JoinRefusal, Payload, Router, Stop, TopicRegistry, transport::OutboxLimits,
};

use self::{channel::ConfiguredChannel, history::Histories, unmatched::Unmatched};
pub use self::{
    history::HistoryLimits,
    rules::{ChannelRules, JoinRule, PayloadLimits, Publish, PublishReply, is_reserved},
    table::ChannelTable,
    visitor::Visitor,
};
use crate::{accounts::Accounts, approve::Identity, hook::Denied, login::Right};

/// How long a join that is refused for lack of an account waits for its answer, so that clients
/// that retry at once cause little load.
const REFUSAL_DELAY: Duration = Duration::from_millis(300);

/// Whoever comes back may be sent one part in this many of an outbox at once.
const OUTBOX_PARTS: usize = 4;

/// All configured channels, whatever their topics are.
pub struct ConfiguredChannels {
    topics: Arc<TopicRegistry<ConfiguredChannel>>,
    table: Arc<ArcSwap<ChannelTable>>,
    shared: Arc<Shared>,
}

/// Why an event was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The topic is not configured.
    NotConfigured,
    /// The topic has a history, and the payload is not an object or has an `_id` already.
    NotKept,
}

/// Who is in a topic.
#[derive(Debug)]
pub struct TopicPresence {
    /// How many subscribers there are, listed or not.
    pub subscribers: usize,
    /// Whether the topic has a presence list.
    pub has_list: bool,
    /// The list, if the topic has one and subscribers.
    pub list: Option<Payload>,
}

/// What all topics share.
struct Shared {
    accounts: Arc<Accounts>,
    histories: Histories,
    /// How much one client may be sent at once when it comes back.
    catch_up: OutboxLimits,
}

impl ConfiguredChannels {
    /// The channels of this table, for clients with these accounts and outboxes. At most `mailbox`
    /// messages wait for one topic.
    pub fn new(table: ChannelTable, accounts: &Arc<Accounts>, outbox: OutboxLimits, mailbox: usize) -> Self {
        let table = Arc::new(ArcSwap::from_pointee(table));
        let catch_up =
            OutboxLimits { frames: outbox.frames / OUTBOX_PARTS, bytes: outbox.bytes / OUTBOX_PARTS };
        let (accounts, histories) = (Arc::clone(accounts), Histories::default());
        let shared = Arc::new(Shared { accounts, histories, catch_up });
        let unmatched = Unmatched::default();
        let (of_topics, of_joins) = (Arc::clone(&table), Arc::clone(&table));
        let (to_topics, to_joins) = (Arc::clone(&shared), Arc::clone(&shared));
        let topics = TopicRegistry::builder(move |topic| {
            ConfiguredChannel::new(topic, of_topics.load().find(topic), Arc::clone(&to_topics))
        })
        .mailbox(mailbox)
        .authorize(move |topic, client, _| {
            let Some(rules) = of_joins.load().find(topic) else {
                unmatched.note(topic);
                return Err(JoinRefusal::now(Payload::of(&json!({ "reason": "unmatched topic" }))));
            };
            let visitor = Visitor::of(&client.assigns, to_joins.accounts.logins());
            let denied = client.assigns.denied();
            let is_asked = rules.join == JoinRule::Hook && denied.is_none();
            if is_asked || rules.join.admits(&visitor, topic, Right::Join) {
                return Ok(());
            }
            let response =
                denied.map_or_else(channel::unauthorized, |Denied(reason)| channel::refusal(reason));
            Err(JoinRefusal { response, delay: REFUSAL_DELAY })
        })
        .build();
        Self { topics, table, shared }
    }

    /// Routes every topic that no other route has taken.
    #[must_use]
    pub fn route(&self, router: Router<Identity>) -> Router<Identity> {
        router.route("*", Arc::clone(&self.topics))
    }

    /// Sends an event to everybody in a topic, or to one account's subscribers there, which no
    /// history keeps. Returns to how many, once it is sent.
    pub fn publish(
        &self,
        topic: &str,
        account: Option<String>,
        event: String,
        payload: Payload,
    ) -> Result<impl Future<Output = usize> + use<>, Unsent> {
        let rules = self.table.load().find(topic).ok_or(Unsent::NotConfigured)?;
        let said = match rules.history {
            None => None,
            Some(limits) => {
                let object = channel::without_id(&payload).ok_or(Unsent::NotKept)?;
                let histories = &self.shared.histories;
                account.is_none().then(|| histories.append(topic, limits, &event, object, None).at)
            }
        };
        let asked = self.ask(topic, move |channel, cx| match (account, said) {
            (Some(account), _) => {
                let to = channel::subscribers_of(cx, &account);
                cx.multicast(&event, payload, &to);
                to.len()
            }
            (None, Some(at)) => {
                channel.tell(cx, at);
                cx.subscribers().count()
            }
            (None, None) => {
                cx.broadcast(&event, payload);
                cx.subscribers().count()
            }
        });
        if asked.is_none()
            && let Some(at) = said
        {
            self.shared.histories.pass_over(topic, at);
        }
        Ok(or_nothing(asked))
    }

    /// Ends an account's joins of a topic. Returns how many, or `None` if the topic is not
    /// configured.
    pub async fn unsubscribe(&self, topic: &str, account: String) -> Option<usize> {
        self.table.load().find(topic)?;
        let ended = self.ask(topic, move |_, cx| {
            let ended = channel::subscribers_of(cx, &account);
            for who in &ended {
                cx.stop(*who, Stop::Normal);
            }
            ended.len()
        });
        Some(or_nothing(ended).await)
    }

    /// Who is in a topic; `None` if it is not configured.
    pub async fn presence(&self, topic: &str) -> Option<TopicPresence> {
        let has_list = self.table.load().find(topic)?.presence;
        let found =
            self.ask(topic, move |_, cx| (cx.subscribers().count(), has_list.then(|| cx.presence_state())));
        let (subscribers, list) = or_nothing(found).await;
        Some(TopicPresence { subscribers, has_list, list })
    }

    /// Asks a topic's channel. A topic without subscribers has none.
    fn ask<T, Q>(&self, topic: &str, question: Q) -> Option<impl Future<Output = T> + use<T, Q>>
    where
        T: Default + Send + 'static,
        Q: FnOnce(&mut ConfiguredChannel, &mut Context<'_, ConfiguredChannel>) -> T + Send + 'static,
    {
        let (sender, recipient) = oneshot::channel();
        let is_running = self.topics.call(topic, move |channel, cx| {
            // The receiver may be gone.
            let _ = sender.send(question(channel, cx));
        });
        is_running.then(|| recipient.map(Result::unwrap_or_default))
    }

    /// Goes by another table from now on.
    pub fn apply(&self, table: ChannelTable) {
        if **self.table.load() == table {
            return;
        }
        self.table.store(Arc::new(table));
        let table = Arc::clone(&self.table);
        self.topics.call_all(move |channel, cx| {
            let rules = table.load().find(cx.topic());
            channel.adopt(cx, rules);
        });
    }
}

/// The answer of a channel, or the default where there is none.
async fn or_nothing<T: Default>(answer: Option<impl Future<Output = T>>) -> T {
    match answer {
        Some(answer) => answer.await,
        None => T::default(),
    }
}
