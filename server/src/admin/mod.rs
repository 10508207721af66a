//! The operators' listener: metrics and administration, apart from what clients reach.
//!
//! Health and the dashboard page need no token. Everything else is behind `auth`: it identifies the
//! operator by a token, and allows what the token does: everything with a `full` one, reading with
//! `read`, and otherwise only endpoints whose descriptions name a right ([`Permissions`]). Between
//! the two, `audit` records what the operator asks for. A route added to `routes` is behind all of
//! that, finds the [`Operator`] in the request's extensions, and answers errors with a [`Problem`].

mod access;
mod audit;
mod auth;
mod idempotency;
mod listen;
mod metrics;
mod new_token;
mod permissions;
mod problem;
mod shared;
mod tokens;
mod topic;
pub mod v1;

use std::{future::ready, io, sync::Arc};

use actix_web::{
    App, HttpResponse, HttpServer, ResponseError as _, Route,
    dev::ServerHandle,
    http::header::{ALLOW, HeaderValue},
    middleware::from_fn,
    rt::{self, task::JoinHandle},
    web,
};

pub use self::{
    access::{Access, Grant, Right},
    listen::Listen,
    new_token::{NewToken, NewTokenError, TokenName},
    permissions::Permissions,
    problem::Problem,
    shared::{Admin, ServerInfo},
    tokens::{Operator, Renewed, TokenError, TokenFile, Tokens},
};
use self::{audit::Recorded, idempotency::Answers};
use vestibule_channels::transport::{
    Connections, HttpTimeouts, Over, edges, harden, head_as_get, prepare_socket, websocket,
};
use vestibule_store::READERS;

use crate::{
    health::{self, Audience},
    pages::{Dashboard, Page},
    telemetry,
};

/// More connections than operators need.
const MAX_CONNECTIONS: usize = 64;

/// The running listener.
pub struct Running {
    at: Listen,
    admission: Admission,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

/// The accepted tokens, which can change while the listener runs.
#[derive(Clone)]
pub struct Admission {
    tokens: Arc<TokenFile>,
    connections: Arc<Connections>,
}

impl Admission {
    /// Reads the tokens again. Disconnects dashboards whose token is no longer valid.
    pub fn renew(&self) -> Result<Renewed, TokenError> {
        let renewed = self.tokens.renew()?;
        for name in &renewed.revoked {
            self.connections.disconnect(&topic::socket_id(name));
        }
        Ok(renewed)
    }

    /// The tokens.
    pub fn tokens(&self) -> &TokenFile {
        &self.tokens
    }
}

/// Starts the listener, on a thread of its own.
pub fn start(
    listen: &Listen,
    tokens: Arc<TokenFile>,
    admin: Admin,
    timeouts: HttpTimeouts,
) -> io::Result<Running> {
    let admin = web::Data::new(admin);
    let live = topic::endpoint(Arc::clone(&tokens), admin.clone());
    let admission = Admission { tokens: Arc::clone(&tokens), connections: Arc::clone(live.connections()) };
    let (permissions, answers) = (web::Data::new(v1::permissions()), web::Data::new(Answers::default()));
    let recorded = web::Data::new(Recorded::default());
    let dashboard = Arc::new(Page::embedded::<Dashboard>("dashboard"));
    let server = HttpServer::new(move || {
        let (tokens, live) = (Arc::clone(&tokens), Arc::clone(&live));
        App::new()
            .wrap(from_fn(move |request, next| edges(timeouts.request, request, next)))
            .wrap(from_fn(telemetry::trace_and_tell))
            .wrap(from_fn(move |request, next| harden(Over::Http, request, next)))
            .app_data(admin.clone())
            .app_data(permissions.clone())
            .app_data(recorded.clone())
            .app_data(answers.clone())
            .configure(|config| health::mount(config, Arc::clone(&admin.health), Audience::Operators))
            .configure(|config| websocket::mount(config, "/socket/websocket", live))
            .configure(|config| dashboard.mount(config, "/"))
            .service(
                web::scope("")
                    .wrap(from_fn(head_as_get))
                    .wrap(from_fn(auth::permit))
                    .wrap(from_fn(audit::audit))
                    .wrap(from_fn(move |request, next| auth::identify(Arc::clone(&tokens), request, next)))
                    .configure(routes)
                    .default_service(problem(Problem::not_found)),
            )
    })
    .on_connect(prepare_socket)
    .keep_alive(timeouts.keep_alive)
    .client_request_timeout(timeouts.request)
    .workers(1)
    .worker_max_blocking_threads(READERS as usize)
    .max_connections(MAX_CONNECTIONS)
    .disable_signals();
    let (listener, at) = listen.bind()?;
    let server = match listener {
        listen::Listener::Tcp(listener) => server.listen(listener)?,
        listen::Listener::Unix(listener) => server.listen_uds(listener)?,
    }
    .run();
    let handle = server.handle();
    Ok(Running { at, admission, handle, task: rt::spawn(server) })
}

/// The routes that need a token.
fn routes(config: &mut web::ServiceConfig) {
    config
        .configure(v1::mount)
        .service(web::resource("/metrics").get(metrics::metrics).default_service(web::to(no_such_method)));
}

/// Answers that `/metrics` is only read.
async fn no_such_method() -> HttpResponse {
    let mut answer = Problem::no_such_method().error_response();
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// A route that always answers with a problem.
fn problem(make: fn() -> Problem) -> Route {
    web::to(move || ready(Err::<HttpResponse, Problem>(make())))
}

impl Running {
    /// Where it listens.
    pub fn at(&self) -> &Listen {
        &self.at
    }

    /// The accepted tokens.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Stops the listener without waiting for open requests.
    pub async fn stop(self) {
        self.handle.stop(false).await;
        // A panic in it was logged.
        let _ = self.task.await;
        self.at.clean_up();
    }
}
