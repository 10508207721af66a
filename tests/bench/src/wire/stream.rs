//! A client's connection, which never waits once it is open.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use super::certificate::{Certificate, TlsStream};

/// A connection over TCP, or over TLS.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Plain(TcpStream),
    /// Over TLS.
    Secured(Box<TlsStream>),
}

impl Stream {
    /// Connects, over TLS if the server has a certificate.
    pub fn connect(server: SocketAddr, certificate: Option<&Arc<Certificate>>) -> io::Result<Self> {
        let stream = match certificate {
            None => Self::Plain(TcpStream::connect(server)?),
            Some(certificate) => Self::Secured(Box::new(certificate.connect(server)?)),
        };
        stream.tcp().set_nodelay(true)?;
        stream.tcp().set_nonblocking(true)?;
        Ok(stream)
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secured(stream) => &stream.sock,
        }
    }

    /// Reads what has arrived, as much as there is room for. Over TLS that is several records:
    /// nobody would tell of those that are decrypted already.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stream = match self {
            Self::Plain(stream) => return stream.read(buffer),
            Self::Secured(stream) => stream,
        };
        let mut length = 0;
        while length < buffer.len() {
            match stream.read(&mut buffer[length..]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock && length > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(length)
    }

    /// Sends all of this, which must fit into the socket.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes),
            Self::Secured(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp().as_fd()
    }
}
