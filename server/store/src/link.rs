//! A writer's connection to the database, which may be lost and made anew.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use vestibule_approve::ids::{Rid, Seq};
use vestibule_schema::{
    Connection, Database, Error, ErrorKind,
    connection::works,
    repository::streams::{self, Outcome, Topic},
};

use crate::era::Era;

/// How long to ask what became of a transaction whose commit was not answered, before its senders
/// are answered that it is not known.
const SETTLING: Duration = Duration::from_secs(5);

/// How long to wait between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// A writer's connection. It is dropped before the database, which may hold a lock.
pub(super) struct Link {
    connection: Option<Connection>,
    database: Arc<Database>,
    is_on_server: bool,
    era: Arc<Era>,
    /// Which of the writers this is.
    number: usize,
    /// A transaction of which nobody knew in time whether it is stored.
    doubtful: Option<i64>,
}

impl Link {
    pub(super) fn new(connection: Connection, database: Arc<Database>, era: Arc<Era>, number: usize) -> Self {
        let is_on_server = database.file().is_none();
        Self { connection: Some(connection), database, is_on_server, era, number, doubtful: None }
    }

    /// Whether the database is on a server.
    pub(super) fn is_on_server(&self) -> bool {
        self.is_on_server
    }

    /// The connection; a new one, if the last was lost.
    ///
    /// Errors: [`ErrorKind::Disconnected`] if there is none to be had.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, Error> {
        if self.connection.is_none() {
            let mut connection = self.database.writer()?;
            self.era.look(&mut connection)?;
            self.connection = Some(connection);
            tracing::info!("connected to the database again");
        }
        let connection = self.connection.as_mut().ok_or_else(|| Error::lost("the connection"))?;
        // Those whom a doubtful transaction concerns look again once it has ended: before, they
        // would not find what it stores.
        if let Some(number) = self.doubtful {
            if streams::outcome(connection, number)? == Outcome::Running {
                self.era.note_loss();
            } else {
                self.doubtful = None;
                self.era.interrupt();
            }
        }
        Ok(connection)
    }

    /// As [`connection`](Self::connection), for work that is not repeated: asks the server whether
    /// the connection still works.
    pub(super) fn tested(&mut self) -> Result<&mut Connection, Error> {
        if self.is_on_server && !self.works() {
            self.connection = None;
        }
        self.connection()
    }

    /// After a loss, connects anew where that is needed, and so looks whether the database is still
    /// the same, and what became of a doubtful transaction.
    pub(super) fn look(&mut self) {
        if let Err(error) = self.tested() {
            tracing::debug!(%error, "the database cannot be looked at yet");
            self.era.note_loss();
        }
    }

    /// Notes what was written last, to look for it on the next connection.
    pub(super) fn wrote(&self, rid: &Rid, seq: Seq) {
        if self.is_on_server && seq > Seq::ZERO {
            self.era.wrote(self.number, Topic::room(rid.as_bytes()), seq);
        }
    }

    /// Has clients look again, because something is stored of which they were not told.
    pub(super) fn have_clients_look(&self) {
        self.era.interrupt();
    }

    /// Whether the same transaction may succeed now: after a lost connection, if there is a new
    /// one, and after a lock that was not to be had, because two transactions waited for each
    /// other.
    pub(super) fn is_worth_another_try(&mut self, error: &Error) -> bool {
        if !self.is_on_server {
            return false;
        }
        match error.kind() {
            ErrorKind::Busy => true,
            ErrorKind::InDoubt => {
                self.connection = None;
                false
            }
            // The server may have said it in another language.
            kind => {
                (kind == ErrorKind::Disconnected || !self.works()) && {
                    self.connection = None;
                    self.connection().is_ok()
                }
            }
        }
    }

    fn works(&mut self) -> bool {
        self.connection.as_mut().is_some_and(works)
    }

    /// Finds out what became of a transaction whose commit was not answered.
    ///
    /// Errors: [`ErrorKind::Disconnected`] if it is not stored; `doubt` if nobody knows.
    pub(super) fn settle(&mut self, doubt: Error, number: Option<i64>) -> Result<(), Error> {
        let Some(number) = number else { return Err(doubt) };
        tracing::warn!(error = %doubt, "asking the database what became of the transaction");
        let deadline = Instant::now() + SETTLING;
        while Instant::now() < deadline {
            self.connection = None;
            match self.connection().and_then(|connection| streams::outcome(connection, number)) {
                Ok(Outcome::Committed) => return Ok(()),
                Ok(Outcome::Aborted) => return Err(Error::lost("the transaction")),
                Ok(Outcome::Unknown) => break,
                Ok(Outcome::Running) | Err(_) => thread::sleep(PAUSE),
            }
        }
        // It may be stored, and those whom it concerns were not told.
        self.doubtful = Some(number);
        self.era.note_loss();
        Err(doubt)
    }
}
