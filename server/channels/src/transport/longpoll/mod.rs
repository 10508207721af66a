//! An endpoint over long poll, for networks that block WebSockets.
//!
//! A GET without a token opens a session and is answered 410 with a token. From then on, a GET
//! takes the messages that wait, or waits for some, and a POST brings messages. The HTTP status is
//! 200; the real status is in the JSON body. A session that is not polled for one and a half
//! windows ends.
//!
//! A session is driven like a WebSocket: a connection is fed from a bounded queue, and the polls
//! empty its outbox.

mod poll_body;
mod session;
mod sessions;
mod turns;

use std::{future::pending, net::IpAddr, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _,
    error::InternalError,
    http::{
        Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, CONTENT_TYPE,
        },
    },
    web,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use vestibule_phoenix::longpoll::{Answer, Status, decode};

pub use self::sessions::Sessions;
use self::{
    poll_body::PollBody,
    session::{Polled, Session},
};
use super::{
    ConnectInfo, Endpoint, Limits, connections::next_id, params, rate::RateLimited, request, tcp::Conn,
};
use crate::{
    channel::{Client, Transport},
    metrics::Limit,
};

const TOKEN_HEADER: &str = "x-phoenix-longpoll-token";
const AUTH_TOKEN_HEADER: &str = "x-phoenix-authtoken";

/// Mounts `endpoint` at `path`, which by Phoenix's custom ends in `/longpoll`.
pub fn mount<S: Send + Sync + 'static>(
    config: &mut web::ServiceConfig,
    path: &str,
    endpoint: Arc<Endpoint<S>>,
) {
    let serve = move |request: HttpRequest, body: web::Payload| {
        let mount = Mount(Arc::clone(&endpoint));
        async move { mount.serve(&request, body).await }
    };
    config.route(path, web::to(serve));
}

struct Mount<S: 'static>(Arc<Endpoint<S>>);

