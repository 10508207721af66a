//! Replies that wait for the store, or that are delayed on purpose.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use vestibule_approve::refusal::{Reason, Refusal};
use vestibule_channels::{Channel, Context, Handled, Payload, ReplyTo, Status};
use vestibule_store::{CommandError, Committed, ListPage, StoreError, Submission};

use super::{
    payloads::{self, Items},
    services::Services,
};

/// How long after a message `unknown_room` is answered: looking up a secret room and an unknown one
/// takes slightly different times, and nobody should be able to measure which it was.
pub(super) const UNKNOWN_AFTER: Duration = Duration::from_millis(50);

/// When a reply is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyTiming {
    /// At once, except for `unknown_room`, which everybody gets [late](UNKNOWN_AFTER).
    Prompt,
    /// [Late](UNKNOWN_AFTER), except for commands that change something: for guests who have been
    /// shown no room.
    Uniform,
}

/// Submits a command to the store. After the commit, replies to the sender and then calls `then`,
/// which tells everybody else.
pub(super) fn carry_out<C: Channel>(
    services: &Arc<Services>,
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    timing: ReplyTiming,
    submission: Submission,
    then: impl FnOnce(&mut C, &mut Context<'_, C>, &Committed) + Send + 'static,
) -> Handled {
    let (resume, counting) = (cx.resume_later(to.subscriber), Arc::clone(services));
    let done = move |result: Result<Committed, CommandError>| {
        resume.run(move |channel, cx| match result.map_err(of_command) {
            Ok(committed) if timing == ReplyTiming::Uniform && committed.decision.change.is_none() => {
                then(channel, cx, &committed);
                reply_late(cx, to, Status::Ok, payloads::answer(&committed));
            }
            Ok(committed) => {
                vestibule_store::failpoint::pass("before_reply");
                cx.reply(&to, Status::Ok, payloads::answer(&committed));
                vestibule_store::failpoint::pass("after_reply");
                then(channel, cx, &committed);
            }
            Err(refusal) => {
                counting.metrics.refused(&refusal);
                if timing == ReplyTiming::Uniform || refusal.reason == Reason::UnknownRoom {
                    reply_late(cx, to, Status::Error, Payload::of(&refusal));
                } else {
                    fail(cx, &to, &refusal);
                }
            }
        });
    };
    services.store.submit(submission, Box::new(done));
    Handled::NoReply
}

/// Reads, and passes the result to `found`, which replies with [`ok`]; if the read fails, replies
/// with the error.
///
/// The sender's next message waits meanwhile: a page can be thousands of times as long as the
/// message that asks for it, so a join has at most one read under way.
pub(super) fn look_up<C: Channel, T: Send + 'static>(
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    read: impl Future<Output = Result<T, StoreError>> + 'static,
    found: impl FnOnce(&mut C, &mut Context<'_, C>, &ReplyTo, T) + Send + 'static,
) -> Handled {
    cx.spawn(to.subscriber, read, move |channel, cx, result| {
        match result {
            Ok(value) => found(channel, cx, &to, value),
            Err(error) => fail(cx, &to, &of_store(error)),
        }
        cx.proceed(to.subscriber, Handled::NoReply);
    });
    Handled::Wait
}

/// Replies with a page of a list.
pub(super) fn list<C: Channel, T: Serialize + Send + 'static>(
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    read: impl Future<Output = Result<ListPage<T>, StoreError>> + 'static,
) -> Handled {
    look_up(cx, to, read, |_, cx, to, page| ok(cx, to, &Items { items: page.items, cursor: page.next }))
}

/// Replies `ok`.
pub(super) fn ok<C: Channel>(cx: &Context<'_, C>, to: &ReplyTo, response: &impl Serialize) {
    cx.reply(to, Status::Ok, Payload::of(response));
}

/// Replies once [`UNKNOWN_AFTER`] has passed since the message.
pub(super) fn reply_late<C: Channel>(
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    status: Status,
    response: Payload,
) {
    let rest = tokio::time::sleep(rest_of(to.at));
    cx.spawn(to.subscriber, rest, move |_, cx, ()| cx.reply(&to, status, response));
}

/// A read that takes at least [`UNKNOWN_AFTER`], counted from `asked`.
pub(super) async fn read_late<T>(asked: Instant, read: impl Future<Output = T>) -> T {
    let found = read.await;
    tokio::time::sleep(rest_of(asked)).await;
    found
}

/// The rest of [`UNKNOWN_AFTER`], counted from `asked`.
pub(super) fn rest_of(asked: Instant) -> Duration {
    UNKNOWN_AFTER.saturating_sub(asked.elapsed())
}

/// Replies with an error.
pub(super) fn fail<C: Channel>(cx: &Context<'_, C>, to: &ReplyTo, refusal: &Refusal) {
    cx.reply(to, Status::Error, Payload::of(refusal));
}

/// The refusal that a client gets for a command that was not carried out.
pub(super) fn of_command(error: CommandError) -> Refusal {
    match error {
        CommandError::Refused(refusal) => refusal,
        CommandError::Store(error) => of_store(error),
    }
}

/// The refusal that a client gets when the store fails.
pub(super) fn of_store(error: StoreError) -> Refusal {
    let reason = match error {
        StoreError::Full => Reason::StorageFull,
        StoreError::Overloaded => Reason::Overloaded,
        _ => Reason::Unavailable,
    };
    reason.retry_after(u32::try_from(error.retry_after().as_millis()).unwrap_or(u32::MAX))
}

/// Refuses a message at once, and counts the refusal.
pub(super) fn refuse(services: &Services, refusal: &Refusal) -> Handled {
    services.metrics.refused(refusal);
    Handled::error(Payload::of(refusal))
}
