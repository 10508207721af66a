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
use serde_json::json;
use tokio::time::Duration;
use vestibule_channels::{JoinRefusal, Payload, Router, TopicRegistry, transport::OutboxLimits};

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

    /// Sends an event to everybody in a topic. Returns whether anybody is, or `None` if the topic
    /// is not configured.
    pub fn broadcast(&self, topic: &str, event: String, payload: Payload) -> Option<bool> {
        let rules = self.table.load().find(topic)?;
        let said = rules.history.zip(payload.as_json()).map(|(limits, object)| {
            self.shared.histories.append(topic, limits, &event, object.as_str(), None).at
        });
        let is_anybody = self.topics.call(topic, move |channel, cx| match said {
            Some(at) => channel.tell(cx, at),
            None => cx.broadcast(&event, payload),
        });
        if !is_anybody && let Some(at) = said {
            self.shared.histories.pass_over(topic, at);
        }
        Some(is_anybody)
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
