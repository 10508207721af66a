//! Deletes rooms and users with everything that belongs to them.
//!
//! There may be hundreds of thousands of rows, and others wait for the writer. So most of the work
//! goes in small steps: open requests end by the rules, then finished rows are deleted. One last
//! transaction deletes the rest, and whatever came meanwhile. If the server stops in between, a
//! part is gone and the rest is as it was; deleting again continues.

use std::collections::BTreeSet;

use vestibule_approve::{
    rules::{Caller, Command},
    signed::{Rid, Uid},
};
use vestibule_schema::{
    Connection, Error,
    repository::{
        erasure, notices, requests, rooms,
        streams::{self, Topic},
    },
};

use crate::{
    batch::Outcome,
    convert,
    error::{CommandError, StoreError},
    order::{Held, Order},
    rows::{self, CarriedOut, Rules},
    store::Store,
    submission::{Committed, Content, Submission},
};

/// How many rows were deleted with a user.
pub use vestibule_schema::models::Erased as Deleted;

/// What the removal of a room did.
#[derive(Clone, Copy, Debug)]
pub struct Removed {
    /// Whether the room existed.
    pub was_there: bool,
    /// How many open requests ended with it.
    pub ended: usize,
}

/// How many rows are deleted between two looks at the clock.
const ROWS: u32 = 32;

/// How far apart writers' clocks may be, and how long a commit may take, in microseconds.
const MARGIN_US: i64 = 60_000_000;

/// A request or approve of a user that must end before its time.
type End = (Rid, Uid, Command);
/// One that has ended.
type Ended = (Rid, Uid, Committed);

impl Store {
    /// Deletes a room with everything in it. Its open requests end first, by the rules; `each` is
    /// called with every end.
    pub async fn remove_room(
        &self,
        rid: Rid,
        mut each: impl FnMut(Rid, Uid, Committed),
    ) -> Result<Removed, StoreError> {
        let (found, until, kept) = self
            .read(move |conn| {
                let found = rooms::find(conn, rid.as_bytes())?.is_some();
                let until = streams::last(conn, &Topic::room(rid.as_bytes()))?;
                Ok((found, until, kept_in(conn, rid)?))
            })
            .await?;
        if !found {
            return Ok(Removed { was_there: false, ended: 0 });
        }
        // Before the requests end, because that makes notices that users must get.
        self.in_short_transactions(move |conn| {
            notices::delete_of_room(conn, rid.as_bytes(), until, ROWS).map(counted)
        })
        .await?;
        let mut ended = self.end_all(kept, &mut each).await?;
        self.in_short_transactions(move |conn| {
            requests::delete_finished_in_room(conn, rid.as_bytes(), ROWS).map(counted)
        })
        .await?;
        let (was_there, last) = self
            .write(move |conn, rules| {
                rows::lock(conn, &BTreeSet::from([rid]))?;
                let kept = kept_in(conn, rid)?;
                let last = end_now(conn, rules, kept)?;
                Ok((rooms::delete(conn, rid.as_bytes())?, last))
            })
            .await?;
        ended += tell(last, &mut each);
        Ok(Removed { was_there, ended })
    }

    /// Deletes everything that is stored of a user. Their open requests, and the live approves that
    /// others have from them, end first, by the rules; `each` is called with every end.
    pub async fn erase_user(
        &self,
        uid: Uid,
        mut each: impl FnMut(Rid, Uid, Committed),
    ) -> Result<Deleted, StoreError> {
        // What is stored from now on is searched again; other writers' clocks may be behind.
        let since = self.clock.now_us().0 - MARGIN_US;
        let (waiting, naming) = self
            .read(move |conn| Ok((waiting_of(conn, uid)?, erasure::naming(conn, uid.as_bytes())?)))
            .await?;
        self.end_all(waiting, &mut each).await?;
        let mut deleted =
            self.in_short_transactions(move |conn| erasure::some(conn, uid.as_bytes(), ROWS)).await?;
        let mut naming = naming.into_iter();
        deleted += self
            .in_short_transactions(move |conn| {
                let ids: Vec<i64> = naming.by_ref().take(ROWS as usize).collect();
                let notices = notices::delete(conn, &ids)?;
                Ok((Deleted { notices, ..Deleted::default() }, !ids.is_empty()))
            })
            .await?;
        let (left, last) = self.erase_the_rest(uid, since).await?;
        tell(last, &mut each);
        deleted += left;
        Ok(deleted)
    }

