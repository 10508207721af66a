use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use vestibule_phoenix::{message::Term, serializer::Serializer, socket::JoinId};

use super::*;
use crate::{
    channel::{HandleResult, Handled, Incoming, JoinReply, JoinResult, Transport},
    outbox::{Form, Outbox, OutboxLimits},
    topic::ByteBudget,
};

const MAILBOX: usize = 8;

struct Quiet;

impl Channel for Quiet {
    type ConnectAssigns = ();
    type Assigns = ();

    fn join(&mut self, _: &mut Context<'_, Self>, _: SubscriberId, _: &Payload) -> JoinResult<()> {
        Ok(JoinReply::empty(()))
    }

    fn handle_in(&mut self, _: &mut Context<'_, Self>, _: Incoming) -> HandleResult {
        Ok(Handled::NoReply)
    }
}

fn join(who: SubscriberId) -> (Join<()>, oneshot::Receiver<bool>) {
    let (decision, decided) = oneshot::channel();
    let client = Client::new(who.connection, None, Transport::WebSocket, ());
    let limits = OutboxLimits { frames: 100, bytes: 10_000 };
    let outbox = Outbox::new(Serializer::V2, Form::Any, limits, Arc::default());
    let join = Join {
        who,
        client: Arc::new(client),
        outbox,
        join_ref: Term::Null,
        reference: Term::Null,
        params: Payload::empty(),
        replaces: None,
        is_replaced: Arc::default(),
        decision,
    };
    (join, decided)
}

fn input(who: SubscriberId) -> Input {
    let reserved = ByteBudget::new(usize::MAX).reserve(0).unwrap();
    let (payload, reference, at) = (Payload::empty(), Term::Null, Instant::now());
    Input(Incoming { from: who, event: "e".into(), payload, reference, at }, reserved)
}

async fn until_none_runs(topics: &TopicRegistry<Quiet>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while topics.count() > 0 {
        assert!(Instant::now() < deadline, "an actor runs for nobody");
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn an_actor_ends_despite_messages_after_the_last_leave() {
    let topics = TopicRegistry::builder(|_| Quiet).mailbox(MAILBOX).build();
    let topic = ByteString::from_static("room:a");
    for leave in [false, true] {
        let who = SubscriberId { connection: 1, join: JoinId(0) };
        let (request, decided) = join(who);
        let handle = topics.try_join(&topic, request).unwrap();
        assert_eq!(decided.await, Ok(true));
        handle.gone(who);
        if leave {
            handle.leave(Leave::Asked { who, reference: Term::Null }).unwrap();
        } else {
            handle.input(input(who)).unwrap();
        }
        until_none_runs(&topics).await;
    }
}

#[actix_web::test]
async fn a_full_mailbox_refuses_all_but_a_lost_connection() {
    let topics = TopicRegistry::builder(|_| Quiet).mailbox(MAILBOX).build();
    let topic = ByteString::from_static("room:a");
    let who = SubscriberId { connection: 1, join: JoinId(0) };
    let (request, decided) = join(who);
    let handle = topics.try_join(&topic, request).unwrap();
    assert_eq!(decided.await, Ok(true));

    // Nothing here waits, so the actor, on the same thread, cannot take anything out meanwhile.
    let taken = (0..10 * MAILBOX).take_while(|_| handle.input(input(who)).is_ok()).count();
    assert_eq!(taken, MAILBOX);
    assert_eq!(handle.leave(Leave::Asked { who, reference: Term::Null }), Err(Overloaded));

    // That a connection is gone is heard all the same.
    handle.gone(who);
    until_none_runs(&topics).await;
}

#[actix_web::test]
async fn a_topic_whose_thread_has_ended_refuses_all() {
    let topics = TopicRegistry::new(|_| Quiet);
    let topic = ByteString::from_static("room:a");
    let (there, thread) = (Arc::clone(&topics), actix::Arbiter::new());
    let who = |connection| SubscriberId { connection, join: JoinId(0) };
    let joined = oneshot::channel();
    thread.spawn_fn(move || {
        actix::spawn(async move {
            let (request, decided) = join(who(1));
            let _handle = there.try_join(&ByteString::from_static("room:a"), request).unwrap();
            joined.0.send(decided.await).unwrap();
        });
    });
    assert_eq!(joined.1.await.unwrap(), Ok(true));
    thread.stop();
    thread.join().unwrap();
    let (request, decided) = join(who(2));
    assert!(topics.try_join(&topic, request).is_err());
    assert!(decided.await.is_err(), "nobody waits for a decision");
}
