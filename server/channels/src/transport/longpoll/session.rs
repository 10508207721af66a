//! One long-poll session: what its requests share, and the task that drives it.

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
use vestibule_phoenix::{disconnect::Disconnect, longpoll::Status, message::Frame, serializer::Serializer};

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

/// What the requests of a session share.
pub(super) struct Session {
    batches: mpsc::Sender<Batch>,
    outbox: Outbox,
    /// Those that the session began with.
    limits: Limits,
    last_poll: Mutex<Instant>,
    turns: Turns,
    /// Held by the answer that hands messages over, so that the next one knows what became of them.
    way: Arc<Semaphore>,
    /// What was handed over and did not arrive.
    returned: Mutex<Vec<Wire>>,
}

/// The messages of one POST.
pub(super) struct Batch {
    frames: Vec<Frame>,
    /// Dropped unused if the session ends over them.
    handled: oneshot::Sender<()>,
}

impl Session {
    /// A session, and the batches for [`drive`].
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

    /// Puts the session on the endpoint's list.
    pub(super) fn register<S: Send + Sync + 'static>(
        &self,
        endpoint: &Endpoint<S>,
        client: &Arc<Client<S>>,
    ) -> Registration {
        endpoint.connections().register(client, &self.outbox)
    }

    /// How much the session may use.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes what waits, for a poll on this connection; if nothing does, waits for it, but not for
    /// ever.
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
                // What was closed a moment ago would take the messages otherwise.
                conn.ask().await;
            }
            Some(taken)
        };
        // Whose turn it is not waits for its time all the same, as in Phoenix: a client that is
        // answered at once polls again at once.
        let taken = timeout(self.limits.window, turn.take(take)).await;
        turn.answered();
        self.polled();
        match taken {
            Ok(Some(taken)) => Polled::Messages(taken),
            Ok(None) => Polled::Over,
            Err(_window_is_over) => Polled::Nothing,
        }
    }

    /// Takes messages back that did not arrive: no more than may wait in the outbox, which counts
    /// only what is in it. A client that gave up each answer would otherwise have the server keep
    /// all of them.
    fn give_back(&self, mut frames: Vec<Wire>) {
        let mut returned = self.returned();
        frames.append(&mut returned);
        let OutboxLimits { frames: most, bytes } = self.limits.outbox;
        let size: usize = frames.iter().map(Wire::len).sum();
        // As in the outbox, a frame alone is no backlog.
        if frames.len() > most || frames.len() > 1 && size > bytes {
            self.outbox.close_as_slow();
        } else {
            *returned = frames;
        }
    }

    /// Waits for a place in the queue. `None` if there is none for as long as a poll waits, or the
    /// session ends meanwhile.
    pub(super) async fn place(&self) -> Option<Place<'_>> {
        timeout(self.limits.window, self.batches.reserve()).await.ok()?.ok().map(Place)
    }

    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<Wire>>> {
        let mut taken = std::mem::take(&mut *self.returned());
        loop {
            match self.outbox.poll_next(cx) {
                // A close frame has no text, and is followed by the end.
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

/// What comes of a poll.
pub(super) enum Polled {
    /// Something to hand over.
    Messages(Taken),
    /// Nothing as long as a poll waits.
    Nothing,
    /// The session has ended.
    Over,
}

/// Messages for a poll. Until they have arrived they are the session's, which gets them back when
/// this is dropped.
pub(super) struct Taken {
    frames: Vec<Wire>,
    session: Arc<Session>,
    /// After them, so that whoever is next finds them.
    _way: OwnedSemaphorePermit,
}

impl Taken {
    /// The messages.
    pub(super) fn messages(&self) -> Vec<&str> {
        self.frames.iter().filter_map(|frame| std::str::from_utf8(frame.text()?).ok()).collect()
    }

    /// They have arrived.
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

/// Drives a session until it ends: over a message that cannot be decoded, because somebody closes
/// it, because its time is over, or because nobody polls it. Only polls count: a client that never
/// takes what is there is gone.
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
            // Before the batches, of which a client that floods has always one more.
            due = inspection.tick() => {
                if due.elapsed() > LATE {
                    // The process stood still, and a poll may wait to be read.
                    session.polled();
                    inspection.reset();
                }
                // Measured at the time that the inspection was due: a busy machine that is late is
                // not the client's fault.
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
                // The request may have gone away meanwhile.
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
        connection.receive(frame).await?;
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
    async fn what_does_not_arrive_is_the_next_polls() {
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
    async fn no_more_is_taken_back_than_may_wait() {
        // A frame of these has 21 bytes with its header.
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
