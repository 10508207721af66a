//! The operators' listener: metrics, and whatever is to be administered, apart from what clients reach.
//!
//! Health and the dashboard page are open; everything else is behind `auth`: an operator shows a token, and who may only read
//! writes nothing. A route that is added to `routes` has that by being there, finds the [`Operator`] in the request's extensions, and answers what is
//! wrong with a [`Problem`]. Between the two questions, who somebody is and what they may do, `audit` writes down what they want.

mod audit;
mod auth;
mod listen;
mod metrics;
mod problem;
mod tokens;
mod topic;
pub mod v1;

use std::{future::ready, io, net::SocketAddr, sync::Arc};

use actix_web::{
    App, HttpResponse, HttpServer, ResponseError as _, Route,
    dev::ServerHandle,
    http::header::{ALLOW, HeaderValue},
    middleware::{NormalizePath, from_fn},
    rt::{self, task::JoinHandle},
    web,
};
use arc_swap::ArcSwap;
use tokio::sync::Notify;

pub use self::{
    listen::Listen,
    problem::Problem,
    tokens::{Access, Operator, Renewed, TokenError, TokenFile, Tokens},
};
use vestibule_channels::transport::{
    ConnectPolicy, Connections, Over, Patience, arriving, edges, harden, head_as_get, prepare_socket,
    websocket,
};
use vestibule_store::READERS;

use crate::{
    approve::Flow,
    health::{self, Detail, Health},
    metrics::Metrics,
    pages::{Dashboard, Page},
    telemetry,
};

/// More connections than operators have.
const MAX_CONNECTIONS: usize = 64;

/// What the routes share.
pub struct Admin {
    /// All that is counted.
    pub metrics: Metrics,
    /// The application.
    pub flow: Arc<Flow>,
    /// Whether it can do its work.
    pub health: Arc<Health>,
    /// The server that runs it.
    pub server: Administered,
}

/// What there is of the server besides the application.
pub struct Administered {
    /// Everybody connected.
    pub connections: Arc<Connections>,
    /// What holds for connections, such as how much one may use.
    pub rules: Arc<ArcSwap<ConnectPolicy>>,
    /// Where clients connect.
    pub listens_at: SocketAddr,
    /// When it was started, in Unix milliseconds.
    pub started: i64,
    /// Notified to end it.
    pub drain: Arc<Notify>,
}

/// A listener that runs.
pub struct Running {
    at: Listen,
    admission: Admission,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

/// Who is let in there, which may change while it runs.
#[derive(Clone)]
pub struct Admission {
    tokens: Arc<TokenFile>,
    connections: Arc<Connections>,
}

impl Admission {
    /// Reads the tokens again. Whoever watches by one that is not good any more is sent away.
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
    patience: Patience,
) -> io::Result<Running> {
    let admin = web::Data::new(admin);
    let live = Arc::new(topic::endpoint(Arc::clone(&tokens), admin.clone()));
    let admission = Admission { tokens: Arc::clone(&tokens), connections: Arc::clone(&live.connections) };
    let dashboard = Arc::new(Page::embedded::<Dashboard>("dashboard"));
    let server = HttpServer::new(move || {
        let (tokens, live) = (Arc::clone(&tokens), Arc::clone(&live));
        App::new()
            .wrap(NormalizePath::trim())
            .wrap(from_fn(edges))
            .wrap(from_fn(move |request, next| arriving(patience.request, request, next)))
            .wrap(from_fn(telemetry::trace_and_tell))
            .wrap(from_fn(move |request, next| harden(Over::Http, request, next)))
            .app_data(admin.clone())
            .configure(|config| health::mount(config, Arc::clone(&admin.health), Detail::Told))
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
    .keep_alive(patience.keep_alive)
    .client_request_timeout(patience.request)
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

/// What needs a token.
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

/// Answers with a problem, whatever is asked.
fn problem(make: fn() -> Problem) -> Route {
    web::to(move || ready(Err::<HttpResponse, Problem>(make())))
}

impl Running {
    /// Where it listens.
    pub fn at(&self) -> &Listen {
        &self.at
    }

    /// Who is let in.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Ends it, without waiting for anybody's answer.
    pub async fn stop(self) {
        self.handle.stop(false).await;
        // A panic in it was logged.
        let _ = self.task.await;
        self.at.clean_up();
    }
}
