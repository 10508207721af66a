//! Where a client's bytes come from.

use std::{cell::RefCell, pin::Pin};

use actix_web::dev::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future::poll_fn};
use tokio::io::{AsyncRead, ReadBuf};

/// How much is read at once.
const SPACE: usize = 64 * 1024;

thread_local! {
    /// What all connections of a thread read into, one after the other: none of them needs a buffer
    /// while its client is silent.
    static SPACE_TO_READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; SPACE].into());
}

/// A client's bytes.
pub(super) enum Input {
    /// The body of a request to a server that keeps the connection.
    Body(Payload),
    /// The connection itself.
    Connection(Box<dyn AsyncRead + Unpin>),
}

impl Input {
    /// Appends the next bytes; `false` once the connection is lost. Cancel-safe.
    pub(super) async fn read(&mut self, buffer: &mut BytesMut) -> bool {
        match self {
            Input::Body(body) => match body.next().await {
                Some(Ok(bytes)) => {
                    append(buffer, bytes);
                    true
                }
                Some(Err(_)) | None => false,
            },
            Input::Connection(connection) => {
                poll_fn(|cx| {
                    SPACE_TO_READ.with_borrow_mut(|space| {
                        let mut space = ReadBuf::new(space);
                        let read = Pin::new(&mut *connection).poll_read(cx, &mut space);
                        read.map(|read| {
                            buffer.extend_from_slice(space.filled());
                            read.is_ok() && !space.filled().is_empty()
                        })
                    })
                })
                .await
            }
        }
    }
}

fn append(buffer: &mut BytesMut, bytes: Bytes) {
    if buffer.is_empty() {
        *buffer = bytes.into();
    } else {
        buffer.extend_from_slice(&bytes);
    }
}
