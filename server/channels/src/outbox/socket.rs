//! The straight way from an outbox to a TCP connection, past the connection's task.
//!
//! While the system takes everything, whoever flushes the outbox writes, and the connection's task
//! sleeps. What the system does not take waits in the queue, and the task writes it as there is
//! room: from then on until it has caught up, nobody else writes.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    task::{Context, Poll},
};

use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
};
use tokio::net::tcp::OwnedWriteHalf;

use super::{
    Outbox,
    flusher::{Sent, schedule},
    frame::Wire,
    queue::{Phase, Queue, Reader},
};

/// How many frames one system call writes at most.
const FRAMES: usize = 64;

/// How many frames mostly wait together at most. A list of [`FRAMES`] takes longer to set up.
const FEW: usize = 8;

impl Outbox {
    /// Has frames written to a socket. The connection's task waits for the end with
    /// [`Outbox::poll_written`].
    pub(crate) fn write_to(&self, socket: OwnedWriteHalf) {
        self.lock().socket = Some(socket);
    }

    /// Writes what others could not, until the end: then the queue is finished, and all of it
    /// written or the connection lost. Returns the socket to the connection's task.
    pub(crate) fn poll_written(&self, cx: &mut Context<'_>) -> Poll<Option<OwnedWriteHalf>> {
        let mut queue = self.lock();
        let before = std::mem::replace(&mut queue.reader, Reader::Busy);
        self.nobody_is_ahead(&mut queue);
        loop {
            match queue.write() {
                Ok(true) => break,
                Ok(false) => {
                    let Some(socket) = &queue.socket else { return Poll::Ready(None) };
                    match socket.as_ref().poll_write_ready(cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(_)) => self.lose(&mut queue),
                        Poll::Pending => {
                            queue.reader = Reader::Blocked(cx.waker().clone());
                            return Poll::Pending;
                        }
                    }
                }
                Err(_) => self.lose(&mut queue),
            }
        }
        self.count(&mut queue);
        if queue.phase == Phase::Finished {
            return Poll::Ready(queue.socket.take());
        }
        queue.reader = match before {
            Reader::Waiting(waker) if waker.will_wake(cx.waker()) => Reader::Waiting(waker),
            _ => Reader::Waiting(cx.waker().clone()),
        };
        Poll::Pending
    }

    /// Writes what waits, unless the connection's task does.
    pub(super) fn flush(&self, sent: &mut Sent) {
        let mut queue = self.lock();
        queue.is_due = false;
        match queue.reader {
            Reader::Waiting(_) => {}
            // It had its turn, and waits for room: a topic must not wait for that.
            Reader::Busy | Reader::Blocked(_) => return self.nobody_is_ahead(&mut queue),
            Reader::Woken => return,
        }
        match queue.write() {
            Ok(true) => {
                sent.add(&self.0.traffic, std::mem::take(&mut queue.taken));
                self.nobody_is_ahead(&mut queue);
            }
            Ok(false) => queue.wake(),
            Err(_) => self.lose(&mut queue),
        }
    }

    /// Leaves what waits to the connection's task.
    pub(super) fn leave_to_task(&self) {
        let mut queue = self.lock();
        queue.is_due = false;
        queue.wake();
        if matches!(queue.reader, Reader::Busy | Reader::Blocked(_)) {
            self.nobody_is_ahead(&mut queue);
        }
    }

    /// Has a frame sent that was queued just now: by the thread's flusher, or by the reader.
    pub(super) fn have_sent(&self, queue: &mut Queue) {
        let is_idle = queue.socket.is_some() && matches!(queue.reader, Reader::Waiting(_));
        if !is_idle {
            queue.wake();
        } else if !queue.is_due {
            queue.is_due = schedule(self);
            if !queue.is_due {
                queue.wake();
            }
        }
    }

    /// The connection is gone.
    fn lose(&self, queue: &mut Queue) {
        queue.lose();
        self.nobody_is_ahead(queue);
        self.0.closing.notify_one();
    }
}

