//! An answer on its way to a poll: until the system has taken all of it, its messages belong to the
//! session.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use super::session::Taken;
use crate::transport::tcp::Conn;

/// The body of an answer that hands messages over. If it is dropped before it was sent, because the
/// client or the connection is gone, the messages stay for the next poll.
pub(super) struct PollBody {
    body: Bytes,
    messages: Taken,
    /// `None` where the connection is not known: then a body that was read counts as sent.
    conn: Option<Arc<Conn>>,
    /// How often the connection had been flushed when the body was read.
    read: Option<u64>,
}

impl PollBody {
    pub(super) fn new(body: Bytes, messages: Taken, conn: Option<Arc<Conn>>) -> Self {
        Self { body, messages, conn, read: None }
    }
}

impl MessageBody for PollBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.body.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let Some(flushes) = self.read else {
            self.read = Some(self.conn.as_ref().map_or(0, |conn| conn.flushes()));
            return Poll::Ready(Some(Ok(self.body.clone())));
        };
        if let Some(conn) = &self.conn {
            ready!(conn.poll_flushed(cx, flushes));
        }
        self.messages.arrived();
        Poll::Ready(None)
    }
}
