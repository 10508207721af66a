//! An endpoint over WebSocket, on actix-web and actix-ws.
//!
//! actix-ws does only the handshake. After it, the HTTP library gives the connection away: incoming
//! bytes are read by `messages`, which keeps nothing longer than necessary, and outgoing frames go
//! from the `Outbox` straight to the socket, as shared bytes that are framed already. No task is
//! woken for each recipient of a broadcast, and no frame is copied for it.
//!
//! A server that is not made by [`serve`](super::serve) keeps its connections. There the frames go
//! into the response body, and bytes come from the request's.

mod frame_check;
mod input;
mod message;
mod messages;
mod output;
mod receive;
mod whole_frame;

use std::{sync::Arc, time::Duration};

use actix_web::{
    FromRequest as _, HttpRequest, HttpResponse,
    body::BoxBody,
    dev::Payload,
    error::{ErrorBadRequest, ErrorForbidden},
    http::{
        Method,
        header::{
            CACHE_CONTROL, HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
        },
    },
    web,
};
use bytes::BytesMut;
use futures_util::{FutureExt as _, future::join};
use tracing::{Instrument as _, Span};
use vestibule_phoenix::serializer::Serializer;

use self::{
    input::Input,
    messages::Messages,
    output::{OutboxBody, Output},
    receive::{Lasting, receive},
};
use super::{
    ConnectInfo, Endpoint, Limits,
    connection::Connection,
    connection_counter::Counted,
    connections::{Registration, next_id},
    params,
    rate::RateLimited,
    request,
    tcp::{Bare, Conn, Takeover},
};
use crate::{
    channel::{Client, Transport},
    metrics::Limit,
    outbox::{Form, Outbox},
};

/// The only version of WebSockets (RFC 6455, section 4.1).
const VERSION: &str = "13";

/// When a client with too many connections may retry. Nobody knows when one of them ends.
const RETRY: Duration = Duration::from_secs(5);

/// Mounts `endpoint` at `path`, which by Phoenix's custom ends in `/websocket`. Clients choose
/// their serializer with `vsn`.
pub fn mount<S: Send + Sync + 'static>(
    config: &mut web::ServiceConfig,
    path: &str,
    endpoint: Arc<Endpoint<S>>,
) {
    mount_with(config, path, endpoint, None);
}

/// Mounts `endpoint` at `path` for clients that speak MessagePack, for which there is no `vsn`.
pub fn mount_msgpack<S: Send + Sync + 'static>(
    config: &mut web::ServiceConfig,
    path: &str,
    endpoint: Arc<Endpoint<S>>,
) {
    mount_with(config, path, endpoint, Some(Serializer::MessagePack));
}

fn mount_with<S: Send + Sync + 'static>(
    config: &mut web::ServiceConfig,
    path: &str,
    endpoint: Arc<Endpoint<S>>,
    serializer: Option<Serializer>,
) {
    let upgrade = move |request, body| upgrade(request, body, Arc::clone(&endpoint), serializer);
    config.route(path, web::to(upgrade));
}

/// Checks in Phoenix's order: method, origin, sub-protocol, version and handler; then the limits
/// and the upgrade itself. The rate is checked before anything that costs more than the check.
async fn upgrade<S: Send + Sync + 'static>(
    request: HttpRequest,
    body: web::Payload,
    endpoint: Arc<Endpoint<S>>,
    serializer: Option<Serializer>,
) -> actix_web::Result<HttpResponse> {
    if request.method() != Method::GET {
        return Err(ErrorBadRequest(""));
    }
    let policy = endpoint.connect_policy().load_full();
    if !request::is_origin_allowed(&request, &policy.origins) {
        return Err(ErrorForbidden(""));
    }
    let address = policy.proxies.client(&request);
    if let Err(wait) = endpoint.connect_rate.admit(address) {
        endpoint.traffic().limited(Limit::Connects);
        return Ok(RateLimited { wait }.response());
    }
    let headers = request.headers();
    let protocol = params::select_protocol(headers, &endpoint.protocols()).map_err(|_| ErrorForbidden(""))?;
    let params = match params::parse_query(request.query_string()) {
        Ok(params) => params,
        Err(bad) => return Ok(bad.response()),
    };
    let auth_token = endpoint.has_auth_token.then(|| params::auth_token(headers)).flatten();
    let serializer =
        serializer.map_or_else(|| params::serializer(&params), Ok).map_err(|_| ErrorForbidden(""))?;
    let host = request::host(request.head());
    let info = ConnectInfo { params: &params, auth_token: auth_token.as_deref(), host, address };
    let connected = match endpoint.decide(&info).await {
        Ok(connected) => connected,
        Err(refused) => return Ok(refused.response()),
    };
    if wants_other_version(headers) {
        return Ok(other_version());
    }
    if let Some(obstacle) = request::obstacle_to_upgrade(request.head()) {
        return Err(ErrorBadRequest(obstacle));
    }
    let Some(counted) = endpoint.websockets.count(address, connected.id.as_deref()) else {
        endpoint.traffic().limited(Limit::Sockets);
        return Ok(RateLimited { wait: RETRY }.response());
    };

    let limits = policy.limits;
    let response = switch_protocols(&request, protocol)?;
    let outbox = Outbox::new(serializer, Form::Any, limits.outbox, Arc::clone(endpoint.traffic()));
    let id = next_id();
    let client = Client::new(id, connected.id, Transport::WebSocket, connected.assigns);
    let client = Arc::new(client);
    let held = (counted, endpoint.connections().register(&client, &outbox));
    let span = client.span();
    let connection = Box::new(Connection::new(endpoint, serializer, client, outbox.clone(), &limits));
    Ok(Accepted { connection, limits, held, outbox, span }.carry(&request, body, response))
}

