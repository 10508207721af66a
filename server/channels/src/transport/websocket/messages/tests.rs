use std::{collections::VecDeque, io};

use actix_web::{dev::Payload, error::PayloadError};
use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWriteExt as _, ReadBuf};

use super::*;

const LIMITS: usize = 208;

/// Messages from bytes that come in pieces, after which the connection is lost.
fn messages(pieces: Vec<Vec<u8>>) -> Messages {
    let pieces = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
    let payload: Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>> = Box::pin(pieces);
    from(Input::Body(Payload::Stream { payload }))
}

/// The same from a connection of the server's own.
fn from_connection(pieces: Vec<Vec<u8>>) -> Messages {
    from(Input::Connection(Box::new(Pieces(pieces.into()))))
}

fn from(input: Input) -> Messages {
    Messages::new(input, BytesMut::new(), &Limits { frame: LIMITS, message: LIMITS, ..Limits::default() })
}

/// A connection that each read takes a piece of.
struct Pieces(VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.put_slice(&self.0.pop_front().unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

/// What a message is, as text.
fn told(message: Result<Message<'_>, Fault>) -> Result<String, Fault> {
    message.map(|message| format!("{message:?}"))
}

async fn next(messages: &mut Messages) -> Option<Result<String, Fault>> {
    messages.each(|message, _| ControlFlow::Break(told(message))).await
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![first, if length < 126 { 0x80 | length } else { 0xFE }];
    if length >= 126 {
        frame.extend(u16::from(length).to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// All messages up to the end of the connection, or up to the fault.
async fn read(mut messages: Messages) -> (Vec<String>, Option<Fault>) {
    let mut all = Vec::new();
    let fault = messages.each(|message, _| match told(message) {
        Ok(message) => {
            all.push(message);
            ControlFlow::Continue(())
        }
        Err(fault) => ControlFlow::Break(fault),
    });
    let fault = fault.await;
    (all, fault)
}

#[actix_web::test]
async fn messages_are_the_same_however_their_bytes_are_cut() {
    let bytes = [
        frame(0x81, b"one"),
        frame(0x02, b"t"),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x80, b"wo"),
        frame(0x01, "ä".as_bytes().split_at(1).0),
        frame(0x80, "ä".as_bytes().split_at(1).1),
        frame(0x82, &[b'x'; 200]),
        frame(0x81, b"three"),
        frame(0x8A, b""),
        frame(0x88, b""),
    ]
    .concat();
    let expected = [
        Message::Text("one"),
        Message::Ping(b"ping"),
        Message::Binary(b"two"),
        Message::Text("ä"),
        Message::Binary(&[b'x'; 200]),
        Message::Text("three"),
        Message::Pong,
        Message::Close,
    ];
    let expected = expected.map(|message| told(Ok(message)).unwrap());
    for size in (1..30).chain([100, bytes.len()]) {
        let pieces: Vec<_> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
        for messages in [messages(pieces.clone()), from_connection(pieces)] {
            let (read, fault) = read(messages).await;
            assert_eq!((&read[..], fault), (&expected[..], None), "pieces of {size}");
        }
    }
}

/// Otherwise the connection would be reset, and the client might not see why it was closed.
#[actix_web::test]
async fn what_comes_after_a_broken_frame_is_read_and_dropped() {
    let (mut client, server) = tokio::io::duplex(64);
    let unread = BytesMut::from(&frame(0xC1, b"c")[..]);
    let input = Input::Connection(Box::new(server));
    let mut messages = Messages::new(input, unread, &Limits::default());
    assert_eq!(next(&mut messages).await, Some(Err(Fault::Malformed)));
    let sending = async move { client.write_all(&[b'x'; 10_000]).await };
    let (sent, ()) = futures_util::future::join(sending, messages.read_to_end()).await;
    sent.unwrap();
}

#[actix_web::test]
async fn messages_before_a_broken_frame_are_handled() {
    let bytes = [frame(0x81, b"a"), frame(0x82, b"b"), frame(0xC1, b"c")].concat();
    for mut messages in [messages(vec![bytes.clone()]), from_connection(vec![bytes])] {
        assert_eq!(next(&mut messages).await, Some(told(Ok(Message::Text("a")))));
        assert_eq!(next(&mut messages).await, Some(told(Ok(Message::Binary(b"b")))));
        for _ in 0..2 {
            assert_eq!(next(&mut messages).await, Some(Err(Fault::Malformed)));
        }
    }
}

#[actix_web::test]
async fn text_that_is_not_utf8_hides_nothing_after_it() {
    let bytes = [frame(0x81, b"\xFF"), frame(0x88, b"")].concat();
    for mut messages in [messages(vec![bytes.clone()]), from_connection(vec![bytes])] {
        assert_eq!(next(&mut messages).await, Some(Err(Fault::NotUtf8)));
        assert_eq!(next(&mut messages).await, Some(told(Ok(Message::Close))));
        assert_eq!(next(&mut messages).await, None);
        assert_eq!(next(&mut messages).await, None);
    }
}

#[actix_web::test]
async fn what_stops_the_messages_loses_none() {
    let bytes = [frame(0x81, b"a"), frame(0x81, b"b"), frame(0x81, b"c")[..3].to_vec()].concat();
    let mut messages = from_connection(vec![bytes, frame(0x81, b"c")[3..].to_vec()]);
    for text in ["a", "b", "c"] {
        assert_eq!(next(&mut messages).await, Some(told(Ok(Message::Text(text)))));
    }
    assert_eq!(next(&mut messages).await, None);
}

#[actix_web::test]
async fn fragments_out_of_order_are_malformed() {
    for wrong in [
        frame(0x80, b"x"),
        [frame(0x01, b"x"), frame(0x81, b"x")].concat(),
        [frame(0x01, b"x"), frame(0x01, b"x")].concat(),
    ] {
        for messages in [messages(vec![wrong.clone()]), from_connection(vec![wrong])] {
            assert_eq!(read(messages).await, (vec![], Some(Fault::Malformed)));
        }
    }
}

#[actix_web::test]
async fn fragments_add_up_to_the_limit() {
    let whole = [frame(0x02, &[0; 100]), frame(0x80, &[0; 108])].concat();
    let whole = read(messages(vec![whole])).await;
    assert_eq!(whole.0, [told(Ok(Message::Binary(&[0; LIMITS]))).unwrap()]);
    let over = [frame(0x02, &[0; 100]), frame(0x80, &[0; 109])[..6].to_vec()].concat();
    assert_eq!(read(messages(vec![over])).await, (vec![], Some(Fault::TooMuch)), "its header is enough");
}

#[actix_web::test]
async fn no_buffer_outlives_its_messages() {
    let large = frame(0x82, &[b'x'; 200]);
    let pieces = vec![large.clone(), frame(0x89, b"")];
    for mut read in [messages(pieces.clone()), from_connection(pieces)] {
        next(&mut read).await;
        assert_eq!(read.buffer.capacity(), 0);
    }

    // A few bytes of the next frame do not keep the buffer of the previous ones.
    let pieces = vec![[&large[..], &[0x89]].concat(), vec![0x80, 0, 0, 0, 0]];
    for (mut read, most) in [(messages(pieces.clone()), 1), (from_connection(pieces), 8)] {
        next(&mut read).await;
        assert_eq!(read.buffer.len(), 1);
        assert!(read.buffer.capacity() <= most);
        assert_eq!(next(&mut read).await, Some(told(Ok(Message::Ping(b"")))));
    }

    // Fragments take their own size, and the doubling of a buffer.
    let mut pieces = vec![frame(0x02, b"x")];
    pieces.extend((0..99).map(|_| frame(0x00, b"x")));
    let mut fragmented = messages(pieces);
    assert_eq!(next(&mut fragmented).await, None);
    assert!(fragmented.fragments.unwrap().bytes.capacity() <= 200);
}
