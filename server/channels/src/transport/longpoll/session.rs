//! One long-poll session: the state that its requests share, and the task that drives it.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, interval_at, timeout},
};
use vestibule_phoenix::{
    disconnect::Disconnect,
    longpoll::Status,
    message::{Frame, FrameRef},
    serializer::Serializer,
};

use super::{
    super::{Endpoint, Limits, connection::Connection, connections::Registration, silence::LATE},
    turns::Turns,
};
use crate::{
    channel::Client,
    metrics::Traffic,
    outbox::{Form, Outbox, OutboxLimits, Wire},
    transport::tcp::Conn,
};

/// The state that the requests of a session share.
pub(super) struct Session {
    batches: mpsc::Sender<Batch>,
    outbox: Outbox,
    /// The limits that the session began with.
    limits: Limits,
    last_poll: Mutex<Instant>,
    turns: Turns,
    /// Held by the answer that hands messages over, so that the next one knows whether they
    /// arrived.
    way: Arc<Semaphore>,
    /// Messages that were handed over and did not arrive.
    returned: Mutex<Vec<Wire>>,
}

/// The messages of one POST.
pub(super) struct Batch {
    frames: Vec<Frame>,
    /// Dropped unused if the session ends because of them.
    handled: oneshot::Sender<()>,
}

impl Session {
    /// A new session, and its batches for [`drive`].
    pub(super) fn new(
        limits: Limits,
        serializer: Serializer,
        traffic: Arc<Traffic>,
    ) -> (Arc<Self>, mpsc::Receiver<Batch>) {
        let outbox = Outbox::new(serializer, Form::Text, limits.outbox, traffic);
        let (batches, receiver) = mpsc::channel(limits.batches);
        let session = Self {
            batches,
            outbox,
            limits,
            last_poll: Mutex::new(Instant::now()),
            turns: Turns::default(),
            way: Arc::new(Semaphore::new(1)),
            returned: Mutex::default(),
        };
        (Arc::new(session), receiver)
    }

    /// Adds the session to the endpoint's connections.
    pub(super) fn register<S: Send + Sync + 'static>(
        &self,
        endpoint: &Endpoint<S>,
        client: &Arc<Client<S>>,
    ) -> Registration {
        endpoint.connections().register(client, &self.outbox)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes the messages that wait for a poll on this connection. If there are none, waits for
    /// some, at most as long as a window.
    pub(super) async fn take(self: &Arc<Self>, conn: Option<&Conn>) -> Polled {
        self.polled();
        let turn = self.turns.begin();
        let take = async || {
            // The semaphore is never closed.
            let way = Arc::clone(&self.way).acquire_owned().await.ok()?;
            let reading = self.outbox.reading();
            let frames = poll_fn(|cx| self.poll_take(cx)).await?;
            drop(reading);
            let taken = Taken { frames, session: Arc::clone(self), _way: way };
            if let Some(conn) = conn {
                // Otherwise a connection that was closed a moment ago would take the messages.
                conn.ask().await;
            }
            Some(taken)
        };
        // A poll that is not the latest waits for its time all the same, as in Phoenix: a client
        // that is answered at once polls again at once.
        let taken = timeout(self.limits.window, turn.take(take)).await;
        turn.answered();
        self.polled();
        match taken {
            Ok(Some(taken)) => Polled::Messages(taken),
            Ok(None) => Polled::Over,
            Err(_window_is_over) => Polled::Nothing,
        }
    }

    /// Takes messages back that did not arrive, but no more than may wait in the outbox, which
    /// counts only its own. Otherwise a client that gives up every answer would make the server
    /// keep all of them.
    fn give_back(&self, mut frames: Vec<Wire>) {
        let mut returned = self.returned();
        frames.append(&mut returned);
        let OutboxLimits { frames: most, bytes } = self.limits.outbox;
        let size: usize = frames.iter().map(Wire::len).sum();
        // As in the outbox, a single frame always fits.
        if frames.len() > most || frames.len() > 1 && size > bytes {
            self.outbox.close_as_slow();
        } else {
            *returned = frames;
        }
    }

    /// Waits for a place in the queue. `None` if none becomes free within a window, or if the
    /// session ends.
    pub(super) async fn place(&self) -> Option<Place<'_>> {
        timeout(self.limits.window, self.batches.reserve()).await.ok()?.ok().map(Place)
    }

    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<Wire>>> {
        let mut taken = std::mem::take(&mut *self.returned());
        loop {
            match self.outbox.poll_next(cx) {
                // A close frame has no text; the end follows it.
                Poll::Ready(Some(frame)) if frame.text().is_none() => {}
                Poll::Ready(Some(frame)) => taken.push(frame),
                Poll::Pending if taken.is_empty() => return Poll::Pending,
                Poll::Ready(None) if taken.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => return Poll::Ready(Some(taken)),
            }
        }
    }

    fn returned(&self) -> MutexGuard<'_, Vec<Wire>> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn polled(&self) {
        *self.last_poll.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle_at(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(*self.last_poll.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The result of a poll.
pub(super) enum Polled {
    /// Messages to hand over.
    Messages(Taken),
    /// No messages within the window.
    Nothing,
    /// The session has ended.
    Over,
}

/// Messages for a poll. Until they have arrived they belong to the session, which gets them back
/// when this is dropped.
pub(super) struct Taken {
    frames: Vec<Wire>,
    session: Arc<Session>,
    /// Dropped after them, so that the next holder finds them.
    _way: OwnedSemaphorePermit,
}

impl Taken {
    pub(super) fn messages(&self) -> Vec<&str> {
        self.frames.iter().filter_map(|frame| std::str::from_utf8(frame.text()?).ok()).collect()
    }

    /// Notes that the messages have arrived.
    pub(super) fn arrived(&mut self) {
        self.frames.clear();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.frames.is_empty() {
            self.session.give_back(std::mem::take(&mut self.frames));
        }
    }
}

/// A place in a session's queue.
pub(super) struct Place<'a>(mpsc::Permit<'a, Batch>);

impl Place<'_> {
    /// Hands messages over, and waits until they are handled.
    pub(super) async fn publish(self, frames: Vec<Frame>, window: Duration) -> Status {
        let (handled, is_handled) = oneshot::channel();
        self.0.send(Batch { frames, handled });
        match timeout(window, is_handled).await {
            Ok(Ok(())) => Status::Ok,
            Ok(Err(_)) | Err(_) => Status::Timeout,
        }
    }
}