impl<S: Send + Sync + 'static> Mount<S> {
    async fn serve(&self, request: &HttpRequest, body: web::Payload) -> HttpResponse {
        if !request::is_origin_allowed(request, &self.0.connect_policy().load().origins) {
            return answer(&Answer::status(Status::Forbidden));
        }
        if request.method() == Method::OPTIONS {
            return preflight(request);
        }
        // Most requests bring the token of a session; nothing else of their query is read.
        let token = match params::find(request.query_string(), "token") {
            Ok(in_query) => request::header(request, TOKEN_HEADER).map(str::to_owned).or(in_query),
            Err(bad) => return bad.response(),
        };
        let session = token.and_then(|token| Some((self.0.long_polls.find(&token)?, token)));
        match *request.method() {
            Method::GET => match session {
                Some((session, token)) => Self::poll(request, &session, &token).await,
                None => self.open(request).await,
            },
            Method::POST => match session {
                Some((session, _)) => Self::publish(request, &session, body).await,
                None => answer(&Answer::status(Status::Gone)),
            },
            _ => HttpResponse::BadRequest().insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*")).finish(),
        }
    }

    async fn poll(request: &HttpRequest, session: &Arc<Session>, token: &str) -> HttpResponse {
        let conn = Conn::of(request);
        let gone = async {
            match &conn {
                Some(conn) => conn.at_end().await,
                None => pending().await,
            }
        };
        let polled = tokio::select! {
            biased;
            // Nobody reads this answer, so the messages stay for the next poll.
            () = gone => Polled::Nothing,
            polled = session.take(conn.as_deref()) => polled,
        };
        let messages = match polled {
            Polled::Messages(messages) => messages,
            Polled::Nothing => return answer(&Answer::poll(Status::NoContent, token, &[])),
            // Phoenix answers 204 here. Then the next poll would open a new session, which
            // phoenix.js before 1.8 takes for the old one: it would not rejoin. After an error
            // every version connects anew.
            Polled::Over => return answer(&Answer::status(Status::Over)),
        };
        match serde_json::to_vec(&Answer::poll(Status::Ok, token, &messages.messages())) {
            Ok(body) => headers(&mut HttpResponse::Ok()).body(PollBody::new(body.into(), messages, conn)),
            Err(error) => InternalError::new(error, StatusCode::INTERNAL_SERVER_ERROR).error_response(),
        }
    }

    async fn publish(request: &HttpRequest, session: &Session, body: web::Payload) -> HttpResponse {
        let Limits { window, message, .. } = *session.limits();
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let Some(frames) = read(body, message).await.and_then(|body| decode(content_type, &body).ok()) else {
            return HttpResponse::BadRequest().insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*")).finish();
        };
        // Waits only once the body is there: a client that does not send its body must not keep the
        // place from those that do.
        let Some(place) = session.place().await else {
            return answer(&Answer::status(Status::Timeout));
        };
        answer(&Answer::status(place.publish(frames, window).await))
    }

    /// Answers a GET without a session: with a new one, unless its address asks for too many too
    /// fast.
    async fn open(&self, request: &HttpRequest) -> HttpResponse {
        let address = self.0.connect_policy().load().proxies.client(request);
        if let Err(wait) = self.0.connect_rate.admit(address) {
            self.0.traffic().limited(Limit::Connects);
            return too_fast(RateLimited { wait });
        }
        let params = match params::parse_query(request.query_string()) {
            Ok(params) => params,
            Err(bad) => return bad.response(),
        };
        match self.begin(request, &params, address).await {
            Some(token) => answer(&Answer::poll(Status::Gone, &token, &[])),
            None => answer(&Answer::status(Status::Forbidden)),
        }
    }

    /// Opens a session, unless the client is refused or has too many.
    async fn begin(
        &self,
        request: &HttpRequest,
        params: &Map<String, Value>,
        address: Option<IpAddr>,
    ) -> Option<String> {
        let serializer = params::serializer(params).ok()?;
        let has_token = self.0.has_auth_token;
        let auth_token = request::header(request, AUTH_TOKEN_HEADER).filter(|_| has_token);
        let host = request::host(request.head());
        let info = ConnectInfo { params, auth_token, host, address };
        let connected = self.0.decide(&info).await.ok()?;
        let Some(counted) = self.0.long_polls.counter().count(address, connected.id.as_deref()) else {
            self.0.traffic().limited(Limit::Polls);
            return None;
        };
        let id = next_id();
        let client = Client::new(id, connected.id, Transport::LongPoll, connected.assigns);
        Some(self.0.long_polls.open(Arc::clone(&self.0), serializer, client, counted))
    }
}

/// The body, unless it exceeds the limit.
async fn read(mut body: web::Payload, limit: usize) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.ok()?;
        if bytes.len() + chunk.len() > limit {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes.freeze())
}

fn answer(body: &Answer<'_>) -> HttpResponse {
    headers(&mut HttpResponse::Ok()).json(body)
}

/// HTTP 429. phoenix.js reads only the body, so the body has the status of a refusal, after which
/// phoenix.js retries.
fn too_fast(limited: RateLimited) -> HttpResponse {
    let mut answer = HttpResponse::TooManyRequests();
    limited.put_headers(&mut answer);
    headers(&mut answer).json(limited.body_with(Status::Forbidden.code()))
}

fn headers(answer: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    answer
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, "application/json; charset=utf-8"))
}

/// Allows a page that may connect to send whatever headers it asks for. Another origin's page
/// learns nothing.
fn preflight(request: &HttpRequest) -> HttpResponse {
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
    let headers = asked.and_then(|headers| headers.to_str().ok()).unwrap_or_default();
    HttpResponse::Ok()
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, headers))
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "get, post, options"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "3600"))
        .insert_header((CACHE_CONTROL, "max-age=0, private, must-revalidate"))
        .finish()
}
