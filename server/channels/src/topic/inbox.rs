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
pub(super) enum Letter<C: Channel> {
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
pub(super) struct Inbox<C: Channel>(Mutex<Letters<C>>);

struct Letters<C: Channel> {
    /// The first that waits. Most often it is the only one, and there is no table.
    first: Option<Letter<C>>,
    others: VecDeque<Letter<C>>,
    /// The actor's task.
    reader: Option<Waker>,
    /// Whether the actor has ended.
    is_closed: bool,
}

impl<C: Channel> Inbox<C> {
    pub(super) fn new() -> Arc<Self> {
        let (first, others, reader, is_closed) = (None, VecDeque::new(), None, false);
        Arc::new(Self(Mutex::new(Letters { first, others, reader, is_closed })))
    }

    /// Adds a letter, unless so many wait already, or the actor has ended with its thread.
    ///
    /// Call this only while the topic's lock is held, at least shared: whoever holds it exclusively
    /// can then rely on [`Inbox::is_empty`].
    pub(super) fn push(&self, letter: Letter<C>, most: usize) -> Result<(), Overloaded> {
        let mut letters = self.lock();
        if letters.is_closed || letters.len() >= most {
            return Err(Overloaded);
        }
        if letters.is_empty() {
            letters.first = Some(letter);
            if let Some(reader) = &letters.reader {
                reader.wake_by_ref();
            }
        } else {
            letters.others.push_back(letter);
        }
        Ok(())
    }

    /// Adds a letter that must not be lost and is bounded by other means.
    pub(super) fn push_past_bound(&self, letter: Letter<C>) {
        // Where the actor has ended with its thread, nobody is left to miss it.
        let _ = self.push(letter, usize::MAX);
    }

    /// Whether nothing waits. What the actor handles just now does not.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes the first letter out; if there is none, the next one will wake the task.
    fn take(&self, cx: &mut Context<'_>) -> Option<Letter<C>> {
        let mut letters = self.lock();
        let letter = letters.take();
        if letter.is_none() && !letters.reader.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            letters.reader = Some(cx.waker().clone());
        }
        letter
    }

    fn close(&self) {
        let mut letters = self.lock();
        letters.is_closed = true;
        let left = (letters.first.take(), std::mem::take(&mut letters.others));
        // Dropping a letter may run an application's code.
        drop(letters);
        drop(left);
    }

    /// A panic while the lock was held leaves consistent letters: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Letters<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Channel> Letters<C> {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }

    fn take(&mut self) -> Option<Letter<C>> {
        if self.first.is_some() {
            return self.first.take();
        }
        let letter = self.others.pop_front();
        if self.others.is_empty() && self.others.capacity() > 0 {
            self.others = VecDeque::new();
        }
        letter
    }
}

/// The actor's reading of its inbox, which is closed when the actor ends.
pub(super) struct Reading<C: Channel>(pub(super) Arc<Inbox<C>>);

impl<C: Channel> ActorFuture<TopicActor<C>> for Reading<C> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut TopicActor<C>,
        ctx: &mut actix::Context<TopicActor<C>>,
        task: &mut Context<'_>,
    ) -> Poll<()> {
        while !ctx.waiting()
            && let Some(letter) = self.0.take(task)
        {
            actor.open(letter, ctx);
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

    fn letter(number: u64) -> Letter<Silent> {
        let who = SubscriberId { connection: number, join: JoinId(0) };
        Letter::Leave(Leave::Asked { who, reference: Term::Null })
    }

    /// The numbers of all letters, as they are taken out.
    fn take_all(inbox: &Inbox<Silent>, count: &Arc<Wakes>) -> Vec<u64> {
        let waker = Arc::clone(count).into();
        let mut cx = Context::from_waker(&waker);
        let number = |letter| match letter {
            Letter::Leave(leave) => leave.who().connection,
            _ => unreachable!(),
        };
        std::iter::from_fn(|| inbox.take(&mut cx)).map(number).collect()
    }

    #[test]
    fn letters_keep_their_order_and_wake_once() {
        let (inbox, count) = (Inbox::new(), Arc::<Wakes>::default());
        assert!(take_all(&inbox, &count).is_empty());
        for burst in [1, 5, 1] {
            for number in 0..burst {
                assert_eq!(inbox.push(letter(number), 10), Ok(()));
            }
            assert_eq!(count.0.swap(0, Ordering::Relaxed), 1, "a burst wakes once");
            assert!(!inbox.is_empty());
            assert_eq!(take_all(&inbox, &count), (0..burst).collect::<Vec<_>>());
            assert!(inbox.is_empty());
        }
        assert_eq!(inbox.lock().others.capacity(), 0, "a burst leaves no table behind");
    }

    #[test]
    fn what_comes_between_two_takes_comes_last() {
        let (inbox, count) = (Inbox::new(), Arc::<Wakes>::default());
        let waker = Arc::clone(&count).into();
        inbox.push(letter(0), 10).unwrap();
        inbox.push(letter(1), 10).unwrap();
        assert!(inbox.take(&mut Context::from_waker(&waker)).is_some());
        inbox.push(letter(2), 10).unwrap();
        assert_eq!(take_all(&inbox, &count), [1, 2]);
    }

    #[test]
    fn the_bound_is_exact_and_can_be_passed() {
        let inbox = Inbox::new();
        let taken = (0..10).take_while(|number| inbox.push(letter(*number), 3).is_ok());
        assert_eq!(taken.count(), 3);
        inbox.push_past_bound(letter(3));
        assert_eq!(take_all(&inbox, &Arc::default()), [0, 1, 2, 3]);
    }

    #[test]
    fn nothing_waits_for_an_actor_that_has_ended() {
        let inbox = Inbox::new();
        inbox.push(letter(0), 3).unwrap();
        drop(Reading(Arc::clone(&inbox)));
        assert!(inbox.is_empty());
        assert_eq!(inbox.push(letter(1), 3), Err(Overloaded));
        inbox.push_past_bound(letter(2));
        assert!(inbox.is_empty());
    }

    /// Each topic with an actor keeps one.
    #[test]
    fn an_inbox_is_small() {
        assert_eq!(size_of::<Inbox<Silent>>(), 224);
    }
}
