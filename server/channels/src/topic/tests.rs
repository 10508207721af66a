//! Topics that rest: their subscribers are kept, and nothing is lost on the way.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::{Duration, Instant};

use actix::Arbiter;
use bytestring::ByteString;
use tokio::{sync::oneshot, task::yield_now, time::sleep};
use vestibule_phoenix::{
    message::{Payload, Term},
    serializer::Serializer,
    socket::JoinId,
};

use super::{ByteBudget, Input, Join, JoinRefusal, Leave, Overloaded, TopicHandle, TopicRegistry};
use crate::{
    channel::{
        Call, Channel, Client, Context, HandleResult, Handled, Incoming, JoinReply, JoinResult, SubscriberId,
        Transport,
    },
    outbox::{Form, Outbox, OutboxLimits},
};

const MAILBOX: usize = 256;

/// What the channels of a test have seen.
#[derive(Debug, Default)]
struct Seen {
    made: AtomicUsize,
    messages: AtomicUsize,
    told: AtomicUsize,
    /// Has a clone for each subscriber that a channel knows, or that is kept for one.
    known: Arc<()>,
}

/// A channel that may rest as long as nobody has said `stay`.
struct Sleepy {
    seen: Arc<Seen>,
    known: Vec<(SubscriberId, Arc<()>)>,
    stays: bool,
    restless: Option<SubscriberId>,
}

impl Channel for Sleepy {
    type ConnectAssigns = ();
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, who: SubscriberId, _: &Payload) -> JoinResult<()> {
        self.known.push((who, Arc::clone(&self.seen.known)));
        Ok(JoinReply::empty(()))
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        assert!(
            self.known.iter().any(|(who, _)| *who == message.from),
            "a channel knows whom it is called for"
        );
        self.seen.messages.fetch_add(1, Ordering::SeqCst);
        match &*message.event {
            "stay" => self.stays = true,
            "fidget" => self.restless = Some(message.from),
            "calm" => self.restless = None,
            "count" => return Ok(Handled::ok(Payload::of(&self.known.len()))),
            "later" => {
                let to = message.reply_to();
                cx.spawn(to.subscriber, sleep(Duration::from_millis(1)), move |_, cx, ()| {
                    cx.reply(&to, vestibule_phoenix::message::Status::Ok, Payload::empty());
                });
                return Ok(Handled::NoReply);
            }
            "wait" => {
                cx.spawn(message.from, sleep(Duration::from_millis(1)), move |_, cx, ()| {
                    cx.proceed(message.from, Handled::empty());
                });
                return Ok(Handled::Wait);
            }
            _ => {}
        }
        Ok(Handled::empty())
    }

    fn left(&mut self, _: &mut Context<'_, Self>, who: SubscriberId) {
        self.known.retain(|(known, _)| *known != who);
    }

    fn may_rest(&self) -> bool {
        !self.stays
    }

    fn is_quiet(&self, who: SubscriberId) -> bool {
        self.restless != Some(who)
    }

    fn rest(&mut self, who: SubscriberId) -> Call<Self> {
        let place = self.known.iter().position(|(known, _)| *known == who).expect("a known subscriber");
        let known = self.known.remove(place);
        Box::new(move |channel, _| channel.known.push(known))
    }
}

fn sleepy(seen: &Arc<Seen>) -> Arc<TopicRegistry<Sleepy>> {
    let seen = Arc::clone(seen);
    let make = move |_: &ByteString| {
        seen.made.fetch_add(1, Ordering::SeqCst);
        Sleepy { seen: Arc::clone(&seen), known: Vec::new(), stays: false, restless: None }
    };
    TopicRegistry::builder(make).mailbox(MAILBOX).build()
}

/// One client and its only join.
struct Visit {
    who: SubscriberId,
    handle: Box<dyn TopicHandle>,
    outbox: Outbox,
}

impl Visit {
    async fn new(topics: &Arc<TopicRegistry<Sleepy>>, topic: &ByteString, connection: u64) -> Self {
        Self::replacing(topics, topic, connection, None).await.expect("it is let in")
    }

    async fn replacing(
        topics: &Arc<TopicRegistry<Sleepy>>,
        topic: &ByteString,
        connection: u64,
        replaces: Option<SubscriberId>,
    ) -> Option<Self> {
        let join = JoinId(replaces.map_or(0, |old| old.join.0 + 1));
        let who = SubscriberId { connection, join };
        let (decision, decided) = oneshot::channel();
        let client = Client::new(connection, None, Transport::WebSocket, ());
        let limits = OutboxLimits { frames: 10_000, bytes: 10_000_000 };
        let outbox = Outbox::new(Serializer::V2, Form::Any, limits, Arc::default());
        let join = Join {
            who,
            client: Arc::new(client),
            outbox: outbox.clone(),
            join_ref: Term::Null,
            reference: Term::Null,
            params: Payload::empty(),
            replaces,
            is_replaced: Arc::default(),
            decision,
        };
        let handle = topics.try_join(topic, join).expect("a place in the mailbox");
        decided.await.unwrap_or(false).then_some(Self { who, handle, outbox })
    }