/// A connection whose client is accepted.
struct Accepted<S: 'static> {
    connection: Box<Connection<S>>,
    limits: Limits,
    held: (Counted, Registration),
    outbox: Outbox,
    span: Span,
}

impl<S: Send + Sync + 'static> Accepted<S> {
    /// Carries on after the answer: with the bare connection if the server gives it away, otherwise
    /// with the bodies of the request and of the answer, which is returned.
    fn carry(self, request: &HttpRequest, body: web::Payload, response: HttpResponse) -> HttpResponse {
        if let Some(takeover) = Takeover::of(request) {
            takeover.accept(move |bare, unread| {
                let (input, output) = split(bare, &self.outbox);
                self.start(input, unread, output);
            });
            return response.map_body(|_, _| BoxBody::new(()));
        }
        let outbox = self.outbox.clone();
        self.start(Input::Body(body.into_inner()), BytesMut::new(), Output::Body);
        response.map_body(|_, _| BoxBody::new(OutboxBody(outbox)))
    }

    fn start(self, input: Input, unread: BytesMut, output: Output) {
        let Self { connection, limits, held, outbox, span } = self;
        let messages = Box::new(Messages::new(input, unread, &limits));
        let serving = serve(connection, Lasting::from(&limits), held, outbox, messages, output);
        if span.is_disabled() {
            actix_web::rt::spawn(serving);
        } else {
            actix_web::rt::spawn(serving.instrument(span));
        }
    }
}

/// The two directions of a connection.
fn split(bare: Bare, outbox: &Outbox) -> (Input, Output) {
    match bare {
        Bare::Tcp(socket, counted) => {
            let (input, output) = socket.into_split();
            outbox.write_to(output);
            (Input::Connection(Box::new(input)), Output::Tcp(counted))
        }
        #[cfg(feature = "tls")]
        Bare::Tls(stream) => {
            let (input, output) = tokio::io::split(stream);
            (Input::Connection(Box::new(input)), Output::Tls(Box::new(output)))
        }
    }
}

/// Whether the client asks for another version of WebSockets than that of RFC 6455, or for none.
fn wants_other_version(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_websocket = upgrade.windows(9).any(|part| part.eq_ignore_ascii_case(b"websocket"));
    is_websocket && headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION)
}

/// Tells a client of another version which one it may use (RFC 6455, section 4.4, and RFC 9110,
/// section 15.5.22).
fn other_version() -> HttpResponse {
    HttpResponse::UpgradeRequired()
        .upgrade("websocket")
        .insert_header((SEC_WEBSOCKET_VERSION, VERSION))
        .finish()
}

/// The answer that makes the connection a WebSocket, with Phoenix's headers.
fn switch_protocols(
    request: &HttpRequest,
    protocol: Option<&'static str>,
) -> actix_web::Result<HttpResponse> {
    let mut response = handshake(request)?;
    let added = response.headers_mut();
    added.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0, private, must-revalidate"));
    if let Some(protocol) = protocol {
        added.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    if let Some(conn) = Conn::of(request) {
        conn.upgraded();
    }
    Ok(response)
}

/// Answers the handshake. actix-ws also wants the body, as an extractor returns it, and gets an
/// empty one.
fn handshake(request: &HttpRequest) -> actix_web::Result<HttpResponse> {
    let nothing = web::Payload::from_request(request, &mut Payload::None).into_inner()?;
    let (response, _, _) =
        actix_ws::handle(request, nothing).map_err(|error| ErrorBadRequest(error.to_string()))?;
    Ok(response)
}

/// Carries a connection until its end. All connections are idle most of the time: what is needed
/// only while something happens is in boxes of its own, and combinators keep no future twice, as
/// `await` does with one that is moved into it.
fn serve<S: Send + Sync + 'static>(
    connection: Box<Connection<S>>,
    lasting: Lasting,
    held: (Counted, Registration),
    outbox: Outbox,
    messages: Box<Messages>,
    output: Output,
) -> impl Future<Output = ()> {
    let writing = output.write(outbox.clone());
    let reading = receive(connection, lasting, outbox, messages);
    join(reading, writing).then(|(messages, counted)| {
        drop(held);
        Box::pin(async move {
            messages.read_to_end().await;
            drop(counted);
        })
    })
}
