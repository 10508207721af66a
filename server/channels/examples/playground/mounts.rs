//! The mounts, which share their topics: `/socket`, and one for each option of an endpoint.

use std::{sync::Arc, time::Duration};

use actix_web::{
    http::{
        StatusCode,
        header::{HeaderValue, RETRY_AFTER},
    },
    web,
};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use vestibule_channels::{
    ConnectInfo, Connected, ConnectionLimits, Endpoint, EndpointBuilder, Limits, Origin, Rate, Refused,
    Router, SocketHandler, TopicRegistry, transport::websocket,
};

use crate::{
    absinthe::Absinthe,
    channels::{CrashJoin, Deny, Playground, SlowJoin},
    edges::Edges,
    presences::Presences,
    realtime::Realtime,
};

/// The host of `/origindefault`, as the recorded server had it: Phoenix's default compares origins
/// with the host that it is configured with, not with the one that a request names.
const CONFIGURED_HOST: &str = "//localhost";

/// The origin of `/originconn`: the address of the recorded server.
const OWN_ORIGIN: &str = "http://127.0.0.1:4100";

/// The origins of `/originlist`: one of each form.
const LISTED_ORIGINS: [&str; 4] =
    ["https://a.example.com", "//*.example.org", "//b.example.com:8080", "http://c.example.com"];

/// What a client said when it connected, for it to ask about. Other applications keep only what
/// they need.
pub(crate) struct Connect {
    /// As text: a map of one parameter takes 632 bytes, and load tests open thousands of
    /// connections.
    pub(crate) params: Box<RawValue>,
    pub(crate) auth_token: Option<String>,
}

/// A further mount.
pub(crate) struct Mount {
    path: &'static str,
    endpoint: Arc<Endpoint<Connect>>,
    has_long_poll: bool,
}

impl Mount {
    pub(crate) fn configure(&self, config: &mut web::ServiceConfig) {
        let Self { path, endpoint, has_long_poll } = self;
        if *has_long_poll {
            endpoint.mount(config, path);
        } else {
            websocket::mount(config, &format!("{path}/websocket"), Arc::clone(endpoint));
        }
    }
}

/// All mounts.
pub(crate) struct Mounts {
    /// The one at `/socket`.
    pub(crate) main: Arc<Endpoint<Connect>>,
    pub(crate) others: Vec<Mount>,
}

/// The topics, which all mounts serve.
struct Topics {
    rooms: Arc<TopicRegistry<Playground>>,
    lobby: Arc<TopicRegistry<Playground>>,
    deny: Arc<TopicRegistry<Deny>>,
    crash_join: Arc<TopicRegistry<CrashJoin>>,
    slow_join: Arc<TopicRegistry<SlowJoin>>,
    presences: Arc<TopicRegistry<Presences>>,
    realtime: Arc<TopicRegistry<Realtime>>,
    absinthe: Arc<TopicRegistry<Absinthe>>,
    edges: Arc<TopicRegistry<Edges>>,
}

impl Topics {
    fn new() -> Self {
        Self {
            rooms: TopicRegistry::new(|_| Playground),
            lobby: TopicRegistry::new(|_| Playground),
            deny: TopicRegistry::new(|_| Deny),
            crash_join: TopicRegistry::new(|_| CrashJoin),
            slow_join: TopicRegistry::new(|_| SlowJoin),
            presences: TopicRegistry::new(|_| Presences),
            realtime: TopicRegistry::new(|_| Realtime),
            absinthe: TopicRegistry::new(|_| Absinthe::default()),
            edges: TopicRegistry::new(|_| Edges),
        }
    }

    fn router(&self) -> Router<Connect> {
        Router::new()
            .route("room:*", Arc::clone(&self.rooms))
            .route("lobby", Arc::clone(&self.lobby))
            .route("deny:*", Arc::clone(&self.deny))
            .route("crashjoin:*", Arc::clone(&self.crash_join))
            .route("slowjoin:*", Arc::clone(&self.slow_join))
            .route("presence:*", Arc::clone(&self.presences))
            .route("realtime:*", Arc::clone(&self.realtime))
            .route("__absinthe__:control", Arc::clone(&self.absinthe))
            .route("edges:*", Arc::clone(&self.edges))
    }
}

impl Mounts {
    pub(crate) fn new() -> Self {
        let topics = Topics::new();
        // A playground is for load tests too, which come fast and all from one address.
        let rate = Rate::new(1_000_000, 1_000_000);
        let many = ConnectionLimits { per_address: 50_000, per_user: 1000 };
        let phoenix =
            Limits { frame: 10_000_000, message: 8_000_000, frames: rate, joins: rate, ..Limits::default() };
        let builder = || {
            let endpoint = Endpoint::builder(Everybody).router(topics.router());
            endpoint.any_origin().limits(phoenix).auth_token(false)
        };
        let main = builder().websocket_limits(many).long_poll_limits(many).connect_rate(rate).build();
        // Shared, so that the administration reaches everybody.
        let another = || builder().shared_with(&main);
        let mount = |path, builder: EndpointBuilder<Connect>| {
            let endpoint = builder.build();
            Mount { path, endpoint, has_long_poll: path != "/tiny" }
        };
        let short = Duration::from_millis(700);
        let others = vec![
            mount("/authsocket", another().auth_token(true)),
            mount("/strict", another().origins(origins(&["//example.com"]))),
            mount("/origindefault", another().origins(origins(&[CONFIGURED_HOST]))),
            mount("/originconn", another().origins(origins(&[OWN_ORIGIN]))),
            mount("/originlist", another().origins(origins(&LISTED_ORIGINS))),
            mount("/short", another().limits(Limits { idle: short, window: short, ..phoenix })),
            mount("/tiny", another().limits(Limits { frame: 1024, ..phoenix })),
            // There is no compression; the mount is for clients that offer it.
            mount("/deflate", another()),
            mount("/subproto", another().subprotocol("chat.v1")),
        ];
        Self { main, others }
    }
}

fn origins(origins: &[&str]) -> Vec<Origin> {
    origins.iter().map(|origin| origin.parse().expect("an origin")).collect()
}

/// What Phoenix's `error_handler` is for.
fn busy() -> Refused {
    Refused::with(StatusCode::TOO_MANY_REQUESTS)
        .header(RETRY_AFTER, HeaderValue::from_static("5"))
        .body("come back later")
}

/// Accepts every client that does not ask to be refused. `user_id` gives the socket an id to
/// disconnect it by.
struct Everybody;

impl SocketHandler for Everybody {
    type Assigns = Connect;

    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected<Connect>, Refused> {
        match info.params.get("reject").and_then(Value::as_str) {
            None => {}
            Some("busy") => return Err(busy()),
            Some(_) => return Err(Refused::default()),
        }
        let id = info.params.get("user_id").and_then(Value::as_str).map(|id| format!("user_socket:{id}"));
        let params = to_raw_value(info.params).expect("parameters are texts, lists and maps");
        let auth_token = info.auth_token.map(str::to_owned);
        Ok(Connected { id, assigns: Connect { params, auth_token } })
    }
}
