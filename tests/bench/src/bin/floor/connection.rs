//! One client's connection.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::TcpStream,
};

/// The place of a subscription: the topic, and the subscriber's place in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) topic: u32,
    pub(crate) index: u32,
}

/// A connection, which joins one topic at most.
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) is_upgraded: bool,
    pub(crate) place: Option<Place>,
    /// What does not fit into few bytes is behind one pointer: nearly always there is nothing.
    behind: Option<Box<Behind>>,
}

/// What is incomplete.
#[derive(Default)]
struct Behind {
    /// The beginning of a frame or of the request.
    input: Vec<u8>,
    /// What the socket did not take yet.
    output: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, is_upgraded: false, place: None, behind: None })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads into `buffer`, behind what was incomplete; returns how much is there. An error also
    /// if the client is gone.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut kept = 0;
        if let Some(behind) = &mut self.behind {
            kept = behind.input.len();
            buffer.get_mut(..kept).ok_or(ErrorKind::InvalidData)?.copy_from_slice(&behind.input);
            behind.input = Vec::new();
            self.forget_what_is_done();
        }
        match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(kept + length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(kept),
            Err(error) => Err(error),
        }
    }

    /// Keeps the beginning of something incomplete for the next read.
    pub(crate) fn keep(&mut self, input: &[u8]) {
        if !input.is_empty() {
            self.behind.get_or_insert_default().input = input.to_vec();
        }
    }

    /// Writes what the socket takes and keeps the rest. Returns whether there is a rest.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if let Some(behind) = self.behind.as_mut().filter(|behind| !behind.output.is_empty()) {
            behind.output.extend_from_slice(bytes);
            return Ok(true);
        }
        let written = match self.stream.write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if written == bytes.len() {
            return Ok(false);
        }
        self.behind.get_or_insert_default().output = bytes[written..].to_vec();
        Ok(true)
    }

    /// Writes what was kept. Returns whether there still is a rest.
    pub(crate) fn catch_up(&mut self) -> io::Result<bool> {
        let Some(behind) = &mut self.behind else { return Ok(false) };
        let kept = std::mem::take(&mut behind.output);
        self.forget_what_is_done();
        self.write(&kept)
    }

    fn forget_what_is_done(&mut self) {
        if self.behind.as_ref().is_some_and(|behind| behind.input.is_empty() && behind.output.is_empty()) {
            self.behind = None;
        }
    }
}
