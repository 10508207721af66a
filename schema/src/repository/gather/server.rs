//! The sets of PostgreSQL. How many there are is no part of a statement, so each is prepared once.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::{ApproveKey, RequestCounts, RequestKey, UserInRoom};
use crate::connection::prepared::{Among, Prepared, Value};
use crate::error::Error;
use crate::models::{Approve, Denial, Device, Request, Room};
use crate::repository::requests::{denied, open};
use crate::tables::{approves, denials, devices, requests, rooms};

pub(super) fn rooms(conn: &mut PgConnection, rids: &[&[u8]]) -> Result<Vec<Room>, Error> {
    Ok(rooms::table.filter(rooms::rid.eq_any(rids)).select(Room::as_select()).load(conn)?)
}

pub(super) fn founded_by(conn: &mut PgConnection, uids: &[&[u8]], cap: u32) -> Result<Vec<usize>, Error> {
    let counts: Vec<i64> = Prepared::<_, BigInt>::new(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM rooms WHERE founder = asked.uid LIMIT ?) AS counted)
         FROM unnest(?) WITH ORDINALITY AS asked (uid, place) ORDER BY place",
        [Value::Number(cap.into()), Value::Bytes(uids.to_vec())],
    )
    .load(conn)?;
    Ok(counts.into_iter().map(counted).collect())
}

pub(super) fn requests(conn: &mut PgConnection, keys: &[RequestKey<'_>]) -> Result<Vec<Request>, Error> {
    let named =
        Among::new("(rid, uid, request_id)", keys.iter().map(|key| [key.rid, key.uid, key.request_id]));
    Ok(requests::table.filter(named).select(Request::as_select()).load(conn)?)
}

pub(super) fn open_requests(
    conn: &mut PgConnection,
    users: &[UserInRoom<'_>],
    now: i64,
) -> Result<Vec<Request>, Error> {
    let theirs = Among::new("(rid, uid)", pairs(users));
    Ok(requests::table.filter(theirs).filter(open(now)).select(Request::as_select()).load(conn)?)
}

pub(super) fn denied_requests(
    conn: &mut PgConnection,
    users: &[UserInRoom<'_>],
    now: i64,
) -> Result<Vec<Request>, Error> {
    let theirs = requests::table.filter(Among::new("(rid, uid)", pairs(users)));
    let kept = theirs.filter(denied()).filter(requests::exp.gt(now));
    Ok(kept.select(Request::as_select()).load(conn)?)
}

pub(super) fn request_counts(
    conn: &mut PgConnection,
    uids: &[&[u8]],
    now: i64,
    (open_cap, all_cap): (u32, u32),
) -> Result<Vec<RequestCounts>, Error> {
    let counts: Vec<(i64, i64)> = Prepared::<_, (BigInt, BigInt)>::new(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM requests
                 WHERE uid = asked.uid AND is_open IS NOT NULL AND exp > ? LIMIT ?) AS counted),
                (SELECT count(*) FROM (SELECT 1 FROM requests WHERE uid = asked.uid LIMIT ?) AS counted)
         FROM unnest(?) WITH ORDINALITY AS asked (uid, place) ORDER BY place",
        [
            Value::Number(now),
            Value::Number(open_cap.into()),
            Value::Number(all_cap.into()),
            Value::Bytes(uids.to_vec()),
        ],
    )
    .load(conn)?;
    let counts = counts.into_iter();
    Ok(counts.map(|(open, all)| RequestCounts { open: counted(open), all: counted(all) }).collect())
}

pub(super) fn approves(conn: &mut PgConnection, keys: &[ApproveKey<'_>]) -> Result<Vec<Approve>, Error> {
    let named = Among::new("(rid, approve_id)", keys.iter().map(|key| [key.rid, key.approve_id]));
    Ok(approves::table.filter(named).select(Approve::as_select()).load(conn)?)
}

pub(super) fn approves_of(conn: &mut PgConnection, keys: &[RequestKey<'_>]) -> Result<Vec<Approve>, Error> {
    let named =
        Among::new("(rid, to_uid, request_id)", keys.iter().map(|key| [key.rid, key.uid, key.request_id]));
    Ok(approves::table.filter(named).order(approves::seq).select(Approve::as_select()).load(conn)?)
}

pub(super) fn devices(conn: &mut PgConnection, requests: &[i64]) -> Result<Vec<(i64, Device)>, Error> {
    Ok(devices::table
        .filter(devices::request.eq_any(requests))
        .order(devices::device)
        .select((devices::request, Device::as_select()))
        .load(conn)?)
}

pub(super) fn denials(conn: &mut PgConnection, users: &[UserInRoom<'_>]) -> Result<Vec<Denial>, Error> {
    let theirs = Among::new("(rid, uid)", pairs(users));
    Ok(denials::table.filter(theirs).select(Denial::as_select()).load(conn)?)
}

fn pairs<'a>(users: &'a [UserInRoom<'a>]) -> impl Iterator<Item = [&'a [u8]; 2]> {
    users.iter().map(|user| [user.rid, user.uid])
}

fn counted(count: i64) -> usize {
    usize::try_from(count).unwrap_or_default()
}