    fn say(&self, event: &str) -> Result<(), Overloaded> {
        let (event, payload) = (event.into(), Payload::empty());
        let reserved = ByteBudget::new(usize::MAX).reserve(0).unwrap();
        let (from, reference, at) = (self.who, Term::Null, Instant::now());
        self.handle.input(Input(Incoming { from, event, payload, reference, at }, reserved))
    }

    /// The frames that have come, as text.
    fn heard(&self) -> Vec<String> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut frames = Vec::new();
        while let std::task::Poll::Ready(Some(frame)) = self.outbox.poll_next(&mut cx) {
            frames.push(String::from_utf8_lossy(frame.text().unwrap_or_default()).into_owned());
        }
        frames
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        yield_now().await;
    }
}

async fn until_at_rest(topics: &Arc<TopicRegistry<Sleepy>>) {
    until("the topic rests", || topics.count() == 0).await;
}

#[actix_web::test]
async fn a_topic_rests_between_its_subscribers_messages() {
    let seen = Arc::<Seen>::default();
    let topics = sleepy(&seen);
    let topic = ByteString::from_static("room:a");
    let (one, two) = (Visit::new(&topics, &topic, 1).await, Visit::new(&topics, &topic, 2).await);
    until_at_rest(&topics).await;
    assert_eq!(Arc::strong_count(&seen.known), 3, "both are kept");
    one.heard();
    for event in ["count", "later", "wait"] {
        one.say(event).unwrap();
        until("an answer", || seen.messages.load(Ordering::SeqCst) > 0).await;
        until_at_rest(&topics).await;
        let heard = one.heard();
        assert_eq!(heard.len(), 1, "{event}: {heard:?}");
        assert!(event != "count" || heard[0].contains("\"response\":1"), "the other sleeps on: {heard:?}");
    }
    assert!(seen.made.load(Ordering::SeqCst) >= 4, "a channel for each time");
    // Gone at rest: no room starts for that.
    let made = seen.made.load(Ordering::SeqCst);
    one.handle.gone(one.who);
    assert_eq!((Arc::strong_count(&seen.known), seen.made.load(Ordering::SeqCst)), (2, made));
    two.handle.leave(Leave::Asked { who: two.who, reference: Term::Null }).unwrap();
    until("nobody is left", || Arc::strong_count(&seen.known) == 1).await;
    until_at_rest(&topics).await;
    assert!(two.heard().iter().any(|frame| frame.contains("phx_close")));
    assert_eq!(topics.count_with_subscribers(), 0);
    // Of a join that is over nothing is heard, and nothing starts.
    let made = seen.made.load(Ordering::SeqCst);
    one.say("count").unwrap();
    one.handle.gone(one.who);
    assert_eq!(seen.made.load(Ordering::SeqCst), made);
    assert_eq!(one.heard(), [""; 0]);
}

#[actix_web::test]
async fn a_call_from_outside_wakes_all_subscribers() {
    let seen = Arc::<Seen>::default();
    let topics = sleepy(&seen);
    let topic = ByteString::from_static("room:a");
    let mut visits = Vec::new();
    for connection in 0..5 {
        visits.push(Visit::new(&topics, &topic, connection).await);
    }
    until_at_rest(&topics).await;
    let told = Arc::clone(&seen);
    assert!(topics.call("room:a", move |channel, cx| {
        told.told.store(channel.known.len(), Ordering::SeqCst);
        cx.broadcast("news", Payload::empty());
    }));
    until_at_rest(&topics).await;
    assert_eq!(seen.told.load(Ordering::SeqCst), 5);
    for visit in &visits {
        assert!(visit.heard().iter().any(|frame| frame.contains("news")));
    }
    // A subscriber that must not rest: the others are woken before anything else is handled.
    visits[0].say("stay").unwrap();
    visits[0].say("count").unwrap();
    until("both messages", || seen.messages.load(Ordering::SeqCst) == 2).await;
    visits[0].say("count").unwrap();
    until("an answer", || seen.messages.load(Ordering::SeqCst) == 3).await;
    assert!(visits[0].heard().last().is_some_and(|frame| frame.contains("\"response\":5")));
    assert_eq!(topics.count(), 1);
    for visit in &visits {
        visit.handle.gone(visit.who);
    }
    until_at_rest(&topics).await;
    assert_eq!(Arc::strong_count(&seen.known), 1);
}

#[actix_web::test]
async fn a_busy_subscriber_does_not_wake_the_others() {
    let seen = Arc::<Seen>::default();
    let topics = sleepy(&seen);
    let topic = ByteString::from_static("room:a");
    let mut visits = Vec::new();
    for connection in 0..3 {
        visits.push(Visit::new(&topics, &topic, connection).await);
        until_at_rest(&topics).await;
    }
    visits[0].say("fidget").unwrap();
    visits[0].say("count").unwrap();
    until("both messages", || seen.messages.load(Ordering::SeqCst) == 2).await;
    assert_eq!(topics.count(), 1);
    // Another one comes, and wakes nobody either.
    visits.push(Visit::new(&topics, &topic, 3).await);
    visits[0].say("count").unwrap();
    visits[0].say("calm").unwrap();
    until_at_rest(&topics).await;
    let counts: Vec<String> =
        visits[0].heard().into_iter().filter(|frame| frame.contains("\"response\":")).collect();
    assert!(counts.iter().any(|frame| frame.contains("\"response\":1")), "{counts:?}");
    assert!(counts.iter().any(|frame| frame.contains("\"response\":2")), "{counts:?}");
    assert!(!counts.iter().any(|frame| frame.contains("\"response\":3")), "{counts:?}");
}

