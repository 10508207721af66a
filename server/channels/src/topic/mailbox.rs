//! What waits for a topic actor: joins, messages and leaves of its subscribers, and calls from
//! outside, in the order in which they came.
//!
//! This is the actor's mailbox, in place of the one that every actix actor has. That one boxes each
//! message twice, and counts it three times. The actor reads it as a future of its own context, so
//! that whatever the context waits for holds the messages back, too.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use actix::{AsyncContext as _, fut::ActorFuture};

use super::{Input, Join, Leave, Overloaded, TopicActor, resting::Resting};
use crate::channel::{Channel, Continue};

/// Something that waits for a topic actor.
pub(super) enum Mail<C: Channel> {
    /// A connection asks to join.
    Join(Box<Join<C::ConnectAssigns>>),
    /// A subscriber's message.
    Input(Input),
    /// A join ends from the connection's side.
    Leave(Leave),
    /// Subscribers that rested wake.
    Woken(Resting<C>),
    /// A call from outside the topic.
    Call(Continue<C>),
}

/// What waits for one actor. See the [module](self).
pub(super) struct Mailbox<C: Channel>(Mutex<Queue<C>>);

struct Queue<C: Channel> {
    /// The first that waits. Most often it is the only one, and there is no table.
    first: Option<Mail<C>>,
    others: VecDeque<Mail<C>>,
    /// The actor's task.
    reader: Option<Waker>,
    /// Whether the actor has ended.
    is_closed: bool,
}

impl<C: Channel> Mailbox<C> {
    pub(super) fn new() -> Arc<Self> {
        let (first, others, reader, is_closed) = (None, VecDeque::new(), None, false);
        Arc::new(Self(Mutex::new(Queue { first, others, reader, is_closed })))
    }

    /// Adds one, unless so many wait already, or the actor has ended with its thread.
    ///
    /// Call this only while the topic's lock is held, at least shared: whoever holds it exclusively
    /// can then rely on [`Mailbox::is_empty`].
    pub(super) fn push(&self, mail: Mail<C>, most: usize) -> Result<(), Overloaded> {
        let mut queue = self.lock();
        if queue.is_closed || queue.len() >= most {
            return Err(Overloaded);
        }
        if queue.is_empty() {
            queue.first = Some(mail);
            if let Some(reader) = &queue.reader {
                reader.wake_by_ref();
            }
        } else {
            queue.others.push_back(mail);
        }
        Ok(())
    }

    /// Adds one that must not be lost and is bounded by other means.
    pub(super) fn push_past_bound(&self, mail: Mail<C>) {
        // Where the actor has ended with its thread, nobody is left to miss it.
        let _ = self.push(mail, usize::MAX);
    }

    /// Whether nothing waits. What the actor handles just now does not.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes the first out; if there is none, the next one will wake the task.
    fn take(&self, cx: &mut Context<'_>) -> Option<Mail<C>> {
        let mut queue = self.lock();
        let mail = queue.take();
        if mail.is_none() && !queue.reader.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            queue.reader = Some(cx.waker().clone());
        }
        mail
    }

    fn close(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        let left = (queue.first.take(), std::mem::take(&mut queue.others));
        // Dropping mail may run an application's code.
        drop(queue);
        drop(left);
    }

    /// A panic while the lock was held leaves a consistent queue: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Queue<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Channel> Queue<C> {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }

    fn take(&mut self) -> Option<Mail<C>> {
        if self.first.is_some() {
            return self.first.take();
        }
        let mail = self.others.pop_front();
        if self.others.is_empty() && self.others.capacity() > 0 {
            self.others = VecDeque::new();
        }
        mail
    }
}

/// The actor's reading of its mailbox, which is closed when the actor ends.
pub(super) struct Reading<C: Channel>(pub(super) Arc<Mailbox<C>>);

