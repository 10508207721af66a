//! Requests with `Upgrade: websocket`, whose connections leave the HTTP library or never come to
//! it.
//!
//! The application answers them like others: it routes, checks and decides. A handler that wants to
//! carry on with the bare connection leaves a [`Takeover`], and gets the connection once its answer
//! is sent. So a WebSocket has none of the library's buffers and timers. Any other answer ends the
//! connection.

use std::{
    cell::RefCell,
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use actix_codec::{Encoder as _, Framed, FramedParts};
use actix_http::{
    ConnectionType, HttpMessage as _, Request, Response,
    body::{BodySize, BoxBody, MessageBody},
    error::PayloadError,
    h1::{Codec, Message},
};
use actix_service::Service;
#[cfg(feature = "tls")]
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    HttpRequest,
    dev::Payload,
    http::{Method, StatusCode},
    rt::net::TcpStream,
};
use bytes::{Bytes, BytesMut};
use futures_util::{
    future::{Either, poll_fn},
    stream,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    time::timeout,
};

use super::{GOODBYE, conn::Conn, counted::Counted, replay::Replay, stream::Stream};

/// How much is read ahead of the answer. Well-behaved clients send nothing before they have it.
const READ_AHEAD: usize = 8 * 1024;

/// A connection that was given away.
pub(crate) enum Bare {
    /// A TCP connection, which any thread may write to, and its place among the descriptors.
    Tcp(TcpStream, Counted),
    /// A connection over TLS, which one task at a time can use.
    #[cfg(feature = "tls")]
    Tls(Box<dyn Duplex>),
}

/// A connection of any kind.
#[cfg(feature = "tls")]
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

#[cfg(feature = "tls")]
impl Duplex for TlsStream<Stream> {}

/// A connection that can be given away.
pub(super) trait GiveAway: AsyncRead + AsyncWrite + Unpin + 'static {
    fn give_away(self) -> Bare;

    fn stream(&self) -> &Stream;
}

impl GiveAway for Stream {
    fn give_away(self) -> Bare {
        let (socket, counted) = self.into_socket();
        Bare::Tcp(socket, counted)
    }

    fn stream(&self) -> &Stream {
        self
    }
}

#[cfg(feature = "tls")]
impl GiveAway for TlsStream<Stream> {
    fn give_away(self) -> Bare {
        Bare::Tls(Box::new(self))
    }

    fn stream(&self) -> &Stream {
        self.get_ref().0
    }
}

/// Goes on with a connection, and the bytes that came after the request's head.
type CarryOn = Box<dyn FnOnce(Bare, BytesMut)>;

/// Where a handler says what becomes of its request's connection.
#[derive(Clone)]
pub(crate) struct Takeover(Rc<Offer>);

struct Offer {
    conn: Arc<Conn>,
    carry_on: RefCell<Option<CarryOn>>,
}

impl Takeover {
    fn new(conn: &Arc<Conn>) -> Self {
        Self(Rc::new(Offer { conn: Arc::clone(conn), carry_on: RefCell::default() }))
    }

    /// The offer of a connection that comes with a request, if it does.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Accepts. `carry_on` is called after an answer of 101 is sent, and dropped after any other.
    pub(crate) fn accept(&self, carry_on: impl FnOnce(Bare, BytesMut) + 'static) {
        self.0.carry_on.replace(Some(Box::new(carry_on)));
    }

    /// The connection that is offered.
    pub(super) fn conn(&self) -> &Arc<Conn> {
        &self.0.conn
    }
}

impl Conn {
    /// The connection of a request, where it is known.
    pub(crate) fn of(request: &HttpRequest) -> Option<Arc<Self>> {
        let of_dispatcher = request.conn_data::<Arc<Self>>().cloned();
        of_dispatcher.or_else(|| Takeover::of(request).map(|offer| Arc::clone(offer.conn())))
    }
}

