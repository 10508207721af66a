//! Handles what a client sends, until its connection must end.

use std::{
    ops::ControlFlow,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::future::poll_fn;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use vestibule_phoenix::{disconnect::Disconnect, message::FrameRef};

use super::{frame_check::Fault, message::Message, messages::Messages};
use crate::{
    outbox::Outbox,
    transport::{
        Limits,
        connection::{Connection, Pause},
        silence::Silence,
    },
};

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a client may take to read what still waits for it, once the connection is over.
const LINGER: Duration = Duration::from_secs(10);

/// How long a connection may last, and how long its client may be silent: of all [`Limits`] the
/// ones that its task keeps.
#[derive(Clone, Copy)]
pub(super) struct Lasting {
    lifetime: Duration,
    idle: Duration,
}

impl From<&Limits> for Lasting {
    fn from(limits: &Limits) -> Self {
        Self { lifetime: limits.lifetime, idle: limits.idle }
    }
}

/// What ends the handling of messages, for now or for good.
enum Stop {
    Pause(Pause),
    /// The timer is due.
    Due,
    End,
}

/// Handles what the client sends, until the connection must end.
pub(super) async fn receive<S: Send + Sync + 'static>(
    mut connection: Box<Connection<S>>,
    lasting: Lasting,
    outbox: Outbox,
    mut messages: Box<Messages>,
) -> Box<Messages> {
    let end_of_session = Instant::now() + lasting.lifetime;
    let mut silence = Silence::new(lasting.idle, Instant::now());
    let (closing, timer) = (outbox.closing(), sleep_until(end_of_session.min(silence.look())));
    let mut others = Others { closing: pin!(closing), timer: pin!(timer), armed: None };
    loop {
        // In this order: all messages of one read are handled before anything else.
        let stop = poll_fn(|cx| {
            let mut heard = None;
            let mut handle = |message: Result<Message<'_>, Fault>, now: Instant| {
                heard = Some(now);
                silence.ends(now);
                if now >= end_of_session {
                    // Checked here too: the timer is not due while a client always sends more.
                    outbox.close(Disconnect::SessionOver);
                    return ControlFlow::Break(Stop::End);
                }
                handle(&mut connection, &outbox, message, now)
            };
            match messages.poll_each(cx, &mut handle) {
                Poll::Ready(stop) => Poll::Ready(stop.unwrap_or(Stop::End)),
                Poll::Pending => others.poll(cx, &outbox, heard),
            }
        });
        match stop.await {
            Stop::Pause(pause) => {
                if has_closed_during(Box::pin(connection.wait(pause)), others.closing.as_mut()).await {
                    break;
                }
            }
            Stop::Due => {
                let now = Instant::now();
                close_if_due(&outbox, now, end_of_session, &mut silence);
                others.reset(end_of_session.min(silence.look()).max(now));
            }
            Stop::End => break,
        }
    }
    // The client leaves its topics before it gets time to answer the close.
    drop(connection);
    finish(&mut messages, &outbox).await;
    messages
}

/// What a connection waits for besides messages.
struct Others<'a, F> {
    closing: Pin<&'a mut F>,
    timer: Pin<&'a mut Sleep>,
    /// The task that both of them will wake.
    armed: Option<Waker>,
}

impl<F: Future<Output = ()>> Others<'_, F> {
    /// Both wake the task once they were polled in vain. So whenever a message was heard, they are
    /// not polled again, which would cost as much as reading it: a look tells whether they are
    /// what woke the task, too.
    fn poll(&mut self, cx: &mut Context<'_>, outbox: &Outbox, heard: Option<Instant>) -> Poll<Stop> {
        let is_armed = self.armed.as_ref().is_some_and(|armed| armed.will_wake(cx.waker()));
        if is_armed && heard.is_some_and(|now| now < self.timer.deadline()) {
            return if outbox.is_closing() { Poll::Ready(Stop::End) } else { Poll::Pending };
        }
        if self.closing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Stop::End);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Stop::Due);
        }
        if !is_armed {
            self.armed = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Sets the timer, which was due.
    fn reset(&mut self, deadline: Instant) {
        self.timer.as_mut().reset(deadline);
        self.armed = None;
    }
}

