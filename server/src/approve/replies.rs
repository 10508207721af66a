//! Answers that take time: from the store's writer, or from its readers.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use vestibule_approve::refusal::{Reason, Refusal};
use vestibule_channels::channel::{Channel, Context, HandleResult, ReplyTo};
use vestibule_phoenix::message::{Payload, Status};
use vestibule_store::{CommandError, Committed, Page, StoreError, Submission};

use super::{
    Flow,
    events::{self, Items},
};

/// When it is said that there is no room to show, counted from the question: secret rooms and unknown ones are looked up in
/// slightly different times, and nobody is to measure which it was.
pub(super) const UNKNOWN_AFTER: Duration = Duration::from_millis(50);

/// How soon an answer may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameRateLimit {
    /// As soon as it is there; but that a room is unknown is said [late](UNKNOWN_AFTER) to everybody.
    Prompt,
    /// [Late](UNKNOWN_AFTER), but for what has an effect: who asks is shown no room.
    Even,
}

/// Hands a command to the store. Once it is durable its sender is answered, and then `then` tells everybody else.
pub(super) fn carry_out<C: Channel>(
    flow: &Arc<Flow>,
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    pace: FrameRateLimit,
    submission: Submission,
    then: impl FnOnce(&mut C, &mut Context<'_, C>, &Committed) + Send + 'static,
) -> HandleResult {
    let (resume, told) = (cx.resume_later(to.member), Arc::clone(flow));
    let done = move |result: Result<Committed, CommandError>| {
        resume.run(move |channel, cx| match result.map_err(of_command) {
            Ok(committed) if pace == FrameRateLimit::Even && committed.decision.change.is_none() => {
                then(channel, cx, &committed);
                answer_late(cx, to, Status::Ok, events::answer(&committed));
            }
            Ok(committed) => {
                vestibule_store::failpoint::pass("before_reply");
                cx.reply(&to, Status::Ok, events::answer(&committed));
                vestibule_store::failpoint::pass("after_reply");
                then(channel, cx, &committed);
            }
            Err(refusal) => {
                told.metrics.refused(&refusal);
                if pace == FrameRateLimit::Even || refusal.reason == Reason::UnknownRoom {
                    answer_late(cx, to, Status::Error, Payload::of(&refusal));
                } else {
                    fail(cx, &to, &refusal);
                }
            }
        });
    };
    flow.store.submit(submission, Box::new(done));
    HandleResult::NoReply
}

/// Reads, and hands what was found to `found`, which answers with [`ok`]; a read that fails is answered here.
///
/// The sender's next message waits for it: a page can be thousands of times as long as its question, so nobody has two of them
/// under way in one join.
pub(super) fn look_up<C: Channel, T: Send + 'static>(
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    read: impl Future<Output = Result<T, StoreError>> + 'static,
    found: impl FnOnce(&mut C, &mut Context<'_, C>, &ReplyTo, T) + Send + 'static,
) -> HandleResult {
    cx.spawn(to.member, read, move |channel, cx, result| {
        match result {
            Ok(value) => found(channel, cx, &to, value),
            Err(error) => fail(cx, &to, &of_store(error)),
        }
        cx.proceed(to.member, HandleResult::NoReply);
    });
    HandleResult::Wait
}

/// Answers with a page of a list.
pub(super) fn list<C: Channel, T: Serialize + Send + 'static>(
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    read: impl Future<Output = Result<Page<T>, StoreError>> + 'static,
) -> HandleResult {
    look_up(cx, to, read, |_, cx, to, page| ok(cx, to, &Items { items: page.items, cursor: page.next }))
}

/// Answers ok.
pub(super) fn ok<C: Channel>(cx: &Context<'_, C>, to: &ReplyTo, response: &impl Serialize) {
    cx.reply(to, Status::Ok, Payload::of(response));
}

/// Answers once [`UNKNOWN_AFTER`] is over.
pub(super) fn answer_late<C: Channel>(
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    status: Status,
    response: Payload,
) {
    let rest = tokio::time::sleep(rest_of(to.at));
    cx.spawn(to.member, rest, move |_, cx, ()| cx.reply(&to, status, response));
}

/// A read that takes no less than [`UNKNOWN_AFTER`], from when it was asked for.
pub(super) async fn read_late<T>(asked: Instant, read: impl Future<Output = T>) -> T {
    let found = read.await;
    tokio::time::sleep(rest_of(asked)).await;
    found
}

/// How much of [`UNKNOWN_AFTER`] is left.
pub(super) fn rest_of(asked: Instant) -> Duration {
    UNKNOWN_AFTER.saturating_sub(asked.elapsed())
}

/// The refusal that a client is told when a command was not carried out.
pub(super) fn of_command(error: CommandError) -> Refusal {
    match error {
        CommandError::Refused(refusal) => refusal,
        CommandError::Store(error) => of_store(error),
    }
}

/// The refusal that a client is told when the store failed.
pub(super) fn of_store(error: StoreError) -> Refusal {
    let reason = match error {
        StoreError::Full => Reason::StorageFull,
        StoreError::Overloaded => Reason::Overloaded,
        _ => Reason::Unavailable,
    };
    reason.retry_after(u32::try_from(error.retry_after().as_millis()).unwrap_or(u32::MAX))
}

/// Answers with an error.
pub(super) fn fail<C: Channel>(cx: &Context<'_, C>, to: &ReplyTo, refusal: &Refusal) {
    cx.reply(to, Status::Error, Payload::of(refusal));
}
