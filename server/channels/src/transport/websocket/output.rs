//! Where a client's frames go.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_util::future::poll_fn;
#[cfg(feature = "tls")]
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::{outbox::Outbox, transport::tcp::Counted};

/// The way out of an outbox.
pub(super) enum Output {
    /// The response of a server that keeps the connection, as an [`OutboxBody`].
    Body,
    /// The TCP connection that the outbox knows, with its place among the descriptors.
    Tcp(Counted),
    /// The connection over TLS.
    #[cfg(feature = "tls")]
    Tls(Box<dyn AsyncWrite + Unpin>),
}

impl Output {
    /// Writes the frames of `outbox` until its end, then tells the client that no more come.
    /// Returns the place among the descriptors, which the other direction still takes.
    pub(super) async fn write(self, outbox: Outbox) -> Option<Counted> {
        match self {
            Output::Body => None,
            Output::Tcp(counted) => {
                // Dropping the socket ends this direction.
                drop(poll_fn(|cx| outbox.poll_written(cx)).await);
                outbox.note_written();
                Some(counted)
            }
            #[cfg(feature = "tls")]
            Output::Tls(mut connection) => {
                let all = async {
                    if write_all(&mut connection, &outbox).await.is_err() {
                        outbox.finish();
                    }
                    let _ = connection.shutdown().await;
                };
                tokio::select! {
                    () = all => {}
                    () = outbox.abandoned() => {}
                }
                outbox.note_written();
                None
            }
        }
    }
}

/// Writes frames as they come, and flushes when none waits.
#[cfg(feature = "tls")]
async fn write_all(connection: &mut (impl AsyncWrite + Unpin), outbox: &Outbox) -> std::io::Result<()> {
    while let Some(frame) = poll_fn(|cx| outbox.poll_next(cx)).await {
        connection.write_all(&frame.framed()).await?;
        if outbox.is_empty() {
            connection.flush().await?;
        }
    }
    connection.flush().await
}

/// The response body: the frames of the outbox, as they are.
pub(super) struct OutboxBody(pub(super) Outbox);

impl MessageBody for OutboxBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.0.poll_next(cx).map(|frame| frame.map(|frame| Ok(frame.framed())))
    }
}

impl Drop for OutboxBody {
    fn drop(&mut self) {
        self.0.finish();
        self.0.note_written();
    }
}
