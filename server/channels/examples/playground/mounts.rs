//! The mounts, which share their rooms: `/socket`, and one for each option of an endpoint.

use std::{sync::Arc, time::Duration};

use actix_web::{
    http::{
        StatusCode,
        header::{HeaderValue, RETRY_AFTER},
    },
    web,
};
use arc_swap::ArcSwap;
use serde_json::Value;
use vestibule_channels::{
    topic::{Router, TopicRegistry},
    transport::{
        AddressRate, ConnectInfo, ConnectPolicy, Connected, ConnectionLimits, Connections, Endpoint, Grain,
        Limits, Origin, Origins, Rate, Refused, SocketHandler, longpoll, websocket,
    },
};

use crate::{
    absinthe::Absinthe,
    channels::{CrashJoin, Deny, Playground, Said, SlowJoin},
    edges::Edges,
    presences::Presences,
    realtime::Realtime,
};

/// How many messages a room's mailbox holds.
const MAILBOX: usize = 1024;

/// What `/origindefault` takes for its own host, as the recorded server did: Phoenix's default compares with the host it is
/// configured with, not with the one that a request names.
const CONFIGURED_HOST: &str = "//localhost";

/// Where `/originconn` takes itself to be reached: where the recorded server was.
const OWN_ORIGIN: &str = "http://127.0.0.1:4100";

/// What `/originlist` lets in: an origin of each form.
const LISTED_ORIGINS: [&str; 4] =
    ["https://a.example.com", "//*.example.org", "//b.example.com:8080", "http://c.example.com"];

/// A mount.
struct Mount {
    path: &'static str,
    endpoint: Arc<Endpoint>,
    has_long_poll: bool,
}

impl Mount {
    /// A mount for both transports.
    fn new(path: &'static str, endpoint: Endpoint) -> Self {
        Self { path, endpoint: Arc::new(endpoint), has_long_poll: true }
    }
}

/// All mounts, and what they share.
pub(crate) struct Mounts {
    mounts: Vec<Mount>,
    sessions: Arc<longpoll::Sessions>,
}

/// The rooms. All mounts serve the same ones.
struct Channels {
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

impl Channels {
    fn new() -> Self {
        Self {
            rooms: TopicRegistry::new(MAILBOX, |_| Playground),
            lobby: TopicRegistry::new(MAILBOX, |_| Playground),
            deny: TopicRegistry::new(MAILBOX, |_| Deny),
            crash_join: TopicRegistry::new(MAILBOX, |_| CrashJoin),
            slow_join: TopicRegistry::new(MAILBOX, |_| SlowJoin),
            presences: TopicRegistry::new(MAILBOX, |_| Presences::default()),
            realtime: TopicRegistry::new(MAILBOX, |_| Realtime::default()),
            absinthe: TopicRegistry::new(MAILBOX, |_| Absinthe::default()),
            edges: TopicRegistry::new(MAILBOX, |_| Edges),
        }
    }

    fn router(&self) -> Router {
        Router::default()
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
    /// The mounts, where nobody is yet.
    pub(crate) fn new() -> Self {
        let channels = Channels::new();
        let connections = Arc::<Connections>::default();
        // A playground is for load tests too, which all come from one address, and fast.
        let (caps, rate) = (ConnectionLimits::new(50_000, 1000), Rate::new(1_000_000, 1_000_000));
        let phoenix =
            Limits { frame: 10_000_000, message: 8_000_000, frames: rate, joins: rate, ..Limits::default() };
        let short = Duration::from_millis(700);
        let rules = ConnectPolicy { origins: Origins::Any, limits: phoenix, ..ConnectPolicy::default() };
        let connects = Arc::new(AddressRate::new(rate, Grain::Network));
        let endpoint = || Endpoint {
            rules: Arc::new(ArcSwap::from_pointee(rules.clone())),
            caps: Arc::clone(&caps),
            connects: Arc::clone(&connects),
            auth_token: false,
            // Shared, so that the administration reaches everybody.
            connections: Arc::clone(&connections),
            ..Endpoint::new(channels.router(), Everybody)
        };
        let with = |rules| Endpoint { rules: Arc::new(ArcSwap::from_pointee(rules)), ..endpoint() };
        let with_origins =
            |origins: &[&str]| with(ConnectPolicy { origins: listed(origins), ..rules.clone() });
        let with_limits = |limits| with(ConnectPolicy { limits, ..rules.clone() });
        let mounts = vec![
            Mount::new("/socket", endpoint()),
            Mount::new("/authsocket", Endpoint { auth_token: true, ..endpoint() }),
            Mount::new("/strict", with_origins(&["//example.com"])),
            Mount::new("/origindefault", with_origins(&[CONFIGURED_HOST])),
            Mount::new("/originconn", with_origins(&[OWN_ORIGIN])),
            Mount::new("/originlist", with_origins(&LISTED_ORIGINS)),
            Mount::new("/short", with_limits(Limits { idle: short, window: short, ..phoenix })),
            Mount {
                has_long_poll: false,
                ..Mount::new("/tiny", with_limits(Limits { frame: 1024, ..phoenix }))
            },
            // Compression is not to be had; the mount is there for clients that offer it.
            Mount::new("/deflate", endpoint()),
            Mount::new("/subproto", Endpoint { subprotocols: vec!["chat.v1"], ..endpoint() }),
        ];
        Self { mounts, sessions: Arc::new(longpoll::Sessions::new(ConnectionLimits::new(50_000, 1000))) }
    }

    /// Mounts them all.
    pub(crate) fn configure(&self, config: &mut web::ServiceConfig) {
        for Mount { path, endpoint, has_long_poll } in &self.mounts {
            websocket::mount(config, &format!("{path}/websocket"), Arc::clone(endpoint));
            if *has_long_poll {
                let sessions = Arc::clone(&self.sessions);
                longpoll::mount(config, &format!("{path}/longpoll"), Arc::clone(endpoint), sessions);
            }
        }
    }

    /// One of the endpoints: rooms and connections are the same in all.
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.mounts[0].endpoint
    }
}

fn listed(origins: &[&str]) -> Origins {
    let parse = |origin: &&str| origin.parse::<Origin>().expect("an origin");
    Origins::Listed(origins.iter().map(parse).collect())
}

/// What Phoenix's `error_handler` is for.
fn busy() -> Refused {
    Refused::with(StatusCode::TOO_MANY_REQUESTS)
        .header(RETRY_AFTER, HeaderValue::from_static("5"))
        .body("come back later")
}

/// Lets everybody in, but for who asks to be refused. `user_id` gives the socket an id to disconnect it by.
struct Everybody;

impl SocketHandler for Everybody {
    fn connect(&self, info: &ConnectInfo<'_>) -> Result<Connected, Refused> {
        match info.params.get("reject").and_then(Value::as_str) {
            None => {}
            Some("busy") => return Err(busy()),
            Some(_) => return Err(Refused::default()),
        }
        let id = info.params.get("user_id").and_then(Value::as_str).map(|id| format!("user_socket:{id}"));
        let params = Value::Object(info.params.clone());
        let auth_token = info.auth_token.map(str::to_owned);
        Ok(Connected { id, assigns: Arc::new(Said { params, auth_token }) })
    }
}
