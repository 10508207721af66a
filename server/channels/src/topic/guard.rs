//! Who is told to stay out before there is a room to ask.

use std::time::Duration;

use bytestring::ByteString;
use vestibule_phoenix::message::{Payload, Reply, Status, Term};

use super::{Input, Join, Leave, Overloaded, TopicHandle};
use crate::channel::{Client, SubscriberId};

/// Says of a topic, a client and a join's parameters whether a room may be started for them.
pub(super) type Guard = dyn Fn(&str, &Client, &Payload) -> Result<(), TurnedAway> + Send + Sync;

/// A join that is refused whatever its room would say.
#[derive(Debug)]
pub struct TurnedAway {
    /// What the client is answered.
    pub response: Payload,
    /// How long it waits for that.
    pub after: Duration,
}

impl TurnedAway {
    /// Refused at once.
    pub fn now(response: Payload) -> Self {
        Self { response, after: Duration::ZERO }
    }

    /// Answers the join.
    pub(super) fn tell(self, topic: ByteString, join: Join) -> Box<dyn TopicHandle> {
        let Self { response, after } = self;
        let Join { outbox, join_ref, reference, decision, .. } = join;
        let tell = move || {
            outbox.send(Reply {
                join_ref,
                reference,
                topic: Term::Text(topic),
                status: Status::Error,
                response,
            });
            // Nobody listens where the connection is gone.
            let _ = decision.send(false);
        };
        if after.is_zero() {
            tell();
        } else {
            actix::spawn(async move {
                tokio::time::sleep(after).await;
                tell();
            });
        }
        Box::new(Nowhere)
    }
}

/// The room of who was not let in: there is none.
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
