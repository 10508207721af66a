//! The loop: waits, reads, answers, and sends everybody what was shouted.

use std::{
    io::{self, ErrorKind},
    net::TcpListener,
    os::fd::OwnedFd,
};

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
};
use vestibule_bench::wire::{
    frame::{self, Head},
    handshake,
    message::Parts,
};

use crate::{connection::Connection, topics::Topics};

/// The number of the listener among the connections.
const LISTENER: u64 = u64::MAX;
/// How many events one turn takes.
const EVENTS: usize = 1024;
/// The most that is read at once, and the largest frame.
const BUFFER: usize = 256 * 1024;

/// The server.
pub(crate) struct Floor {
    epoll: OwnedFd,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    /// The unused places in `connections`.
    free: Vec<u32>,
    topics: Topics,
    /// The replies to one connection.
    replies: Vec<u8>,
}

impl Floor {
    pub(crate) fn new(listener: TcpListener) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            topics: Topics::default(),
            replies: Vec::new(),
        })
    }

    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Err(rustix::io::Errno::INTR) => continue,
                result => result?,
            };
            for event in events.drain(..) {
                let (number, flags) = (event.data.u64(), event.flags);
                if number == LISTENER {
                    self.accept()?;
                } else if let Ok(number) = u32::try_from(number)
                    && self.serve(number, flags, &mut buffer).is_err()
                {
                    self.remove(number);
                }
            }
            self.send_shouts();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let connection = Connection::new(stream)?;
            let number = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                u32::try_from(self.connections.len() - 1).expect("few connections")
            });
            epoll::add(&self.epoll, connection.stream(), EventData::new_u64(number.into()), EventFlags::IN)?;
            self.connections[number as usize] = Some(connection);
        }
    }

    fn serve(&mut self, number: u32, flags: EventFlags, buffer: &mut [u8]) -> io::Result<()> {
        // An earlier event of this turn may have removed it.
        let Some(connection) = &mut self.connections[number as usize] else { return Ok(()) };
        if flags.contains(EventFlags::OUT) && !connection.catch_up()? {
            watch(&self.epoll, connection, number, EventFlags::IN)?;
        }
        let length = connection.read(buffer)?;
        let mut rest = &mut buffer[..length];
        if !connection.is_upgraded {
            let Some(length) = handshake::head_length(rest) else {
                connection.keep(rest);
                return Ok(());
            };
            let (head, behind) = rest.split_at_mut(length);
            self.replies = handshake::response(head).ok_or(ErrorKind::InvalidData)?;
            connection.is_upgraded = true;
            rest = behind;
        }
        while let Some(head) = Head::parse(rest) {
            let (bytes, behind) = rest.split_at_mut(head.end);
            frame::unmask(&mut bytes[head.start..], head.mask.ok_or(ErrorKind::InvalidData)?);
            self.answer(number, head.opcode, &bytes[head.start..])?;
            rest = behind;
        }
        let connection = self.connections[number as usize].as_mut().expect("a connection that is served");
        connection.keep(rest);
        if !self.replies.is_empty() && connection.write(&self.replies)? {
            watch(&self.epoll, connection, number, EventFlags::IN | EventFlags::OUT)?;
        }
        self.replies.clear();
        Ok(())
    }

    fn answer(&mut self, number: u32, opcode: u8, payload: &[u8]) -> io::Result<()> {
        match opcode {
            frame::TEXT => {}
            frame::PING => {
                frame::push(&mut self.replies, frame::PONG, &[payload]);
                return Ok(());
            }
            frame::PONG => return Ok(()),
            _ => return Err(ErrorKind::ConnectionAborted.into()),
        }
        let parts = Parts::split(payload).ok_or(ErrorKind::InvalidData)?;
        let connection = self.connections[number as usize].as_mut().expect("a connection that is served");
        let response = match parts.event {
            b"\"echo\"" => parts.payload,
            b"\"heartbeat\"" => b"{}",
            b"\"shout\"" => {
                let place = connection.place.ok_or(ErrorKind::InvalidData)?;
                let message = [b"[null,null,", parts.topic, b",\"shout\",", parts.payload, b"]"];
                self.topics.shout(place.topic, &message);
                b"{}"
            }
            b"\"phx_join\"" => {
                connection.place = Some(self.topics.join(parts.topic, number));
                parts.payload
            }
            b"\"phx_leave\"" => {
                self.leave(number);
                b"{}"
            }
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        let Parts { join_ref, reference, topic, .. } = parts;
        let message: [&[u8]; 9] = [
            b"[",
            join_ref,
            b",",
            reference,
            b",",
            topic,
            b",\"phx_reply\",{\"response\":",
            response,
            b",\"status\":\"ok\"}]",
        ];
        frame::push(&mut self.replies, frame::TEXT, &message);
        Ok(())
    }

    fn send_shouts(&mut self) {
        let mut gone = Vec::new();
        while let Some((frames, subscribers)) = self.topics.next_waiting() {
            for number in subscribers {
                let connection = self.connections[*number as usize].as_mut().expect("a subscriber");
                match connection.write(&frames) {
                    Ok(false) => {}
                    Ok(true) => {
                        let both = EventFlags::IN | EventFlags::OUT;
                        if watch(&self.epoll, connection, *number, both).is_err() {
                            gone.push(*number);
                        }
                    }
                    Err(_) => gone.push(*number),
                }
            }
        }
        for number in gone {
            self.remove(number);
        }
    }

    fn leave(&mut self, number: u32) {
        let connection = self.connections[number as usize].as_mut().expect("a connection");
        let Some(place) = connection.place.take() else { return };
        if let Some(moved) = self.topics.leave(place) {
            self.connections[moved as usize].as_mut().expect("a subscriber").place = Some(place);
        }
    }

    fn remove(&mut self, number: u32) {
        // It may have been removed for two reasons.
        if self.connections[number as usize].is_some() {
            self.leave(number);
            self.connections[number as usize] = None;
            self.free.push(number);
        }
        self.replies.clear();
    }
}

fn watch(epoll: &OwnedFd, connection: &Connection, number: u32, flags: EventFlags) -> io::Result<()> {
    Ok(epoll::modify(epoll, connection.stream(), EventData::new_u64(number.into()), flags)?)
}