    /// Ends and deletes whatever is left of a user, in one transaction. It locks all rooms at once,
    /// in their order; if there is another one by then, it begins anew.
    async fn erase_the_rest(&self, uid: Uid, since: i64) -> Result<(Deleted, Vec<Ended>), StoreError> {
        let mut rooms = BTreeSet::new();
        loop {
            let erased = self
                .write(move |conn, rules| {
                    rows::lock(conn, &rooms)?;
                    let waiting = waiting_of(conn, uid)?;
                    let needed: BTreeSet<Rid> = waiting.iter().map(|(rid, ..)| *rid).collect();
                    if !needed.is_subset(&rooms) {
                        return Ok(Err(needed));
                    }
                    let last = end_now(conn, rules, waiting)?;
                    Ok(Ok((erasure::run(conn, uid.as_bytes(), since)?, last)))
                })
                .await?;
            match erased {
                Ok(erased) => return Ok(erased),
                Err(needed) => rooms = needed,
            }
        }
    }

    /// Ends everything in the background. Returns how many ended; those that ended by themselves
    /// meanwhile do not count.
    async fn end_all(
        &self,
        ends: Vec<End>,
        each: &mut impl FnMut(Rid, Uid, Committed),
    ) -> Result<usize, StoreError> {
        let (mut ended, mut failed) = (0, Ok(()));
        let hear = |Submission { rid, caller, .. }: Submission, outcome: Outcome| match outcome {
            Ok(committed) if committed.decision.change.is_some() => {
                ended += 1;
                each(rid, caller.uid, committed);
            }
            Err(CommandError::Store(error)) => failed = Err(error),
            Ok(_) | Err(CommandError::Refused(_)) => {}
        };
        self.carry_out_in_background(ends.into_iter().map(ending), hear).await?;
        failed.map(|()| ended)
    }
}

/// The sum, and whether there may be more: a full step may have left some.
fn counted(rows: usize) -> (usize, bool) {
    (rows, rows == ROWS as usize)
}

fn tell(ended: Vec<Ended>, each: &mut impl FnMut(Rid, Uid, Committed)) -> usize {
    let count = ended.len();
    for (rid, uid, committed) in ended {
        each(rid, uid, committed);
    }
    count
}

/// The requests of a room that must end.
fn kept_in(conn: &mut Connection, rid: Rid) -> Result<Vec<End>, Error> {
    let kept = requests::kept_in_room(conn, rid.as_bytes())?.into_iter();
    kept.map(|due| {
        let command = Command::End { request_id: convert::fixed(&due.request_id)? };
        Ok((rid, convert::fixed(&due.uid)?, command))
    })
    .collect()
}

/// A user's open requests, and the live approves that others have from them.
fn waiting_of(conn: &mut Connection, uid: Uid) -> Result<Vec<End>, Error> {
    let requests = erasure::waiting_of(conn, uid.as_bytes())?.into_iter().map(|due| {
        let command = Command::End { request_id: convert::fixed(&due.request_id)? };
        Ok((convert::fixed(&due.rid)?, uid, command))
    });
    let approves = erasure::approves_by(conn, uid.as_bytes())?.into_iter().map(|due| {
        let command = Command::Revoke { approve_id: convert::fixed(&due.approve_id)? };
        Ok((convert::fixed(&due.rid)?, convert::fixed(&due.to_uid)?, command))
    });
    requests.chain(approves).collect()
}

fn ending((rid, uid, command): End) -> Submission {
    Submission { rid, caller: Caller { uid, is_member: false }, command, content: Content::Nothing }
}

/// Ends everything within the transaction. Returns those that did not already end with an earlier
/// one.
fn end_now(conn: &mut Connection, rules: Rules<'_>, ends: Vec<End>) -> Result<Vec<Ended>, Error> {
    let endings: Vec<Submission> = ends.into_iter().map(ending).collect();
    let commands: Vec<&Submission> = endings.iter().collect();
    // Nobody is told in the order of the seqs here: what ends with a room or a user is.
    let order = Order::of(1);
    let CarriedOut { decided, opened } = rows::carry_out(conn, rules, &commands, &mut Held::of(&order))?;
    rules.open_total.add(opened);
    let mut ended = Vec::new();
    for (Submission { rid, caller, .. }, decided) in endings.iter().zip(decided) {
        match decided {
            Ok(committed) if committed.decision.change.is_some() => ended.push((*rid, caller.uid, committed)),
            Ok(_) => {}
            Err(_) => return Err(Error::corrupt("something that cannot be ended")),
        }
    }
    Ok(ended)
}