/// As [`answer`], for a request that was not the first of its connection.
pub(super) async fn answer_later<S, B, C>(
    application: Rc<S>,
    request: Request,
    framed: Framed<Replay<C>, Codec>,
) -> Result<(), actix_web::Error>
where
    S: Service<Request>,
    S::Error: Into<Response<BoxBody>>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
    C: GiveAway,
{
    let FramedParts { io, codec, read_buf, write_buf, .. } = framed.into_parts();
    let (connection, rest) = io.into_parts();
    // A copy of what is there: the library's buffer has room for a large head.
    let mut unread = BytesMut::from(&read_buf[..]);
    drop(read_buf);
    unread.extend_from_slice(&rest);
    let sending = Sending { connection, codec, buffer: write_buf };
    answer_after(&*application, request, sending, unread).await;
    Ok(())
}

/// Answers a request by the application, then gives the connection to the handler that wants it, or
/// ends it. `unread` is what came after the request's head.
pub(super) fn answer<S, B, C>(
    application: &S,
    request: Request,
    connection: C,
    codec: Codec,
    unread: BytesMut,
) -> impl Future<Output = ()> + use<S, B, C>
where
    S: Service<Request>,
    S::Error: Into<Response<BoxBody>>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
    C: GiveAway,
{
    let buffer = BytesMut::new();
    answer_after(application, request, Sending { connection, codec, buffer }, unread)
}

/// As [`answer`], where bytes may wait to be sent before the answer.
///
/// It holds no future but the application's: what is seldom needed is in a box.
fn answer_after<S, B, C>(
    application: &S,
    mut request: Request,
    mut sending: Sending<C>,
    mut unread: BytesMut,
) -> impl Future<Output = ()> + use<S, B, C>
where
    S: Service<Request>,
    S::Error: Into<Response<BoxBody>>,
    S::Response: Into<Response<B>>,
    B: MessageBody + 'static,
    C: GiveAway,
{
    let takeover = Takeover::new(sending.connection.stream().conn());
    request.extensions_mut().insert(takeover.clone());
    if *request.method() != Method::GET {
        let Sending { connection, codec, buffer } = sending;
        let connection = Shared(Rc::new(RefCell::new(connection)));
        *request.payload() = body(connection.clone(), unread);
        let called = application.call(request);
        return Either::Left(Box::pin(async move {
            let response = response(called.await);
            log_loss(Sending { connection, codec, buffer }.refuse(response).await);
        }));
    }
    let called = application.call(request);
    Either::Right(async move {
        let called = pin!(called);
        let response = match read_ahead(&mut sending.connection, &mut unread, called).await {
            Ok(answered) => response(answered),
            Err(error) => return log_loss(Err(error)),
        };
        let carry_on =
            takeover.0.carry_on.take().filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS);
        let Some(carry_on) = carry_on else { return log_loss(Box::pin(sending.refuse(response)).await) };
        match sending.switch(response.drop_body()).await {
            Ok(()) => carry_on(sending.connection.give_away(), unread),
            Err(error) => log_loss(Err(error)),
        }
    })
}

/// The application's answer, errors too.
fn response<T, E, B>(answered: Result<T, E>) -> Response<BoxBody>
where
    T: Into<Response<B>>,
    E: Into<Response<BoxBody>>,
    B: MessageBody + 'static,
{
    answered.map_or_else(Into::into, |response| response.into().map_into_boxed_body())
}

fn log_loss(sent: io::Result<()>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "a connection was lost before its answer was sent");
    }
}

/// Calls the application, and reads meanwhile: so a handler hears that its client has gone. Fails
/// if the connection is lost or must end.
async fn read_ahead<C: GiveAway, F: Future>(
    connection: &mut C,
    unread: &mut BytesMut,
    mut called: Pin<&mut F>,
) -> io::Result<F::Output> {
    let mut has_ended = false;
    poll_fn(|cx| {
        if let Poll::Ready(answered) = called.as_mut().poll(cx) {
            return Poll::Ready(Ok(answered));
        }
        while !has_ended && unread.len() < READ_AHEAD {
            match poll_bytes(connection, cx) {
                Poll::Ready(Ok(bytes)) if !bytes.is_empty() => unread.extend_from_slice(&bytes),
                Poll::Ready(read) => {
                    read?;
                    has_ended = true;
                }
                Poll::Pending => break,
            }
        }
        // Whoever asks for the end while nothing is read would ask again and again.
        connection.stream().conn().is_asked();
        Poll::Pending
    })
    .await
}

