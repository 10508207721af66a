use std::{pin::pin, task::Waker};

use futures_util::FutureExt as _;
use vestibule_phoenix::message::{Broadcast, Reply, Term};

use super::*;

fn outbox(frames: usize, bytes: usize) -> Outbox {
    Outbox::new(Serializer::V2, Form::Any, OutboxLimits { frames, bytes }, Arc::default())
}

fn message() -> Encoded {
    Encoded::new(Broadcast { topic: "t".into(), event: "e".into(), payload: Payload::empty() }.into())
}

fn take(outbox: &Outbox) -> Poll<Option<Wire>> {
    outbox.poll_next(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn frames_come_out_in_order_and_shared() {
    let (one, two) = (outbox(2, 1000), outbox(2, 1000));
    let message = message();
    one.push(&message).unwrap();
    two.push(&message).unwrap();
    let (Poll::Ready(Some(first)), Poll::Ready(Some(second))) = (take(&one), take(&two)) else { panic!() };
    let (first, second) = (first.framed(), second.framed());
    assert_eq!(first, "\u{81}\u{16}[null,null,\"t\",\"e\",{}]".chars().map(|c| c as u8).collect::<Vec<_>>());
    assert_eq!(first.as_ptr(), second.as_ptr(), "encoded once");
    assert_eq!(take(&one), Poll::Pending);
}

#[test]
fn a_full_outbox_disconnects_the_slow_client() {
    let size = message().wire(Serializer::V2).unwrap().len();
    for full in [outbox(2, 1000), outbox(1000, 2 * size)] {
        full.push(&message()).unwrap();
        full.push(&message()).unwrap();
        assert!(!full.is_closing(), "exactly at the limit");
        full.push(&message()).unwrap();
        assert!(full.is_closing());
        let close = frame::close(1008, "slow consumer");
        assert_eq!(take(&full), Poll::Ready(Some(close)), "what waited is dropped");
        full.push(&message()).unwrap();
        assert_eq!(take(&full), Poll::Pending);
        full.finish();
        assert_eq!(take(&full), Poll::Ready(None));
    }
}

#[test]
fn a_woken_reader_runs_before_its_queue_is_full() {
    let size = message().wire(Serializer::V2).unwrap().len();
    for full in [outbox(2, 1000), outbox(1000, 2 * size)] {
        assert_eq!(take(&full), Poll::Pending, "it waits");
        let push = || full.push(&message()).unwrap().is_ahead;
        assert_eq!([push(), push(), push()], [false, false, true], "ahead of the woken reader");
        for _ in 3..2 * UNREAD {
            assert!(push());
        }
        assert!(!full.is_closing(), "exactly at the bound");
        let turn = pin!(full.turn());
        assert_eq!(turn.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        assert!(matches!(take(&full), Poll::Ready(Some(_))), "its turn, in which it takes a part");
        assert!(full.turn().now_or_never().is_some());
        assert!(!full.push(&message()).unwrap().is_ahead && full.is_closing(), "it had its chance");
    }
}

#[test]
fn being_ahead_of_a_reader_is_bounded() {
    let full = outbox(2, 1000);
    assert_eq!(take(&full), Poll::Pending);
    for _ in 0..2 * UNREAD {
        full.push(&message()).unwrap();
    }
    assert!(!full.is_closing());
    let mut turn = pin!(full.turn());
    assert_eq!(turn.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    full.push(&message()).unwrap();
    assert!(full.is_closing());
    assert!(matches!(take(&full), Poll::Ready(Some(_))));
    assert!(turn.now_or_never().is_some(), "whoever waits for the reader goes on");
}

#[test]
fn nobody_waits_for_a_gone_reader() {
    let full = outbox(2, 1000);
    let reading = full.reading();
    assert_eq!(take(&full), Poll::Pending);
    for _ in 0..3 {
        full.push(&message()).unwrap();
    }
    drop(reading);
    assert!(full.turn().now_or_never().is_some());
    full.push(&message()).unwrap();
    assert!(full.is_closing(), "what waits is a backlog again");
}

#[test]
fn a_waiting_reader_learns_of_the_end() {
    let outbox = outbox(10, 1000);
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    assert_eq!(outbox.poll_next(&mut Context::from_waker(&waker)), Poll::Pending);
    outbox.finish();
    assert!(flag.0.load(std::sync::atomic::Ordering::Relaxed), "woken");
}

/// Whether somebody was woken.
#[derive(Default)]
struct Flag(std::sync::atomic::AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_frame_alone_fits_however_large() {
    let outbox = outbox(10, 1);
    outbox.push(&message()).unwrap();
    assert!(!outbox.is_closing());
    assert_eq!(take(&outbox), Poll::Ready(message().wire(Serializer::V2).ok().cloned()));
    outbox.push(&message()).unwrap();
    outbox.push(&message()).unwrap();
    assert!(outbox.is_closing(), "two are a backlog");
}

#[test]
fn a_close_is_sent_once_after_waiting_frames() {
    let outbox = outbox(10, 1000);
    outbox.push(&message()).unwrap();
    outbox.close(Disconnect::Restart);
    outbox.close(Disconnect::Kicked);
    outbox.finish();
    assert!(matches!(take(&outbox), Poll::Ready(Some(_))));
    assert_eq!(take(&outbox), Poll::Ready(Some(frame::close(1012, ""))));
    assert_eq!(take(&outbox), Poll::Ready(None));
}

#[test]
fn over_text_a_reply_of_bytes_becomes_an_error() {
    let limits = OutboxLimits { frames: 2, bytes: 1000 };
    let outbox = Outbox::new(Serializer::V2, Form::Text, limits, Arc::default());
    let bytes = Payload::Binary(vec![1].into());
    outbox.send(Broadcast { topic: "t".into(), event: "e".into(), payload: bytes.clone() });
    assert_eq!(take(&outbox), Poll::Pending);
    let (join_ref, reference) = ("1".into(), "2".into());
    let topic = Term::from("t");
    outbox.send(Reply { join_ref, reference, topic, status: Status::Ok, response: bytes });
    let Poll::Ready(Some(error)) = take(&outbox) else { panic!() };
    let text = std::str::from_utf8(error.text().unwrap()).unwrap();
    assert!(
        text.starts_with(r#"["1","2","t","phx_reply","#) && text.ends_with(r#""status":"error"}]"#),
        "{text}"
    );
}

#[test]
fn the_answer_to_a_close_is_1000_and_not_a_second_close() {
    let outbox = outbox(10, 1000);
    outbox.answer_close();
    outbox.answer_close();
    assert_eq!(take(&outbox), Poll::Ready(Some(frame::close(1000, ""))));
    assert_eq!(take(&outbox), Poll::Ready(None));
}