impl<C: Channel> ActorFuture<TopicActor<C>> for Reading<C> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut TopicActor<C>,
        ctx: &mut actix::Context<TopicActor<C>>,
        task: &mut Context<'_>,
    ) -> Poll<()> {
        while !ctx.waiting()
            && let Some(mail) = self.0.take(task)
        {
            actor.open(mail, ctx);
        }
        Poll::Pending
    }
}

impl<C: Channel> Drop for Reading<C> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use vestibule_phoenix::{
        message::{Payload, Term},
        socket::JoinId,
    };

    use super::*;
    use crate::channel::{HandleResult, Incoming, JoinResult, SubscriberId};

    struct Silent;

    impl Channel for Silent {
        type ConnectAssigns = ();
        type Assigns = ();

        fn join(&mut self, _: &mut crate::Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinResult<()> {
            Err(Payload::empty().into())
        }

        fn handle_in(&mut self, _: &mut crate::Context<'_, Self>, _: Incoming) -> HandleResult {
            Err(Payload::empty().into())
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn mail(number: u64) -> Mail<Silent> {
        let who = SubscriberId { connection: number, join: JoinId(0) };
        Mail::Leave(Leave::Asked { who, reference: Term::Null })
    }

    /// The numbers of all queue, as they are taken out.
    fn take_all(mailbox: &Mailbox<Silent>, count: &Arc<Wakes>) -> Vec<u64> {
        let waker = Arc::clone(count).into();
        let mut cx = Context::from_waker(&waker);
        let number = |mail| match mail {
            Mail::Leave(leave) => leave.who().connection,
            _ => unreachable!(),
        };
        std::iter::from_fn(|| mailbox.take(&mut cx)).map(number).collect()
    }

    #[test]
    fn letters_keep_their_order_and_wake_once() {
        let (mailbox, count) = (Mailbox::new(), Arc::<Wakes>::default());
        assert!(take_all(&mailbox, &count).is_empty());
        for burst in [1, 5, 1] {
            for number in 0..burst {
                assert_eq!(mailbox.push(mail(number), 10), Ok(()));
            }
            assert_eq!(count.0.swap(0, Ordering::Relaxed), 1, "a burst wakes once");
            assert!(!mailbox.is_empty());
            assert_eq!(take_all(&mailbox, &count), (0..burst).collect::<Vec<_>>());
            assert!(mailbox.is_empty());
        }
        assert_eq!(mailbox.lock().others.capacity(), 0, "a burst leaves no table behind");
    }

    #[test]
    fn what_comes_between_two_takes_comes_last() {
        let (mailbox, count) = (Mailbox::new(), Arc::<Wakes>::default());
        let waker = Arc::clone(&count).into();
        mailbox.push(mail(0), 10).unwrap();
        mailbox.push(mail(1), 10).unwrap();
        assert!(mailbox.take(&mut Context::from_waker(&waker)).is_some());
        mailbox.push(mail(2), 10).unwrap();
        assert_eq!(take_all(&mailbox, &count), [1, 2]);
    }

    #[test]
    fn the_bound_is_exact_and_can_be_passed() {
        let mailbox = Mailbox::new();
        let taken = (0..10).take_while(|number| mailbox.push(mail(*number), 3).is_ok());
        assert_eq!(taken.count(), 3);
        mailbox.push_past_bound(mail(3));
        assert_eq!(take_all(&mailbox, &Arc::default()), [0, 1, 2, 3]);
    }

    #[test]
    fn nothing_waits_for_an_actor_that_has_ended() {
        let mailbox = Mailbox::new();
        mailbox.push(mail(0), 3).unwrap();
        drop(Reading(Arc::clone(&mailbox)));
        assert!(mailbox.is_empty());
        assert_eq!(mailbox.push(mail(1), 3), Err(Overloaded));
        mailbox.push_past_bound(mail(2));
        assert!(mailbox.is_empty());
    }

    /// Each topic with an actor keeps one.
    #[test]
    fn an_inbox_is_small() {
        assert_eq!(size_of::<Mailbox<Silent>>(), 224);
    }
}
