//! Answers that take time: from the store's writer, or from its readers.

use std::future::Future;

use serde::Serialize;
use vestibule_protocol::{
    approve::refusal::Refusal,
    message::{Payload, Status},
};

use super::{Flow, events};
use crate::{
    channel::{Channel, Context, Next, ReplyTo},
    store::{Committed, Submission},
};

/// Hands a command to the store. Once it is durable its sender is answered, and then `then` tells everybody else.
pub(super) fn carry_out<C: Channel>(
    flow: &Flow,
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    submission: Submission,
    then: impl FnOnce(&mut C, &mut Context<'_, C>, &Committed) + Send + 'static,
) -> Next {
    let resume = cx.resume_later(to.member);
    let done = move |result: Result<Committed, Refusal>| {
        resume.run(move |channel, cx| match result {
            Ok(committed) => {
                cx.reply(&to, Status::Ok, events::answer(&committed));
                then(channel, cx, &committed);
            }
            Err(refusal) => cx.reply(&to, Status::Error, Payload::of(&refusal)),
        });
    };
    flow.store.submit(submission, Box::new(done));
    Next::NoReply
}

/// Reads, and hands what was found to `found`, which answers with [`ok`]; a read that fails is answered here.
pub(super) fn look_up<C: Channel, T: Send + 'static>(
    cx: &mut Context<'_, C>,
    to: ReplyTo,
    read: impl Future<Output = Result<T, Refusal>> + 'static,
    found: impl FnOnce(&mut C, &mut Context<'_, C>, &ReplyTo, T) + Send + 'static,
) -> Next {
    cx.spawn(to.member, read, move |channel, cx, result| match result {
        Ok(value) => found(channel, cx, &to, value),
        Err(refusal) => cx.reply(&to, Status::Error, Payload::of(&refusal)),
    });
    Next::NoReply
}

/// Answers ok.
pub(super) fn ok<C: Channel>(cx: &Context<'_, C>, to: &ReplyTo, response: &impl Serialize) {
    cx.reply(to, Status::Ok, Payload::of(response));
}