/// Drives a session until it ends: because a message cannot be decoded, because the server closes
/// it, because its lifetime is over, or because it is not polled. Only polls count: a client that
/// never takes its messages is gone.
pub(super) async fn drive<S: Send + Sync + 'static>(
    endpoint: Arc<Endpoint<S>>,
    serializer: Serializer,
    client: Arc<Client<S>>,
    _registration: Registration,
    session: Arc<Session>,
    mut batches: mpsc::Receiver<Batch>,
) {
    let outbox = session.outbox.clone();
    let limits = session.limits;
    let mut connection = Connection::new(endpoint.clone(), serializer, client, outbox.clone(), &limits);
    let patience = limits.window * 3 / 2;
    let end_of_session = Instant::now() + limits.lifetime;
    let mut inspection = interval_at(Instant::now() + patience, patience);
    loop {
        tokio::select! {
            biased;
            () = outbox.closing() => break,
            // Before the batches: a client that floods always has one more.
            due = inspection.tick() => {
                if due.elapsed() > LATE {
                    // The process was paused, and a poll may wait to be read.
                    session.polled();
                    inspection.reset();
                }
                // Measured at the time when the inspection was due: a busy machine's delay is not
                // the client's fault.
                if session.idle_at(due) > patience || due >= end_of_session {
                    break;
                }
            }
            batch = batches.recv() => {
                let Some(Batch { frames, handled }) = batch else { break };
                let all = tokio::select! {
                    biased;
                    all = handle(&mut connection, frames) => all,
                    () = outbox.closing() => break,
                };
                if all.is_err() {
                    break;
                }
                // The request may be gone.
                let _ = handled.send(());
            }
        }
    }
    drop(connection);
    outbox.finish();
}

async fn handle<S: Send + Sync + 'static>(
    connection: &mut Connection<S>,
    frames: Vec<Frame>,
) -> Result<(), Disconnect> {
    for frame in frames {
        if let Some(pause) = connection.receive(FrameRef::from(&frame), std::time::Instant::now())? {
            Box::pin(connection.wait(pause)).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use vestibule_phoenix::message::{Broadcast, Payload};

    use super::*;
    use crate::outbox::OutboxLimits;

    fn session(outbox: OutboxLimits) -> Arc<Session> {
        Session::new(Limits { outbox, ..Limits::default() }, Serializer::V2, Arc::default()).0
    }

    fn send(session: &Session, event: &str) {
        let payload = Payload::empty();
        session.outbox.send(Broadcast { topic: "t".into(), event: event.into(), payload });
    }

    /// The events that a poll gets, which arrive or do not.
    async fn polled(session: &Arc<Session>, is_given_up: bool) -> Option<Vec<String>> {
        let Polled::Messages(mut taken) = session.take(None).await else { return None };
        let event = |text: &str| text.split('"').nth(3).unwrap_or_default().to_owned();
        let events = taken.messages().into_iter().map(event).collect();
        if !is_given_up {
            taken.arrived();
        }
        Some(events)
    }

    #[actix_web::test]
    async fn the_next_poll_gets_what_did_not_arrive() {
        let session = session(OutboxLimits { frames: 3, bytes: 1000 });
        for event in ["a", "b", "c"] {
            send(&session, event);
            polled(&session, true).await;
        }
        assert_eq!(polled(&session, false).await, Some(vec!["a".into(), "b".into(), "c".into()]));
        send(&session, "d");
        assert_eq!(polled(&session, false).await, Some(vec!["d".into()]));
    }

    #[actix_web::test]
    async fn no_more_is_taken_back_than_the_outbox_holds() {
        // A frame has 21 bytes here, with its header.
        for limits in [OutboxLimits { frames: 2, bytes: 1000 }, OutboxLimits { frames: 1000, bytes: 50 }] {
            let session = session(limits);
            for event in ["a", "b", "c"] {
                assert!(!session.outbox.is_closing(), "{limits:?}");
                send(&session, event);
                polled(&session, true).await;
            }
            assert!(session.outbox.is_closing(), "{limits:?}");
            session.outbox.finish();
            assert_eq!(polled(&session, false).await, None, "nothing after a gap");
        }
    }
}