impl Queue {
    /// Writes what waits, and returns whether the system took all of it.
    fn write(&mut self) -> io::Result<bool> {
        while let (Some((first, others)), Some(socket)) = (self.waiting(), &self.socket) {
            let written = match others.len() {
                0 => send(socket, &[IoSlice::new(first)]),
                1..FEW => send_together::<FEW>(socket, first, others),
                _ => send_together::<FRAMES>(socket, first, others),
            };
            match written {
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Drops everything: there is nobody to write to.
    pub(super) fn lose(&mut self) {
        self.begun = 0;
        self.discard();
        self.finish();
        if let Reader::Blocked(waker) = &self.reader {
            waker.wake_by_ref();
        }
    }
}

/// Sends what is first and what is behind it, `N` frames at most.
fn send_together<const N: usize>(
    socket: &OwnedWriteHalf,
    first: &[u8],
    others: &VecDeque<Wire>,
) -> io::Result<usize> {
    let mut slices = [IoSlice::new(first); N];
    let behind = others.iter().map(|frame| IoSlice::new(frame.framed_bytes()));
    slices[1..].iter_mut().zip(behind).for_each(|(slice, frame)| *slice = frame);
    send(socket, &slices[..N.min(1 + others.len())])
}

/// Hands the system as much as it takes. The runtime's own way costs as much again as all the rest
/// of a delivery; only it knows, though, how to wait for room.
fn send(socket: &OwnedWriteHalf, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let sent = match slices {
        [slice] => rustix::net::send(socket.as_ref(), slice, SendFlags::NOSIGNAL),
        _ => sendmsg(socket.as_ref(), slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL),
    };
    match sent {
        Err(Errno::AGAIN | Errno::INTR) => socket.try_write_vectored(slices),
        sent => Ok(sent?),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        net::{TcpListener, TcpStream as Peer},
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::{Wake, Waker},
    };

    use bytes::Bytes;
    use futures_util::{FutureExt as _, future::poll_fn};
    use socket2::SockRef;
    use tokio::{
        net::{TcpStream, tcp::OwnedReadHalf},
        task::{spawn_blocking, yield_now},
    };
    use vestibule_phoenix::{
        message::{Broadcast, Payload},
        serializer::Serializer,
    };

    use super::*;
    use crate::outbox::{Encoded, Form, OutboxLimits, flusher::MANY};

    /// An outbox, its connection, whose buffers are small, and whether the task was woken.
    struct Connected {
        outbox: Outbox,
        peer: Peer,
        read: OwnedReadHalf,
        woken: Arc<Woken>,
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Connected {
        async fn new(limits: OutboxLimits) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            SockRef::from(&socket).set_send_buffer_size(64 * 1024).unwrap();
            let (peer, _) = listener.accept().unwrap();
            SockRef::from(&peer).set_recv_buffer_size(64 * 1024).unwrap();
            let (read, write) = socket.into_split();
            let outbox = Outbox::new(Serializer::V2, Form::Any, limits, Arc::default());
            outbox.write_to(write);
            Self { outbox, peer, read, woken: Arc::default() }
        }

        fn poll(&self) -> Poll<Option<OwnedWriteHalf>> {
            let waker = Waker::from(Arc::clone(&self.woken));
            self.outbox.poll_written(&mut Context::from_waker(&waker))
        }

        fn is_woken(&self) -> bool {
            self.woken.0.load(Ordering::Relaxed)
        }

        /// Everything that the peer reads until the end, while the task writes.
        async fn read_all(self) -> Vec<u8> {
            let Self { outbox, mut peer, .. } = self;
            let read = spawn_blocking(move || {
                let mut all = Vec::new();
                peer.read_to_end(&mut all).unwrap();
                all
            });
            drop(poll_fn(|cx| outbox.poll_written(cx)).await);
            read.await.unwrap()
        }
    }

    fn message(length: usize) -> Encoded {
        let payload = Payload::Binary(Bytes::from(vec![b'x'; length]));
        Encoded::new(Broadcast { topic: "t".into(), event: "e".into(), payload }.into())
    }

    fn bytes(messages: &[&Encoded]) -> Vec<u8> {
        let frames = messages.iter().map(|message| message.wire(Serializer::V2).unwrap().clone().framed());
        frames.collect::<Vec<_>>().concat()
    }

    const WIDE: OutboxLimits = OutboxLimits { frames: 1000, bytes: 10_000_000 };

    #[actix_web::test]
    async fn a_burst_is_written_without_the_task() {
        let mut connected = Connected::new(WIDE).await;
        assert!(connected.poll().is_pending());
        let (one, two) = (message(10), message(20));
        for message in [&one, &two, &one] {
            connected.outbox.push(message).unwrap();
        }
        connected.peer.set_nonblocking(true).unwrap();
        let mut read = [0; 1000];
        assert!(connected.peer.read(&mut read).is_err(), "others of the thread go first");
        yield_now().await;
        let count = connected.peer.read(&mut read).unwrap();
        assert_eq!(read[..count], bytes(&[&one, &two, &one]));
        assert!(!connected.is_woken());
    }

    #[actix_web::test]
    async fn for_many_the_flusher_first_lets_others_go() {
        for (count, is_written_at_once) in [(MANY - 1, true), (MANY, false)] {
            let mut all = Vec::new();
            for _ in 0..count {
                let connected = Connected::new(WIDE).await;
                assert!(connected.poll().is_pending());
                connected.peer.set_nonblocking(true).unwrap();
                all.push(connected);
            }
            let (one, two) = (message(10), message(20));
            for connected in &all {
                connected.outbox.push(&one).unwrap();
            }
            let other = actix::spawn(async move {
                let read = all[0].peer.read(&mut [0; 1000]);
                assert_eq!(read.is_ok(), is_written_at_once);
                for connected in &all {
                    connected.outbox.push(&two).unwrap();
                }
                all
            });
            let mut all = other.await.unwrap();
            yield_now().await;
            yield_now().await;
            let mut read = [0; 1000];
            let count = all[1].peer.read(&mut read).unwrap();
            assert_eq!(read[..count], bytes(&[&message(10), &message(20)]));
        }
    }

    #[actix_web::test]
    async fn the_task_writes_what_the_system_did_not_take() {
        let connected = Connected::new(WIDE).await;
        assert!(connected.poll().is_pending());
        let messages = [message(100_000), message(10), message(2_000_000), message(20)];
        let messages = messages.each_ref();
        for message in messages {
            connected.outbox.push(message).unwrap();
        }
        yield_now().await;
        assert!(connected.is_woken());
        assert!(connected.poll().is_pending(), "the peer reads nothing yet");
        connected.outbox.push(messages[1]).unwrap();
        connected.outbox.finish();
        assert!(connected.read_all().await == [bytes(&messages), bytes(&[messages[1]])].concat());
    }

    #[actix_web::test]
    async fn a_begun_frame_is_written_before_a_slow_client_is_closed() {
        let connected = Connected::new(OutboxLimits { frames: 3, bytes: 10_000_000 }).await;
        assert!(connected.poll().is_pending());
        let large = message(2_000_000);
        connected.outbox.push(&large).unwrap();
        yield_now().await;
        assert!(connected.poll().is_pending());
        for _ in 0..3 {
            connected.outbox.push(&message(10)).unwrap();
        }
        assert!(connected.outbox.is_closing());
        connected.outbox.finish();
        let mut expected = bytes(&[&large]);
        expected.extend(b"\x88\x0f\x03\xf0slow consumer");
        assert!(connected.read_all().await == expected);
    }

    #[actix_web::test]
    async fn nobody_waits_for_a_client_that_takes_nothing() {
        let connected = Connected::new(OutboxLimits { frames: 3, bytes: 10_000_000 }).await;
        assert!(connected.poll().is_pending());
        connected.outbox.push(&message(2_000_000)).unwrap();
        assert!(connected.poll().is_pending(), "the task comes before the flusher");
        let is_ahead = [(); 4].map(|()| connected.outbox.push(&message(10)).unwrap().is_ahead);
        assert_eq!(is_ahead, [false, false, true, true], "the flusher has not run yet");
        yield_now().await;
        assert!(connected.outbox.turn().now_or_never().is_some());
        connected.outbox.push(&message(10)).unwrap();
        assert!(connected.outbox.is_closing(), "what waits is a backlog again");
    }

    #[actix_web::test]
    async fn a_panic_leaves_other_connections_to_their_tasks() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("of a waker");
            }
        }
        let (broken, mut other) = (Connected::new(WIDE).await, Connected::new(WIDE).await);
        let waker = Waker::from(Arc::new(Panics));
        assert!(broken.outbox.poll_written(&mut Context::from_waker(&waker)).is_pending());
        assert!(other.poll().is_pending());
        broken.outbox.push(&message(5_000_000)).unwrap();
        let small = message(10);
        for _ in 0..2 {
            other.outbox.push(&small).unwrap();
        }
        yield_now().await;
        assert!(other.poll().is_pending());
        other.peer.set_nonblocking(true).unwrap();
        let mut read = [0; 1000];
        let count = other.peer.read(&mut read).unwrap();
        assert_eq!(read[..count], bytes(&[&small, &small]));
        other.outbox.push(&small).unwrap();
        yield_now().await;
        let count = other.peer.read(&mut read).unwrap();
        assert_eq!(read[..count], bytes(&[&small]), "the flusher runs again");
    }

    #[actix_web::test]
    async fn what_waits_can_be_given_up() {
        let connected = Connected::new(WIDE).await;
        connected.outbox.push(&message(2_000_000)).unwrap();
        assert!(connected.poll().is_pending(), "the peer reads nothing");
        connected.outbox.finish();
        assert!(!connected.is_woken() && connected.poll().is_pending(), "what waits is still written");
        connected.outbox.abandon();
        assert!(connected.is_woken());
        assert!(matches!(connected.poll(), Poll::Ready(Some(_))));
    }

    #[actix_web::test]
    async fn a_lost_connection_ends_the_outbox() {
        let connected = Connected::new(WIDE).await;
        assert!(connected.poll().is_pending());
        SockRef::from(&connected.peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        let Connected { outbox, peer, woken, read } = connected;
        drop(peer);
        read.readable().await.unwrap();
        outbox.push(&message(10)).unwrap();
        yield_now().await;
        assert!(woken.0.load(Ordering::Relaxed) && outbox.is_closing());
        assert!(outbox.closing().now_or_never().is_some());
        assert!(poll_fn(|cx| outbox.poll_written(cx)).now_or_never().is_some());
    }
}