/// Handles one message, and returns what it stops the others for.
fn handle<S: Send + Sync + 'static>(
    connection: &mut Connection<S>,
    outbox: &Outbox,
    message: Result<Message<'_>, Fault>,
    now: Instant,
) -> ControlFlow<Stop> {
    let now = now.into_std();
    let handled = match message {
        Ok(Message::Text(text)) => connection.receive(FrameRef::Text(text), now),
        Ok(Message::Binary(bytes)) => connection.receive(FrameRef::Binary(bytes), now),
        Ok(Message::Ping(payload)) => Ok(connection.ping(payload, now)),
        Ok(Message::Pong) => Ok(connection.pong(now)),
        Ok(Message::Close) => {
            outbox.answer_close();
            return ControlFlow::Break(Stop::End);
        }
        Err(fault) => Err(fault.disconnect()),
    };
    match handled {
        Ok(None) => ControlFlow::Continue(()),
        Ok(Some(pause)) => ControlFlow::Break(Stop::Pause(pause)),
        Err(why) => {
            outbox.close(why);
            ControlFlow::Break(Stop::End)
        }
    }
}

/// Closes the connection if its lifetime is over, or if its client was silent for too long.
fn close_if_due(outbox: &Outbox, now: Instant, end_of_session: Instant, silence: &mut Silence) {
    if now >= end_of_session {
        outbox.close(Disconnect::SessionOver);
    } else if silence.is_over(now) {
        outbox.close(Disconnect::Idle);
    }
}

/// Gives the client time to answer the close, and then to read the rest, and ends the connection.
async fn finish(messages: &mut Messages, outbox: &Outbox) {
    let answered = messages.each(|message, _| match message {
        Ok(Message::Close) | Err(_) => ControlFlow::Break(()),
        Ok(_) => ControlFlow::Continue(()),
    });
    if outbox.is_closing() {
        let _ = timeout(CLOSE_TIMEOUT, answered).await;
    }
    outbox.finish();
    if timeout(LINGER, outbox.written()).await.is_err() {
        outbox.abandon();
    }
}

/// Waits for the end of a pause, and returns whether the connection must end before that.
async fn has_closed_during(
    pause: impl Future<Output = ()> + Unpin,
    closing: Pin<&mut impl Future<Output = ()>>,
) -> bool {
    tokio::select! {
        biased;
        () = pause => false,
        () = closing => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::sleep;
    use vestibule_phoenix::serializer::Serializer;

    use super::*;
    use crate::outbox::Form;

    fn outbox() -> Outbox {
        Outbox::new(Serializer::V2, Form::Any, Limits::default().outbox, Arc::default())
    }

    #[actix_web::test]
    async fn a_close_is_seen_beside_a_message() {
        for is_told in [true, false] {
            let outbox = outbox();
            let (closing, timer) = (outbox.closing(), sleep_until(Instant::now() + Duration::from_secs(9)));
            let mut others = Others { closing: pin!(closing), timer: pin!(timer), armed: None };
            let mut cx = Context::from_waker(Waker::noop());
            let heard = is_told.then(Instant::now);
            for _ in 0..2 {
                assert!(others.poll(&mut cx, &outbox, heard).is_pending());
            }
            outbox.close(Disconnect::Kicked);
            assert!(matches!(others.poll(&mut cx, &outbox, heard), Poll::Ready(Stop::End)));
        }
    }

    #[actix_web::test]
    async fn a_timer_is_seen_beside_a_message() {
        let outbox = outbox();
        let (closing, timer) = (outbox.closing(), sleep_until(Instant::now()));
        let mut others = Others { closing: pin!(closing), timer: pin!(timer), armed: None };
        let mut cx = Context::from_waker(Waker::noop());
        for wait in [20, 40] {
            let due = Instant::now() + Duration::from_millis(wait);
            others.reset(due);
            for _ in 0..2 {
                assert!(others.poll(&mut cx, &outbox, Some(Instant::now())).is_pending());
            }
            sleep(Duration::from_millis(wait + 5)).await;
            let poll = others.poll(&mut cx, &outbox, Some(Instant::now()));
            assert!(matches!(poll, Poll::Ready(Stop::Due)), "after {wait} ms");
        }
    }

    #[actix_web::test]
    async fn both_wake_the_task_that_was_there_last() {
        let outbox = outbox();
        let (closing, timer) = (outbox.closing(), sleep_until(Instant::now() + Duration::from_secs(9)));
        let mut others = Others { closing: pin!(closing), timer: pin!(timer), armed: None };
        let heard = Some(Instant::now());
        assert!(others.poll(&mut Context::from_waker(Waker::noop()), &outbox, heard).is_pending());
        let is_woken = poll_fn(|cx| {
            if others.poll(cx, &outbox, heard).is_ready() {
                return Poll::Ready(());
            }
            // Whoever closes does so while the task sleeps.
            let outbox = outbox.clone();
            actix_web::rt::spawn(async move { outbox.close(Disconnect::Kicked) });
            Poll::Pending
        });
        let start = Instant::now();
        // The end of the time would wake the task, too.
        let _ = timeout(Duration::from_secs(5), is_woken).await;
        assert!(start.elapsed() < Duration::from_secs(4));
    }
}