/// The next bytes; none at the end.
fn poll_bytes(connection: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    let mut space = [0; 1024];
    let mut buffer = ReadBuf::new(&mut space);
    let read = Pin::new(connection).poll_read(cx, &mut buffer);
    read.map_ok(|()| Bytes::copy_from_slice(buffer.filled()))
}

/// The body of a request that cannot become a WebSocket. It ends with the connection; how long it
/// is, [`Arriving`](super::Arriving) knows.
fn body<C: GiveAway>(mut connection: Shared<C>, mut unread: BytesMut) -> Payload {
    let bytes = stream::poll_fn(move |cx| {
        if !unread.is_empty() {
            return Poll::Ready(Some(Ok(unread.split().freeze())));
        }
        poll_bytes(&mut connection, cx).map(|read| match read {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => Some(Ok(bytes)),
            Err(error) => Some(Err(PayloadError::Io(error))),
        })
    });
    Payload::Stream { payload: Box::pin(bytes) }
}

/// An answer on its way to the client.
struct Sending<C> {
    connection: C,
    codec: Codec,
    /// Bytes to send, after answers to earlier requests.
    buffer: BytesMut,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Sending<C> {
    /// Sends the answer after which the connection is no longer HTTP.
    async fn switch(&mut self, head: Response<()>) -> io::Result<()> {
        self.codec.encode(Message::Item((head, BodySize::Stream)), &mut self.buffer)?;
        self.flush().await
    }

    /// Sends any other answer, and ends the connection.
    async fn refuse(mut self, response: Response<BoxBody>) -> io::Result<()> {
        let (mut head, body) = response.into_parts();
        head.head_mut().set_connection_type(ConnectionType::Close);
        self.codec.encode(Message::Item((head, body.size())), &mut self.buffer)?;
        let mut body = pin!(body);
        while let Some(chunk) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
            let chunk = chunk.map_err(|error| io::Error::other(error.to_string()))?;
            self.codec.encode(Message::Chunk(Some(chunk)), &mut self.buffer)?;
            self.flush().await?;
        }
        self.codec.encode(Message::Chunk(None), &mut self.buffer)?;
        self.flush().await?;
        say_goodbye(&mut self.connection).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.connection.write_all_buf(&mut self.buffer).await?;
        self.connection.flush().await
    }
}

/// Ends a connection so that its client sees the last bytes: a connection that is closed while
/// bytes come is reset, and what was sent is lost.
async fn say_goodbye(connection: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    connection.shutdown().await?;
    let _ = timeout(GOODBYE, read_to_end(connection)).await;
    Ok(())
}

/// Reads, and drops what is read, until the client has closed its end.
pub(crate) async fn read_to_end(connection: &mut (impl AsyncRead + Unpin)) {
    let mut dropped = [0; 512];
    while !matches!(connection.read(&mut dropped).await, Ok(0) | Err(_)) {}
}

/// A connection that a request's body reads and its answer is written to.
struct Shared<C>(Rc<RefCell<C>>);

impl<C> Clone for Shared<C> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<C: GiveAway> AsyncRead for Shared<C> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, buffer)
    }
}

impl<C: GiveAway> AsyncWrite for Shared<C> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, time::Duration};

    use super::*;
    use crate::transport::tcp::stream::tests::stream;

    #[actix_web::test]
    async fn a_connection_that_must_end_is_not_answered() {
        let (mut stream, _client) = stream().await;
        let conn = Arc::clone(stream.conn());
        conn.begin();
        conn.complete();
        let mut unread = BytesMut::new();
        let called = pin!(pending::<()>());
        let answering = read_ahead(&mut stream, &mut unread, called);
        let end = async { assert!(conn.end(conn.doing().unwrap())) };
        let ended = futures_util::future::join(timeout(Duration::from_secs(1), answering), end);
        assert!(ended.await.0.is_ok());
    }

    #[actix_web::test]
    async fn a_handler_that_asks_for_the_end_gets_an_answer() {
        let (mut stream, _client) = stream().await;
        let conn = Arc::clone(stream.conn());
        let mut unread = BytesMut::from(&[b'x'; READ_AHEAD][..]);
        let called = pin!(conn.ask());
        let asking = read_ahead(&mut stream, &mut unread, called);
        let asked = timeout(Duration::from_secs(1), asking).await;
        assert!(asked.unwrap().is_ok());
    }
}
