//! The topic `admin`: the values of all metrics, each second, for the dashboard and for other
//! clients.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::web;
use serde::Serialize;
use serde_json::json;
use vestibule_channels::{
    Channel, ConnectInfo, Connected, Context, Endpoint, ErrorReply, HandleResult, Incoming, JoinRefusal,
    JoinReply, JoinResult, Payload, Refused, SocketHandler, SubscriberId, TopicRegistry,
};

use super::{
    access::{Access, Right},
    shared::Admin,
    tokens::{Operator, TokenFile},
};
use crate::metrics::Snapshot;

/// How often it is sent.
const EVERY: Duration = Duration::from_secs(1);

/// Messages that may wait for the topic.
const MAILBOX: usize = 256;

/// The endpoint that serves the topic.
pub(super) fn endpoint(tokens: Arc<TokenFile>, admin: web::Data<Admin>) -> Arc<Endpoint<Option<Operator>>> {
    let topics = TopicRegistry::builder(move |_| MetricsChannel { admin: admin.clone(), is_ticking: false })
        .mailbox(MAILBOX)
        .authorize(|_, client, _| match &client.assigns {
            Some(operator) if operator.access.allows(Right::Read) => Ok(()),
            _ => Err(JoinRefusal::now(unauthorized())),
        })
        .build();
    Endpoint::builder(SocketAuth(tokens)).route("admin", topics).build()
}

/// The socket id of all connections of an operator.
pub(super) fn socket_id(name: &str) -> String {
    format!("operator:{name}")
}

/// Accepts every connection and notes its operator. Without a token that reads, joins are refused
/// rather than the connection: a browser cannot see why an upgrade was refused, and would retry for
/// ever.
struct SocketAuth(Arc<TokenFile>);

impl SocketHandler for SocketAuth {
    type Assigns = Option<Operator>;

    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected<Option<Operator>>, Refused> {
        let operator = info.auth_token.and_then(|token| self.0.find(token));
        let id = operator.as_ref().map(|operator| socket_id(&operator.name));
        Ok(Connected { id, assigns: operator })
    }
}

fn unauthorized() -> Payload {
    Payload::of(&json!({ "reason": "unauthorized" }))
}

/// The channel.
struct MetricsChannel {
    admin: web::Data<Admin>,
    is_ticking: bool,
}

/// The values of all metrics at one time.
#[derive(Serialize)]
struct Sample {
    /// Unix milliseconds.
    at: i64,
    /// Values of the series, by their names as `/metrics` has them.
    series: Snapshot,
}

impl Channel for MetricsChannel {
    type ConnectAssigns = Option<Operator>;
    type Assigns = ();

    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, _: &Payload) -> JoinResult<()> {
        let reader = cx.connect_assigns(who).as_ref().filter(|operator| operator.access.allows(Right::Read));
        let Some(Operator { name, access }) = reader else { return Err(unauthorized().into()) };
        let access = if *access == Access::Full { "full" } else { "read" };
        let every = u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX);
        Ok(JoinReply::Ok((), Payload::of(&json!({ "name": name, "access": access, "every_ms": every }))))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        if !self.is_ticking {
            self.is_ticking = true;
            self.tick(cx, who);
        }
    }

    /// The topic has no events: actions go to `/admin/v1`.
    fn handle_in(&mut self, _: &mut Context<'_, Self>, _: Incoming) -> HandleResult {
        Err(ErrorReply::reason("unmatched event"))
    }
}

impl MetricsChannel {
    /// Reads the metrics, sends them, and does so again, until all have left and the topic ends.
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
                tracing::warn!("the metrics cannot be read");
            }
            cx.after(who, EVERY.saturating_sub(begun.elapsed()), move |channel: &mut MetricsChannel, cx| {
                channel.tick(cx, who);
            });
        });
    }
}

fn sample(admin: &Admin) -> Result<Sample, fmt::Error> {
    Ok(Sample { at: admin.server.clock.now_ms(), series: admin.metrics.snapshot()? })
}
