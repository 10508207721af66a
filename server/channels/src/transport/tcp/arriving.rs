//! Requests whose bodies do not arrive.

use std::{
    cell::RefCell,
    convert::Infallible,
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use actix_web::{
    HttpMessage as _, HttpResponse,
    body::{BodySize, EitherBody, MessageBody},
    dev::{Payload, RequestHead, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::{
        ConnectionType, Method, StatusCode,
        header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING, UPGRADE},
    },
};
use bytes::Bytes;
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Conn;

/// A request that is being answered, and whose body must arrive in time if it is read.
pub(in crate::transport) struct Arriving {
    conn: Option<Arc<Conn>>,
    /// `None` if the request has no body.
    late: Option<Late>,
}

impl Arriving {
    /// From now on the body fails if it has not arrived within `timeout` of the first byte of the
    /// request's head.
    pub(in crate::transport) fn begin(request: &mut ServiceRequest, timeout: Duration) -> Self {
        let conn = Conn::of(request.request());
        let began = conn.as_ref().map_or_else(Instant::now, |conn| conn.begin());
        let body = request.take_payload();
        if let Payload::None = body {
            if let Some(conn) = &conn {
                conn.complete();
            }
            return Self { conn, late: None };
        }
        let late = Late::default();
        let body = Body {
            inner: body,
            left: length_of_upgrade(request.head()),
            deadline: began + timeout,
            timer: None,
            late: Rc::clone(&late),
            conn: conn.clone(),
            is_whole: false,
        };
        request.set_payload(Payload::Stream { payload: Box::pin(body) });
        Self { conn, late: Some(late) }
    }

    /// The answer to send: another one if the body was late.
    pub(in crate::transport) fn finish<B: MessageBody + 'static>(
        self,
        answer: ServiceResponse<B>,
    ) -> ServiceResponse<EitherBody<B>> {
        let Some(body) = self.late.as_ref().and_then(|late| late.take()) else {
            return answer.map_into_left_body();
        };
        let mut late = HttpResponse::with_body(StatusCode::REQUEST_TIMEOUT, Unread { _body: body });
        late.head_mut().set_connection_type(ConnectionType::Close);
        answer.into_response(late.map_into_boxed_body().map_into_right_body())
    }
}

impl Drop for Arriving {
    /// The request is answered, or its client has gone.
    fn drop(&mut self) {
        if let Some(conn) = &self.conn {
            conn.answered();
        }
    }
}

/// The length of the body of a request with `Upgrade: websocket` that cannot become a WebSocket.
/// The library takes everything after such a head for the body.
fn length_of_upgrade(head: &RequestHead) -> Option<u64> {
    let headers = head.headers();
    let is_websocket = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket");
    let is_endless = head.method != Method::GET
        && !headers.contains_key(TRANSFER_ENCODING)
        && headers.get_all(UPGRADE).any(is_websocket);
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    is_endless.then(|| length.unwrap_or(0))
}

/// The body that was late, if one was.
type Late = Rc<RefCell<Option<Payload>>>;

/// An empty answer that holds on to a body that is not read. As long as it does, the HTTP library
/// expects somebody to read the body, and closes the connection; otherwise it would wait for the
/// rest.
struct Unread {
    _body: Payload,
}

impl MessageBody for Unread {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(0)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// A body that arrives in time, or fails.
struct Body {
    inner: Payload,
    /// How many bytes are to come, where the library does not know.
    left: Option<u64>,
    deadline: Instant,
    /// Created when the body is first waited for.
    timer: Option<Pin<Box<Sleep>>>,
    late: Late,
    conn: Option<Arc<Conn>>,
    /// Whether nothing more will be read.
    is_whole: bool,
}

impl Body {
    fn whole(&mut self) {
        self.is_whole = true;
        if let Some(conn) = &self.conn {
            conn.complete();
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == Some(0) {
            self.whole();
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.inner).poll_next(cx) {
            Poll::Ready(None) => {
                self.whole();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(mut chunk))) => {
                if let Some(left) = &mut self.left {
                    chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= chunk.len() as u64;
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            // A WebSocket's data has no deadline.
            Poll::Pending if self.conn.as_ref().is_some_and(|conn| conn.is_socket()) => Poll::Pending,
            Poll::Pending => {
                let deadline = self.deadline;
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let body = std::mem::replace(&mut self.inner, Payload::None);
                self.late.replace(Some(body));
                self.is_whole = true;
                Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
            }
        }
    }
}

impl Drop for Body {
    /// A body that has arrived counts as read, even if nobody wanted it.
    fn drop(&mut self) {
        if self.is_whole || self.conn.as_ref().is_none_or(|conn| conn.is_socket()) {
            return;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut self.inner).poll_next(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None) => return self.whole(),
                Poll::Ready(Some(Err(_))) | Poll::Pending => return,
            }
        }
    }
}
