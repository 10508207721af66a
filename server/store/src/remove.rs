//! What is deleted with all that belongs to it: rooms, and users.
//!
//! There may be hundreds of thousands of rows, and others wait for the writer. So most goes in chunks: what somebody waits for
//! ends by the rules, what is over is deleted. One last transaction takes what is left, and what has come meanwhile. Where the
//! server ends in between, some is gone and the rest is as it was: who deletes again goes on from there.

use vestibule_approve::{
    limits::Quotas,
    rules::{Caller, Command},
    signed::{Rid, Uid},
};
use vestibule_schema::{
    Connection, Error,
    repository::{erasure, notices, requests, rooms, store::last_seq},
};

use crate::{
    apply::{Failure, apply},
    batch::Outcome,
    convert,
    error::{CommandError, StoreError},
    store::Store,
    submission::{Committed, Content, Submission},
};

/// What was deleted with a user.
pub use vestibule_schema::models::Erased as Deleted;

/// A room that is gone.
#[derive(Clone, Copy, Debug)]
pub struct Removed {
    /// Whether there was one.
    pub was_there: bool,
    /// How many requests it took along that somebody waited with.
    pub ended: usize,
}

/// How many rows are deleted before the time is looked at.
const ROWS: u32 = 32;

/// Something of a user's that is to end before its time.
type End = (Rid, Uid, Command);

impl Store {
    /// Deletes a room with everything in it. What somebody waits for in it ends first, by the rules: `each` hears of it.
    pub async fn remove_room(
        &self,
        rid: Rid,
        mut each: impl FnMut(Rid, Uid, Committed),
    ) -> Result<Removed, StoreError> {
        let (found, until, kept) = self
            .read(move |conn| {
                let found = rooms::find(conn, rid.as_bytes())?.is_some();
                Ok((found, last_seq(conn)?, kept_in(conn, rid)?))
            })
            .await?;
        if !found {
            return Ok(Removed { was_there: false, ended: 0 });
        }
        // Before the ends, which their users are told of.
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
            .write(move |conn, quotas, now_us| {
                let kept = kept_in(conn, rid)?;
                let last = end_now(conn, quotas, kept, now_us)?;
                Ok((rooms::delete(conn, rid.as_bytes())?, last))
            })
            .await?;
        ended += tell(last, &mut each);
        Ok(Removed { was_there, ended })
    }

    /// Deletes all that is stored of a user. What they wait for, and what others have from them, ends first, by the rules: `each`
    /// hears of it.
    pub async fn erase_user(
        &self,
        uid: Uid,
        mut each: impl FnMut(Rid, Uid, Committed),
    ) -> Result<Deleted, StoreError> {
        let (until, waiting, naming) = self
            .read(move |conn| {
                Ok((last_seq(conn)?, waiting_of(conn, uid)?, erasure::naming(conn, uid.as_bytes())?))
            })
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
        let (left, last) = self
            .write(move |conn, quotas, now_us| {
                let waiting = waiting_of(conn, uid)?;
                let last = end_now(conn, quotas, waiting, now_us)?;
                Ok((erasure::run(conn, uid.as_bytes(), until)?, last))
            })
            .await?;
        tell(last, &mut each);
        deleted += left;
        Ok(deleted)
    }

    /// Has everything ended, a chunk at a time; what has ended by itself meanwhile is left out. Says how many did.
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

/// A chunk that was as large as it might be may have left some.
fn counted(rows: usize) -> (usize, bool) {
    (rows, rows == ROWS as usize)
}

fn tell(ended: Vec<(Rid, Uid, Committed)>, each: &mut impl FnMut(Rid, Uid, Committed)) -> usize {
    let count = ended.len();
    for (rid, uid, committed) in ended {
        each(rid, uid, committed);
    }
    count
}

/// What waits in a room.
fn kept_in(conn: &mut Connection, rid: Rid) -> Result<Vec<End>, Error> {
    let kept = requests::kept_in_room(conn, rid.as_bytes())?.into_iter();
    kept.map(|due| {
        let command = Command::End { request_id: convert::fixed(&due.request_id)? };
        Ok((rid, convert::fixed(&due.uid)?, command))
    })
    .collect()
}

/// What a user waits for, and what others have from them.
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

/// Ends everything within a transaction. Gives what did not end with something before it.
fn end_now(
    conn: &mut Connection,
    quotas: &Quotas,
    ends: Vec<End>,
    now_us: i64,
) -> Result<Vec<(Rid, Uid, Committed)>, Error> {
    let mut ended = Vec::new();
    for end in ends {
        let (rid, uid, _) = end;
        match apply(conn, quotas, &ending(end), now_us) {
            Ok(committed) if committed.decision.change.is_some() => ended.push((rid, uid, committed)),
            Ok(_) => {}
            Err(Failure::Store(error)) => return Err(error),
            Err(Failure::Refused(_)) => return Err(Error::corrupt("something that cannot be ended")),
        }
    }
    Ok(ended)
}
