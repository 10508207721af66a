//! Where a client's bytes come from.

use std::{
    cell::Cell,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::dev::Payload;
use tokio::io::{AsyncRead, ReadBuf};

/// How much is read at once.
const SPACE: usize = 64 * 1024;

thread_local! {
    /// What all connections of a thread read into, one after the other: none of them needs a buffer
    /// while its client is silent.
    static SPACE_TO_READ: Cell<Box<[u8]>> = Cell::default();
}

/// A client's bytes.
pub(super) enum Input {
    /// The body of a request to a server that keeps the connection.
    Body(Payload),
    /// The connection itself.
    Connection(Box<dyn AsyncRead + Unpin>),
}

/// The thread's space to read into, given back on drop.
pub(super) struct Space(Box<[u8]>);

impl Space {
    /// Takes it, or makes a new one: for the first read, and after a panic.
    pub(super) fn take() -> Self {
        let space = SPACE_TO_READ.take();
        Self(if space.is_empty() { vec![0; SPACE].into() } else { space })
    }

    /// The next bytes; none once the connection is lost.
    pub(super) fn poll_read(
        &mut self,
        connection: &mut (impl AsyncRead + Unpin + ?Sized),
        cx: &mut Context<'_>,
    ) -> Poll<&mut [u8]> {
        let mut space = ReadBuf::new(&mut self.0);
        let is_read = ready!(Pin::new(connection).poll_read(cx, &mut space)).is_ok();
        let length = if is_read { space.filled().len() } else { 0 };
        Poll::Ready(&mut self.0[..length])
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        SPACE_TO_READ.set(mem::take(&mut self.0));
    }
}
