//! The updates of SQLite, a row at a time.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::DeviceOf;
use crate::connection::prepared::Prepared;
use crate::error::{Error, ErrorKind};
use crate::models::{ApproveState, ApproveUpdate, RequestState, RequestUpdate};
use crate::tables::devices;

pub(super) fn update_requests(conn: &mut SqliteConnection, updates: &[RequestUpdate]) -> Result<(), Error> {
    each_once(updates.iter().map(|update| update.id))?;
    updates.iter().try_for_each(|update| update_request(conn, update))
}

pub(super) fn update_approves(conn: &mut SqliteConnection, updates: &[ApproveUpdate]) -> Result<(), Error> {
    each_once(updates.iter().map(|update| update.id))?;
    updates.iter().try_for_each(|update| update_approve(conn, update))
}

/// Only a row with a frame may keep it. Of a denied one the denial must be stored: when that ends,
/// the request is due.
fn update_request(conn: &mut SqliteConnection, update: &RequestUpdate) -> Result<(), Error> {
    let RequestUpdate { id, state, seq, first_ack, closed } = *update;
    let (code, seq, row) = (Some(state as i64), Some(seq), Some(id));
    let statement = match closed {
        Some(_) => Prepared::<_>::new(
            "UPDATE requests SET state = ?, seq = ?, first_ack = coalesce(first_ack, ?), closed = ?,
                 frame = NULL, account = NULL
             WHERE id = ?",
            [code, seq, first_ack, closed, row],
        ),
        None if state == RequestState::Denied => Prepared::new(
            "UPDATE requests SET state = ?, seq = ?, first_ack = coalesce(first_ack, ?)
             WHERE id = ? AND frame IS NOT NULL AND EXISTS (
                 SELECT 1 FROM denials WHERE denials.rid = requests.rid AND denials.uid = requests.uid)",
            [code, seq, first_ack, row],
        ),
        None if first_ack.is_some() => Prepared::new(
            "UPDATE requests SET state = ?, seq = ?, first_ack = coalesce(first_ack, ?)
             WHERE id = ? AND frame IS NOT NULL",
            [code, seq, first_ack, row],
        ),
        None => Prepared::new(
            "UPDATE requests SET state = ?, seq = ? WHERE id = ? AND frame IS NOT NULL",
            [code, seq, row],
        ),
    };
    one_row(statement.execute(conn)?, "request", id)?;
    if closed.is_some() {
        diesel::delete(devices::table.filter(devices::request.eq(id))).execute(conn)?;
    }
    Ok(())
}

fn update_approve(conn: &mut SqliteConnection, update: &ApproveUpdate) -> Result<(), Error> {
    let ApproveUpdate { id, state, acked } = *update;
    let sql = if state == ApproveState::Live {
        "UPDATE approves SET state = ?, acked = ? WHERE id = ?"
    } else {
        "UPDATE approves SET state = ?, acked = ?, frame = NULL WHERE id = ?"
    };
    let statement = Prepared::<_>::new(sql, [Some(state as i64), Some(acked.into()), Some(id)]);
    one_row(statement.execute(conn)?, "approve", id)
}

pub(super) fn mark_device(conn: &mut SqliteConnection, row: &DeviceOf<'_>) -> Result<(), Error> {
    let device = devices::table.find((row.request, row.device));
    diesel::update(device).set(devices::acked.eq(true)).execute(conn)?;
    Ok(())
}

/// PostgreSQL changes a row once a statement, however often it is named.
fn each_once(ids: impl Iterator<Item = i64>) -> Result<(), Error> {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::new(ErrorKind::Conflict, format!("row {} is named twice", pair[0]))),
    }
}

fn one_row(changed: usize, what: &str, id: i64) -> Result<(), Error> {
    if changed == 1 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, format!("{what} {id} is not there, or not to be changed so")))
}
