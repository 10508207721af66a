//! The topic `admin`: all that is counted, each second, for the dashboard and for whoever else
//! watches with phoenix.js.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::web;
use serde::Serialize;
use serde_json::json;
use vestibule_channels::{
    channel::{Channel, Client, Context, HandleResult, Incoming, JoinReply, SubscriberId},
    topic::{Router, TopicRegistry, TurnedAway},
    transport::{ConnectInfo, Connected, Endpoint, Refused, SocketHandler},
};
use vestibule_phoenix::message::Payload;

use super::{
    shared::Admin,
    tokens::{Operator, TokenFile},
};
use crate::metrics::Snapshot;

/// How often it is sent.
const EVERY: Duration = Duration::from_secs(1);

/// Messages that may wait for the room of all operators.
const MAILBOX: usize = 256;

/// The mount of the topic.
pub(super) fn endpoint(tokens: Arc<TokenFile>, admin: web::Data<Admin>) -> Endpoint {
    let rooms = TopicRegistry::guarded(
        MAILBOX,
        move |_| Live { admin: admin.clone(), is_ticking: false },
        |_, client, _| operator(client).map(|_| ()).ok_or_else(|| TurnedAway::now(unauthorized())),
    );
    Endpoint::new(Router::default().route("admin", rooms), SocketAuth(tokens))
}

/// What all connections of an operator have in common.
pub(super) fn socket_id(name: &str) -> String {
    format!("operator:{name}")
}

/// Lets everybody in, and no further than the socket without a token: a browser would not learn
/// why, and try for ever.
struct SocketAuth(Arc<TokenFile>);

impl SocketHandler for SocketAuth {
    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected, Refused> {
        let operator = info.auth_token.and_then(|token| self.0.find(token));
        let id = operator.as_ref().map(|operator| socket_id(&operator.name));
        Ok(Connected { id, assigns: Arc::new(operator) })
    }
}

/// Who is at the other end, where that is an operator.
fn operator(client: &Client) -> Option<&Operator> {
    client.assigns::<Option<Operator>>()?.as_ref()
}

fn unauthorized() -> Payload {
    Payload::of(&json!({ "reason": "unauthorized" }))
}

/// The channel.
struct Live {
    admin: web::Data<Admin>,
    is_ticking: bool,
}

/// One look at everything.
#[derive(Serialize)]
struct Sample {
    /// Unix milliseconds.
    at: i64,
    /// Values of the series, by their names as `/metrics` has them.
    series: Snapshot,
}

impl Channel for Live {
    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, _: &Payload) -> JoinReply {
        let Some(Operator { name, access }) = cx.client(who).and_then(|client| operator(client)) else {
            return JoinReply::Error(unauthorized());
        };
        let every = u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX);
        JoinReply::Ok(Payload::of(&json!({ "name": name, "access": access.as_str(), "every_ms": every })))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        if !self.is_ticking {
            self.is_ticking = true;
            self.tick(cx, who);
        }
    }

    /// There is nothing to say here: acts go to `/admin/v1`.
    fn handle_in(&mut self, _: &mut Context<'_, Self>, _: Incoming) -> HandleResult {
        HandleResult::error(Payload::of(&json!({ "reason": "unmatched event" })))
    }
}

impl Live {
    /// Looks, sends, and does it again; until all have left and the room is gone.
    fn tick(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        let (admin, begun) = (self.admin.clone(), Instant::now());
        let look = async move {
            admin.flow.take_stock().await;
            sample(&admin)
        };
        cx.spawn(who, look, move |_, cx, sample| {
            if let Ok(sample) = sample {
                cx.broadcast("metrics", Payload::of(&sample));
            } else {
                tracing::warn!("the metrics cannot be told");
            }
            cx.after(who, EVERY.saturating_sub(begun.elapsed()), move |live: &mut Live, cx| {
                live.tick(cx, who);
            });
        });
    }
}

fn sample(admin: &Admin) -> Result<Sample, fmt::Error> {
    Ok(Sample { at: admin.server.clock.now_ms(), series: admin.metrics.snapshot()? })
}
