//! Many clients in one thread, which waits for all of them in epoll.
//!
//! The crowd never answers by itself and never waits for one client alone. What arrives is handed
//! to a closure; what clients say to it, they say once [`Crowd::receive`] has returned.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::Arc,
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, EventData, EventFlags},
    },
    io::Errno,
};

use crate::wire::{
    certificate::Certificate,
    frame::{self, Head},
    handshake,
    stream::Stream,
};

/// How many clients one look takes.
const EVENTS: usize = 1024;
/// The most that is read at once.
const BUFFER: usize = 256 * 1024;

/// What a client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// The server has accepted the handshake.
    Upgraded,
    /// A text message.
    Text(&'a [u8]),
}

/// The clients of one server, by number.
pub struct Crowd {
    server: SocketAddr,
    /// The server's, if it is to be reached over TLS.
    certificate: Option<Arc<Certificate>>,
    epoll: OwnedFd,
    clients: Vec<Client>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    frames: Vec<u8>,
}

struct Client {
    stream: Stream,
    is_upgraded: bool,
    /// The beginning of a frame or of the response.
    incomplete: Vec<u8>,
}

impl Crowd {
    /// A crowd without clients.
    pub fn new(server: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            server,
            certificate: None,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            clients: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
            frames: Vec::new(),
        })
    }

    /// A crowd that connects over TLS if there is a certificate.
    pub fn over(certificate: Option<Arc<Certificate>>, server: SocketAddr) -> io::Result<Self> {
        Ok(Self { certificate, ..Self::new(server)? })
    }

    /// Connects a further client and sends its handshake. Returns its number: they count from 0.
    pub fn connect(&mut self) -> io::Result<usize> {
        let mut stream = Stream::connect(self.server, self.certificate.as_ref())?;
        let number = self.clients.len();
        epoll::add(&self.epoll, &stream, EventData::new_u64(number as u64), EventFlags::IN)?;
        stream.write_all(&handshake::request(self.server))?;
        self.clients.push(Client { stream, is_upgraded: false, incomplete: Vec::new() });
        Ok(number)
    }

    /// Sends text messages of one client in one write. They must fit into the socket: an error
    /// means that the server does not read, or is gone.
    pub fn send<'a>(&mut self, client: usize, texts: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        self.frames.clear();
        for text in texts {
            frame::push_masked(&mut self.frames, frame::TEXT, text.as_bytes());
        }
        self.clients[client].stream.write_all(&self.frames)
    }

    /// Hands over what has arrived, after waiting for it at most this long. Returns whether
    /// anything has. An error also if the server has closed a connection.
    pub fn receive(
        &mut self,
        within: Duration,
        mut take: impl FnMut(usize, Arrival<'_>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let timeout = Timespec::try_from(within).map_err(|_| ErrorKind::InvalidInput)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_any = !self.events.is_empty();
        for event in self.events.drain(..) {
            let number = usize::try_from(event.data.u64()).map_err(|_| ErrorKind::InvalidData)?;
            let client = &mut self.clients[number];
            client.receive(&mut self.buffer, |arrival| take(number, arrival)).map_err(|error| {
                io::Error::new(error.kind(), format!("client {number} of the crowd: {error}"))
            })?;
        }
        Ok(is_any)
    }
}

impl Client {
    fn receive(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(Arrival<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let kept = self.incomplete.len();
        buffer.get_mut(..kept).ok_or(ErrorKind::OutOfMemory)?.copy_from_slice(&self.incomplete);
        let length = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
            Ok(length) => kept + length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut rest = &buffer[..length];
        if !self.is_upgraded
            && let Some(length) = handshake::head_length(rest)
        {
            let (head, behind) = rest.split_at(length);
            if !handshake::is_accepted(head) {
                return Err(io::Error::other(String::from_utf8_lossy(head).into_owned()));
            }
            self.is_upgraded = true;
            take(Arrival::Upgraded)?;
            rest = behind;
        }
        while self.is_upgraded
            && let Some(head) = Head::parse(rest)
        {
            let (frame, behind) = rest.split_at(head.end);
            match head.opcode {
                frame::TEXT => take(Arrival::Text(&frame[head.start..]))?,
                frame::PING | frame::PONG => {}
                _ => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closes")),
            }
            rest = behind;
        }
        self.incomplete.clear();
        self.incomplete.extend_from_slice(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        time::Duration,
    };

    use super::{Arrival, Crowd};
    use crate::wire::{
        frame::{self, Head},
        handshake,
    };

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn messages_arrive_however_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut crowd = Crowd::new(listener.local_addr().expect("an address")).expect("a crowd");
        assert_eq!(crowd.connect().expect("a connection"), 0);
        let (mut server, _) = listener.accept().expect("a client");
        let mut request = vec![0; 4096];
        let length = server.read(&mut request).expect("a request");

        let mut bytes = handshake::response(&request[..length]).expect("a response");
        frame::push(&mut bytes, frame::TEXT, &[b"one"]);
        frame::push(&mut bytes, frame::TEXT, &[b"two"]);
        let mut arrived = Vec::new();
        for part in bytes.chunks(50) {
            server.write_all(part).expect("a client");
            let take = |client, arrival: Arrival<'_>| {
                arrived.push((client, format!("{arrival:?}")));
                Ok(())
            };
            assert!(crowd.receive(PATIENCE, take).expect("an open connection"));
        }
        let text = |text: &str| (0, format!("{:?}", Arrival::Text(text.as_bytes())));
        assert_eq!(arrived, [(0, "Upgraded".to_owned()), text("one"), text("two")]);

        crowd.send(0, ["a", "b"]).expect("an open connection");
        let length = server.read(&mut request).expect("two frames");
        let first = Head::parse(&request[..length]).expect("a frame");
        assert_eq!((first.end, length, first.mask.is_some()), (7, 14, true));
        drop(server);
        assert!(crowd.receive(PATIENCE, |_, _| Ok(())).is_err());
    }
}
