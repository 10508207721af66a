//! A connection's first request, for which the HTTP library has nothing to do if it begins a
//! WebSocket.
//!
//! The library's dispatcher takes two buffers of 8 KiB, two timers and a place among those that
//! wait for the server's end, all of which a WebSocket gives back as soon as it has begun. So the
//! first head is read here, by the library's own codec. A request to become a WebSocket goes to the
//! application at once; the dispatcher gets any other connection, with what was read so far, and
//! answers as if it had read that itself.

use std::{
    cell::RefCell,
    io::{self, BufRead as _},
    marker::PhantomData,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_codec::{Decoder as _, Encoder as _};
use actix_http::{
    Request, Response, ServiceConfig,
    body::{BodySize, BoxBody, MessageBody},
    error::DispatchError,
    h1::{Codec, Message, MessageType},
};
use actix_service::Service;
use actix_web::http::StatusCode;
use bytes::BytesMut;
use futures_util::{
    FutureExt as _,
    future::{self, Either, LocalBoxFuture, poll_fn},
};
use tokio::{
    io::{AsyncWriteExt as _, ReadBuf},
    time::Instant,
};

use super::{
    GOODBYE,
    connections::TcpConnections,
    replay::Replay,
    timeouts::HttpTimeouts,
    upgrade::{self, GiveAway},
};

/// How much is read at once.
const SPACE: usize = 16 * 1024;

thread_local! {
    /// What all connections of a thread read into, one after the other.
    static SPACE_TO_READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; SPACE].into());
}

/// Serves a connection: its first request itself if that begins a WebSocket, all others by the HTTP
/// library.
///
/// The `A`pplication's answers have bodies of type `B`, and an `H`TTP service serves by it.
pub(super) struct FirstRequest<A, H, B>(Rc<Parts<A, H>>, PhantomData<fn() -> B>);

struct Parts<A, H> {
    application: Rc<A>,
    http: H,
    config: ServiceConfig,
    timeout: Duration,
    connections: Arc<TcpConnections>,
}

impl<A, H, B> FirstRequest<A, H, B> {
    /// The `application` answers requests, and `http` serves connections by it.
    pub(super) fn new(
        application: Rc<A>,
        http: H,
        timeouts: HttpTimeouts,
        connections: Arc<TcpConnections>,
    ) -> Self {
        let HttpTimeouts { keep_alive, request: timeout } = timeouts;
        let config = ServiceConfig::new(keep_alive.into(), timeout, GOODBYE, false, None);
        Self(Rc::new(Parts { application, http, config, timeout, connections }), PhantomData)
    }
}

impl<C, A, B, H> Service<C> for FirstRequest<A, H, B>
where
    C: GiveAway,
    A: Service<Request> + 'static,
    A::Error: Into<Response<BoxBody>>,
    A::Response: Into<Response<B>>,
    B: MessageBody + 'static,
    H: Service<(Replay<C>, Option<SocketAddr>), Response = (), Error = DispatchError> + 'static,
{
    type Response = ();
    type Error = DispatchError;
    type Future = Boxed;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), DispatchError>> {
        self.0.http.poll_ready(cx)
    }

    /// A box of less than 1 KiB, which malloc finds quickly: what becomes of the connection takes
    /// the place of its arrival, and all but a WebSocket's is in a box of its own.
    fn call(&self, connection: C) -> Self::Future {
        let parts = Rc::clone(&self.0);
        let arrived = arrived(connection, Rc::clone(&parts));
        Box::pin(arrived.then(move |(mut connection, mut codec, arrived)| match arrived {
            Ok(Arrived::Upgrade(mut request, unread)) => {
                request.head_mut().peer_addr = Some(connection.stream().peer());
                let answer = upgrade::answer(&*parts.application, request, connection, codec, unread);
                Either::Left(answer.map(Ok))
            }
            Ok(Arrived::Other(read)) => {
                let peer = Some(connection.stream().peer());
                Either::Right(parts.http.call((Replay { read, connection }, peer)).boxed_local())
            }
            Ok(Arrived::Late) => Either::Right(
                async move { Ok(refuse_late(&mut connection, &mut codec).await?) }.boxed_local(),
            ),
            Err(error) => Either::Right(future::ready(Err(error.into())).boxed_local()),
        }))
    }
}

type Boxed = LocalBoxFuture<'static, Result<(), DispatchError>>;

