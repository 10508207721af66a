//! The writes to PostgreSQL. How many rows there are is no part of a statement, so each is prepared
//! once.

use std::collections::HashMap;

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::DeviceOf;
use crate::connection::prepared::{Prepared, Value};
use crate::error::{Error, ErrorKind};
use crate::models::{
    ApproveState, ApproveUpdate, NewApprove, NewNotice, NewRequest, RequestState, RequestUpdate,
};
use crate::tables::devices;

pub(super) fn insert_requests(conn: &mut PgConnection, rows: &[NewRequest<'_>]) -> Result<Vec<i64>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let inserted: Vec<(i64, Vec<u8>)> = Prepared::<_, (BigInt, Binary)>::new(
        "INSERT INTO requests (rid, uid, request_id, box_hash, digest, created, exp, seq, frame, account)
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         RETURNING id, rid || uid || request_id",
        [
            Value::Bytes(rows.iter().map(|row| row.rid).collect()),
            Value::Bytes(rows.iter().map(|row| row.uid).collect()),
            Value::Bytes(rows.iter().map(|row| row.request_id).collect()),
            Value::Bytes(rows.iter().map(|row| row.box_hash).collect()),
            Value::Bytes(rows.iter().map(|row| row.digest).collect()),
            Value::Numbers(rows.iter().map(|row| row.created).collect()),
            Value::Numbers(rows.iter().map(|row| row.exp).collect()),
            Value::Numbers(rows.iter().map(|row| row.seq).collect()),
            Value::Bytes(rows.iter().map(|row| row.frame).collect()),
            Value::PerhapsTexts(rows.iter().map(|row| row.account).collect()),
        ],
    )
    .load(conn)?;
    // PostgreSQL promises no order.
    let ids: HashMap<Vec<u8>, i64> = inserted.into_iter().map(|(id, name)| (name, id)).collect();
    in_order(rows.iter().map(|row| ids.get(&[row.rid, row.uid, row.request_id].concat()).copied()))
}

pub(super) fn update_requests(conn: &mut PgConnection, updates: &[RequestUpdate]) -> Result<(), Error> {
    if updates.is_empty() {
        return Ok(());
    }
    let changed = Prepared::<_>::new(
        "UPDATE requests SET
             state = new.state, seq = new.seq, first_ack = coalesce(requests.first_ack, new.first_ack),
             frame = CASE WHEN new.closed IS NULL THEN requests.frame END,
             account = CASE WHEN new.closed IS NULL THEN requests.account END,
             closed = new.closed
         FROM unnest(?, ?, ?, ?, ?, ?) AS new (id, state, seq, first_ack, closed, is_denied)
         WHERE requests.id = new.id AND (NOT new.is_denied OR EXISTS (
             SELECT 1 FROM denials WHERE denials.rid = requests.rid AND denials.uid = requests.uid))",
        [
            Value::Numbers(updates.iter().map(|update| update.id).collect()),
            Value::Small(updates.iter().map(|update| update.state as i16).collect()),
            Value::Numbers(updates.iter().map(|update| update.seq).collect()),
            Value::Perhaps(updates.iter().map(|update| update.first_ack).collect()),
            Value::Perhaps(updates.iter().map(|update| update.closed).collect()),
            Value::Flags(updates.iter().map(is_denied_for_now).collect()),
        ],
    )
    .execute(conn)?;
    all_changed(changed, updates.len())?;
    let finished: Vec<i64> =
        updates.iter().filter(|update| update.closed.is_some()).map(|update| update.id).collect();
    if !finished.is_empty() {
        diesel::delete(devices::table.filter(devices::request.eq_any(&finished))).execute(conn)?;
    }
    Ok(())
}

/// Then its denial must be stored: when that ends, the request is due.
fn is_denied_for_now(update: &RequestUpdate) -> bool {
    update.state == RequestState::Denied && update.closed.is_none()
}

