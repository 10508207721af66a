//! Joins that are refused before there is an actor to ask.

use std::time::Duration;

use bytestring::ByteString;
use vestibule_phoenix::message::{Payload, Reply, Status, Term};

use super::{Input, Join, Leave, Overloaded, TopicHandle};
use crate::channel::{Client, SubscriberId};

/// Decides from a topic, a client and a join's parameters whether the join may reach the channel.
pub(super) type Authorize<S> = dyn Fn(&str, &Client<S>, &Payload) -> Result<(), JoinRefusal> + Send + Sync;

/// Why a join is refused before it reaches the channel. See
/// [`TopicRegistryBuilder::authorize`](super::TopicRegistryBuilder::authorize).
#[derive(Debug)]
pub struct JoinRefusal {
    /// The response of the error reply.
    pub response: Payload,
    /// How long the client waits for the reply.
    pub delay: Duration,
}

impl JoinRefusal {
    /// A refusal that is sent at once.
    pub fn now(response: Payload) -> Self {
        Self { response, delay: Duration::ZERO }
    }

    /// Replies to the join.
    pub(super) fn reply<S: Send + Sync + 'static>(
        self,
        topic: ByteString,
        join: Join<S>,
    ) -> Box<dyn TopicHandle> {
        let Self { response, delay } = self;
        let Join { outbox, join_ref, reference, decision, .. } = join;
        let reply = move || {
            outbox.send(Reply {
                join_ref,
                reference,
                topic: Term::Text(topic),
                status: Status::Error,
                response,
            });
            // Nothing receives this where the connection is gone.
            let _ = decision.send(false);
        };
        if delay.is_zero() {
            reply();
        } else {
            actix::spawn(async move {
                tokio::time::sleep(delay).await;
                reply();
            });
        }
        Box::new(Nowhere)
    }
}

/// The topic of a join that was refused: there is no actor.
struct Nowhere;

impl TopicHandle for Nowhere {
    fn input(&self, _: Input) -> Result<(), Overloaded> {
        Ok(())
    }

    fn leave(&self, _: Leave) -> Result<(), Overloaded> {
        Ok(())
    }

    fn gone(&self, _: SubscriberId) {}
}