#[actix_web::test]
async fn a_new_join_ends_the_resting_one() {
    let seen = Arc::<Seen>::default();
    let topics = sleepy(&seen);
    let topic = ByteString::from_static("room:a");
    let first = Visit::new(&topics, &topic, 1).await;
    until_at_rest(&topics).await;
    let second = Visit::replacing(&topics, &topic, 1, Some(first.who)).await.unwrap();
    until_at_rest(&topics).await;
    assert!(first.heard().iter().any(|frame| frame.contains("phx_close")));
    assert_eq!(Arc::strong_count(&seen.known), 2);
    second.handle.gone(second.who);
    assert_eq!(Arc::strong_count(&seen.known), 1);
}

/// Comes, talks and goes, one way or the other. Says how many messages were taken, and how many
/// were answered.
async fn talk(topics: &Arc<TopicRegistry<Sleepy>>, topic: &ByteString, connection: u64) -> (usize, usize) {
    let visit = Visit::new(topics, topic, connection).await;
    visit.heard();
    let mut sent = 0;
    for turn in 0..20 {
        sent += usize::from(visit.say(["count", "later", "wait"][turn % 3]).is_ok());
        if turn % 4 == 0 {
            yield_now().await;
        }
    }
    let mut heard = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    while heard < sent && Instant::now() < deadline {
        heard += visit.heard().len();
        yield_now().await;
    }
    let leave = || visit.handle.leave(Leave::Asked { who: visit.who, reference: Term::Null });
    if connection.is_multiple_of(2) {
        visit.handle.gone(visit.who);
    } else {
        while leave().is_err() {
            yield_now().await;
        }
    }
    (sent, heard)
}

/// Members on several threads talk, leave and go away while the room rests and wakes: each message
/// is answered once or refused, and nobody stays behind.
#[actix_web::test]
async fn nothing_is_lost_between_rest_and_waking() {
    const THREADS: u64 = 4;
    const VISITS: u64 = 10;
    let seen = Arc::<Seen>::default();
    let topics = sleepy(&seen);
    let topic = ByteString::from_static("room:a");
    let (done, mut are_done) = tokio::sync::mpsc::unbounded_channel();
    let arbiters: Vec<Arbiter> = (0..THREADS).map(|_| Arbiter::new()).collect();
    for (arbiter, thread) in arbiters.iter().zip(0..) {
        let (topics, topic, done) = (Arc::clone(&topics), topic.clone(), done.clone());
        arbiter.spawn_fn(move || {
            actix::spawn(async move {
                let mut tally = (0, 0);
                for visit in 0..VISITS {
                    let (sent, heard) = talk(&topics, &topic, thread * VISITS + visit).await;
                    tally = (tally.0 + sent, tally.1 + heard);
                }
                done.send(tally).unwrap();
            });
        });
    }
    drop(done);
    for _ in 0..THREADS {
        let (sent, heard) = are_done.recv().await.expect("a thread that comes to its end");
        assert_eq!(sent, heard, "each message is answered");
    }
    until("nobody is left", || Arc::strong_count(&seen.known) == 1).await;
    until_at_rest(&topics).await;
    assert_eq!(topics.count_with_subscribers(), 0);
    for arbiter in &arbiters {
        arbiter.stop();
    }
}

#[actix_web::test]
async fn no_actor_starts_for_an_unauthorized_join() {
    let seen = Arc::<Seen>::default();
    let (make, delay) = (Arc::clone(&seen), Duration::from_millis(20));
    let make = move |_: &ByteString| {
        make.made.fetch_add(1, Ordering::SeqCst);
        Sleepy { seen: Arc::clone(&make), known: Vec::new(), stays: true, restless: None }
    };
    let authorize = move |topic: &str, _: &Client<()>, _: &Payload| match topic {
        "room:good" => Ok(()),
        "room:slow" => Err(JoinRefusal { response: Payload::empty(), delay }),
        _ => Err(JoinRefusal::now(Payload::empty())),
    };
    let topics = TopicRegistry::builder(make).authorize(authorize).build();
    for (topic, least) in [("room:bad", Duration::ZERO), ("room:slow", delay)] {
        let asked = Instant::now();
        assert!(Visit::replacing(&topics, &topic.into(), 1, None).await.is_none());
        assert!(asked.elapsed() >= least);
    }
    assert_eq!((seen.made.load(Ordering::SeqCst), topics.count_with_subscribers()), (0, 0));
    Visit::new(&topics, &"room:good".into(), 1).await;
    assert_eq!(seen.made.load(Ordering::SeqCst), 1);
}