pub(super) fn insert_approves(conn: &mut PgConnection, rows: &[NewApprove<'_>]) -> Result<Vec<i64>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let inserted: Vec<(i64, Vec<u8>)> = Prepared::<_, (BigInt, Binary)>::new(
        "INSERT INTO approves (rid, to_uid, request_id, approve_id, by_uid, digest, at, exp, seq, frame)
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         RETURNING id, rid || approve_id",
        [
            Value::Bytes(rows.iter().map(|row| row.rid).collect()),
            Value::Bytes(rows.iter().map(|row| row.to_uid).collect()),
            Value::Bytes(rows.iter().map(|row| row.request_id).collect()),
            Value::Bytes(rows.iter().map(|row| row.approve_id).collect()),
            Value::Bytes(rows.iter().map(|row| row.by_uid).collect()),
            Value::Bytes(rows.iter().map(|row| row.digest).collect()),
            Value::Numbers(rows.iter().map(|row| row.at).collect()),
            Value::Numbers(rows.iter().map(|row| row.exp).collect()),
            Value::Numbers(rows.iter().map(|row| row.seq).collect()),
            Value::Bytes(rows.iter().map(|row| row.frame).collect()),
        ],
    )
    .load(conn)?;
    let ids: HashMap<Vec<u8>, i64> = inserted.into_iter().map(|(id, name)| (name, id)).collect();
    in_order(rows.iter().map(|row| ids.get(&[row.rid, row.approve_id].concat()).copied()))
}

pub(super) fn update_approves(conn: &mut PgConnection, updates: &[ApproveUpdate]) -> Result<(), Error> {
    if updates.is_empty() {
        return Ok(());
    }
    let changed = Prepared::<_>::new(
        "UPDATE approves SET state = new.state, acked = new.acked,
             frame = CASE WHEN new.is_live THEN approves.frame END
         FROM unnest(?, ?, ?, ?) AS new (id, state, acked, is_live)
         WHERE approves.id = new.id",
        [
            Value::Numbers(updates.iter().map(|update| update.id).collect()),
            Value::Small(updates.iter().map(|update| update.state as i16).collect()),
            Value::Flags(updates.iter().map(|update| update.acked).collect()),
            Value::Flags(updates.iter().map(|update| update.state == ApproveState::Live).collect()),
        ],
    )
    .execute(conn)?;
    all_changed(changed, updates.len())
}

pub(super) fn register_devices(conn: &mut PgConnection, rows: &[DeviceOf<'_>]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    Prepared::<_>::new(
        "INSERT INTO devices (request, device) SELECT * FROM unnest(?, ?) ON CONFLICT DO NOTHING",
        [
            Value::Numbers(rows.iter().map(|row| row.request).collect()),
            Value::Bytes(rows.iter().map(|row| row.device).collect()),
        ],
    )
    .execute(conn)?;
    Ok(())
}

pub(super) fn mark_devices(conn: &mut PgConnection, rows: &[DeviceOf<'_>]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    Prepared::<_>::new(
        "UPDATE devices SET acked = true FROM unnest(?, ?) AS new (request, device)
         WHERE devices.request = new.request AND devices.device = new.device",
        [
            Value::Numbers(rows.iter().map(|row| row.request).collect()),
            Value::Bytes(rows.iter().map(|row| row.device).collect()),
        ],
    )
    .execute(conn)?;
    Ok(())
}

pub(super) fn insert_notices(conn: &mut PgConnection, rows: &[NewNotice<'_>]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    Prepared::<_>::new(
        "INSERT INTO notices (uid, rid, seq, at, frame) SELECT * FROM unnest(?, ?, ?, ?, ?)",
        [
            Value::Bytes(rows.iter().map(|row| row.uid).collect()),
            Value::Bytes(rows.iter().map(|row| row.rid).collect()),
            Value::Numbers(rows.iter().map(|row| row.seq).collect()),
            Value::Numbers(rows.iter().map(|row| row.at).collect()),
            Value::Bytes(rows.iter().map(|row| row.frame).collect()),
        ],
    )
    .execute(conn)?;
    Ok(())
}

fn in_order(ids: impl Iterator<Item = Option<i64>>) -> Result<Vec<i64>, Error> {
    let all: Option<Vec<i64>> = ids.collect();
    all.ok_or_else(|| Error::new(ErrorKind::Conflict, "a row was not stored"))
}

fn all_changed(changed: usize, wanted: usize) -> Result<(), Error> {
    if changed == wanted {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, format!("{changed} rows of {wanted} are there and to be changed so")))
}