/// Waits for the first request's head, unless the server stops.
async fn arrived<C: GiveAway, A, H>(
    mut connection: C,
    parts: Rc<Parts<A, H>>,
) -> (C, Codec, io::Result<Arrived>) {
    let mut codec = Codec::new(parts.config.clone());
    let conn = Arc::clone(connection.stream().conn());
    conn.await_first(Instant::now() + parts.timeout);
    // Checked after the connection said that it waits: a stop in between has either seen that or is
    // seen here.
    if parts.connections.is_stopping() {
        return (connection, codec, Err(io::ErrorKind::ConnectionAborted.into()));
    }
    drop(parts);
    let arrived = match read_head(&mut connection, &mut codec).await {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(Arrived::Late),
        arrived => arrived,
    };
    conn.stop_awaiting();
    (connection, codec, arrived)
}

/// How a connection begins.
enum Arrived {
    /// With a request to become a WebSocket, and what came after its head.
    Upgrade(Request, BytesMut),
    /// With something else: a request, what is none, or the connection's end.
    Other(BytesMut),
    /// With nothing, or with a part of a head, until it was too late.
    Late,
}

/// Reads until it is known how the connection begins.
async fn read_head<C: GiveAway>(connection: &mut C, codec: &mut Codec) -> io::Result<Arrived> {
    let mut earlier = BytesMut::new();
    poll_fn(|cx| {
        SPACE_TO_READ.with_borrow_mut(|space| {
            loop {
                let mut space = ReadBuf::new(space);
                ready!(Pin::new(&mut *connection).poll_read(cx, &mut space))?;
                let read = space.filled();
                let look = if earlier.is_empty() {
                    look(read, codec)
                } else {
                    earlier.extend_from_slice(read);
                    look(&earlier, codec)
                };
                if let Look::Upgrade(request, unread) = look {
                    return Poll::Ready(Ok(Arrived::Upgrade(request, unread)));
                }
                if earlier.is_empty() {
                    earlier.extend_from_slice(read);
                }
                if read.is_empty() || matches!(look, Look::Other) {
                    return Poll::Ready(Ok(Arrived::Other(std::mem::take(&mut earlier))));
                }
            }
        })
    })
    .await
}

/// What the first bytes of a connection are.
enum Look {
    /// A head that asks for a WebSocket, and what came after it.
    Upgrade(Request, BytesMut),
    /// The beginning of a head, and not longer than the library takes one.
    Incomplete,
    /// Anything else.
    Other,
}

/// The library decides what a head is; only heads that certainly ask for no WebSocket are left for
/// it to decode later.
fn look(bytes: &[u8], codec: &mut Codec) -> Look {
    if asks_for_nothing(bytes) {
        return Look::Other;
    }
    let mut unread = BytesMut::from(bytes);
    match codec.decode(&mut unread) {
        Ok(Some(Message::Item(request))) if matches!(codec.message_type(), MessageType::Stream) => {
            Look::Upgrade(request, unread)
        }
        Ok(None) => Look::Incomplete,
        Ok(Some(_)) | Err(_) => Look::Other,
    }
}

/// Whether this is a complete head, in lines as clients end them, without a field `Upgrade`.
fn asks_for_nothing(mut bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"upgrade";
    // Empty lines before a request do not count (RFC 9112, section 2.2).
    let mut has_begun = false;
    loop {
        let line = bytes;
        // Cannot fail: no line is read from anywhere but memory.
        let Ok(length) = bytes.skip_until(b'\n') else { return false };
        match &line[..length] {
            b"\r\n" if has_begun => return true,
            b"\r\n" => {}
            line if !line.ends_with(b"\n") => return false,
            line if line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) => {
                return false;
            }
            _ => has_begun = true,
        }
    }
}

/// Tells a client that its request is late, as the library does, and ends the connection.
async fn refuse_late<C: GiveAway>(connection: &mut C, codec: &mut Codec) -> io::Result<()> {
    let late = Response::with_body(StatusCode::REQUEST_TIMEOUT, ());
    let mut answer = BytesMut::new();
    codec.encode(Message::Item((late, BodySize::Sized(0))), &mut answer)?;
    connection.write_all_buf(&mut answer).await?;
    connection.flush().await?;
    connection.shutdown().await
}

#[cfg(test)]
mod tests;
