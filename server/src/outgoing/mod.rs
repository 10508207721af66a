//! HTTP requests that the server makes itself: to the team's back end, for its hook and its keys.
//!
//! One thread makes all of them, with one pool of connections, so that a slow back end holds up
//! nobody else. Every request has a deadline, and every answer a largest size. Redirects are not
//! followed: where they lead is not what the operator configured.

mod address;

use std::{
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use actix_web::{
    http::{
        Method, StatusCode,
        header::{CONTENT_LENGTH, HeaderName, HeaderValue, USER_AGENT},
    },
    rt,
};
use awc::{Client, Connector};
use bytes::Bytes;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

pub use self::address::Address;

/// Requests that may wait for the thread. Callers bound how many they have under way themselves.
const QUEUE: usize = 1024;

/// How long an idle connection is kept: shorter than servers do, so that none is closed by the
/// other side just as a request goes out.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// A request.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub to: Address,
    /// Headers beside those that every request has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty for none.
    pub body: Bytes,
    /// How long it may take, until the whole answer is there.
    pub within: Duration,
    /// The largest body of an answer, in bytes.
    pub max_answer: usize,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// It did not come in time.
    #[error("no answer within {0:?}")]
    TooLate(Duration),
    /// The connection failed, or what came is not HTTP.
    #[error("{0}")]
    Failed(String),
    /// The answer is too large, or broke off.
    #[error("the body of the answer cannot be read: {0}")]
    Body(String),
    /// The thread has ended, or too much waits for it.
    #[error("too many requests are under way")]
    Busy,
}

/// Makes requests, on a thread that starts with the first one. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Outgoing(Arc<OnceLock<mpsc::Sender<Call>>>);

#[derive(Debug)]
struct Call {
    request: Request,
    answer: oneshot::Sender<Result<Answer, NoAnswer>>,
}

impl Outgoing {
    /// Makes a request.
    ///
    /// # Panics
    /// If it is the first, and the system has no thread left.
    pub async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        let calls = self.0.get_or_init(start);
        calls.try_send(Call { request, answer }).map_err(|_| NoAnswer::Busy)?;
        answered.await.unwrap_or(Err(NoAnswer::Busy))
    }
}

/// Starts the thread. It ends with the sender.
fn start() -> mpsc::Sender<Call> {
    let (calls, queue) = mpsc::channel(QUEUE);
    let make = move || rt::System::new().block_on(make_all(queue));
    let thread = thread::Builder::new().name("outgoing".to_owned());
    thread.spawn(make).expect("a system that has no thread left cannot run a server");
    calls
}

async fn make_all(mut queue: mpsc::Receiver<Call>) {
    let client = client(Arc::new(tls()));
    while let Some(Call { request, mut answer }) = queue.recv().await {
        let client = client.clone();
        rt::spawn(async move {
            let within = request.within;
            tokio::select! {
                // Nobody waits any more.
                () = answer.closed() => {}
                made = timeout(within, make(&client, request)) => {
                    let _ = answer.send(made.unwrap_or(Err(NoAnswer::TooLate(within))));
                }
            }
        });
    }
}

async fn make(client: &Client, request: Request) -> Result<Answer, NoAnswer> {
    let Request { method, to, headers, body, max_answer, .. } = request;
    let mut prepared = client.request(method, to.uri());
    for header in headers {
        prepared = prepared.insert_header(header);
    }
    let failed = |error: awc::error::SendRequestError| NoAnswer::Failed(error.to_string());
    let mut answer = prepared.send_body(body).await.map_err(failed)?;
    let body = answer.body().limit(max_answer).await.map_err(|error| NoAnswer::Body(error.to_string()))?;
    // The client takes a connection that ends too soon for the end of the body.
    let announced = answer.headers().get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
    if announced.is_some_and(|announced| announced != body.len().to_string().as_bytes()) {
        return Err(NoAnswer::Body("it broke off".to_owned()));
    }
    Ok(Answer { status: answer.status(), body })
}

fn client(tls: Arc<ClientConfig>) -> Client {
    // A request that waits for one of the connections is within its deadline all the same.
    let connector = Connector::new().rustls_0_23(tls).limit(0).conn_keep_alive(KEEP_ALIVE);
    Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .add_default_header((USER_AGENT, concat!("vestibule/", env!("CARGO_PKG_VERSION"))))
        .finish()
}

/// Trusts the certificates that the system trusts; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
fn tls() -> ClientConfig {
    let mut trusted = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the system's certificates");
    }
    trusted.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for all versions")
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
