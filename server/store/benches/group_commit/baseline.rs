//! The same work without a batch in memory: statement by statement, and the rows alone in bulk.

use std::time::{Duration, Instant};

use vestibule_schema::{
    Connection, Error,
    models::{
        ApproveState, ApproveUpdate, NewApprove, NewNotice, NewRequest, RequestState, RequestUpdate, Room,
    },
    repository::{
        approves, denials, devices,
        flush::{self, DeviceOf},
        notices, requests, rooms, store,
        transaction::transaction,
    },
};

use crate::{
    cpu::Cpu,
    place::Place,
    work::{FRAME, MEMBER, Measured, Newcomer, ROOMS, card, room},
};

const NOW: i64 = 1_700_000_000_000;
const CAP: u32 = 1 << 20;

/// One connection, so many commands in a transaction.
pub(crate) fn one_by_one(batch: usize, time: Duration) -> Measured {
    measure(time, move |conn, next| {
        let mut done = 0;
        transaction(conn, |conn| {
            while done < batch {
                let place = *next;
                let newcomer = Newcomer::new(place / 3);
                match place % 3 {
                    0 => ask(conn, &newcomer, seq(place))?,
                    1 => approve(conn, &newcomer, seq(place))?,
                    _ => ack(conn, &newcomer, seq(place))?,
                }
                store::set_last_seq(conn, seq(place))?;
                *next += 1;
                done += 1;
            }
            Ok::<(), Error>(())
        })?;
        Ok(batch)
    })
}

/// The rows that so many commands store, inserted without looking at anything.
pub(crate) fn in_bulk(batch: usize, time: Duration) -> Measured {
    measure(time, move |conn, next| {
        let newcomers: Vec<Newcomer> =
            (0..batch as u64 / 3).map(|place| Newcomer::new(*next + place)).collect();
        *next += newcomers.len() as u64;
        transaction(conn, |conn| insert(conn, &newcomers))?;
        Ok(newcomers.len() * 3)
    })
}

fn measure(
    time: Duration,
    mut work: impl FnMut(&mut Connection, &mut u64) -> Result<usize, Error>,
) -> Measured {
    let mut place = Place::new();
    for number in 0..ROOMS {
        rooms::put(&mut place.connection, &stored_room(number)).expect("a room is stored");
    }
    let (before, began) = (Cpu::of_this_thread(), Instant::now());
    let (mut latencies, mut commands, mut next) = (Vec::new(), 0, 0);
    while began.elapsed() < time {
        let started = Instant::now();
        commands += work(&mut place.connection, &mut next).expect("it is stored");
        latencies.push(started.elapsed());
    }
    let (took, cpu) = (began.elapsed(), Cpu::of_this_thread().since(before));
    Measured { took, latencies, commands, cpu }
}

fn ask(conn: &mut Connection, newcomer: &Newcomer, seq: i64) -> Result<(), Error> {
    let (rid, uid) = (newcomer.rid.as_bytes(), newcomer.uid.as_bytes());
    rooms::find(conn, rid)?;
    requests::find(conn, rid, uid, newcomer.id.as_bytes())?;
    requests::open_of_user_in_room(conn, rid, uid, NOW)?;
    denials::find(conn, rid, uid)?;
    requests::count_open_of_user(conn, uid, NOW, CAP)?;
    requests::count_of_user(conn, uid, CAP)?;
    let row = requests::insert(conn, &new_request(newcomer, seq))?;
    devices::register(conn, row, newcomer.id.as_bytes())
}

fn approve(conn: &mut Connection, newcomer: &Newcomer, seq: i64) -> Result<(), Error> {
    let (rid, uid, id) = (newcomer.rid.as_bytes(), newcomer.uid.as_bytes(), newcomer.id.as_bytes());
    rooms::find(conn, rid)?;
    approves::find(conn, rid, id)?;
    let request = requests::find(conn, rid, uid, id)?.expect("it was stored");
    approves::of_request(conn, rid, uid, id)?;
    approves::insert(conn, &new_approve(newcomer, seq))?;
    let state = RequestState::Approved;
    let update = RequestUpdate { id: request.id, state, seq: request.seq, first_ack: None, closed: None };
    flush::update_requests(conn, &[update])
}

fn ack(conn: &mut Connection, newcomer: &Newcomer, seq: i64) -> Result<(), Error> {
    let (rid, uid, id) = (newcomer.rid.as_bytes(), newcomer.uid.as_bytes(), newcomer.id.as_bytes());
    let approve = approves::find(conn, rid, id)?.expect("it was stored");
    let request = requests::find(conn, rid, uid, id)?.expect("it was stored");
    devices::of_request(conn, request.id)?;
    flush::mark_devices(conn, &[DeviceOf { request: request.id, device: id }])?;
    let saved = ApproveUpdate { id: approve.id, state: ApproveState::Saved, acked: true };
    flush::update_approves(conn, &[saved])?;
    let (state, closed) = (RequestState::Done, Some(NOW));
    let update = RequestUpdate { id: request.id, state, seq, first_ack: closed, closed };
    flush::update_requests(conn, &[update])?;
    notices::insert(conn, &new_notice(newcomer, seq))
}

fn insert(conn: &mut Connection, newcomers: &[Newcomer]) -> Result<(), Error> {
    let requests: Vec<_> = newcomers.iter().map(|newcomer| new_request(newcomer, NOW)).collect();
    let rows = flush::insert_requests(conn, &requests)?;
    let devices: Vec<_> = rows
        .iter()
        .zip(newcomers)
        .map(|(row, newcomer)| DeviceOf { request: *row, device: newcomer.id.as_bytes() })
        .collect();
    flush::register_devices(conn, &devices)?;
    let approves: Vec<_> = newcomers.iter().map(|newcomer| new_approve(newcomer, NOW)).collect();
    flush::insert_approves(conn, &approves)?;
    let notices: Vec<_> = newcomers.iter().map(|newcomer| new_notice(newcomer, NOW)).collect();
    flush::insert_notices(conn, &notices)
}

fn seq(place: u64) -> i64 {
    NOW * 1000 + i64::try_from(place).expect("a benchmark ends before that")
}

fn new_request(newcomer: &Newcomer, seq: i64) -> NewRequest<'_> {
    NewRequest {
        rid: newcomer.rid.as_bytes(),
        uid: newcomer.uid.as_bytes(),
        request_id: newcomer.id.as_bytes(),
        box_hash: newcomer.digest.as_bytes(),
        digest: newcomer.digest.as_bytes(),
        created: NOW,
        exp: i64::MAX,
        seq,
        frame: &[7; FRAME],
        account: None,
    }
}

fn new_approve(newcomer: &Newcomer, seq: i64) -> NewApprove<'_> {
    NewApprove {
        rid: newcomer.rid.as_bytes(),
        to_uid: newcomer.uid.as_bytes(),
        request_id: newcomer.id.as_bytes(),
        approve_id: newcomer.id.as_bytes(),
        by_uid: MEMBER.as_bytes(),
        digest: newcomer.digest.as_bytes(),
        at: NOW,
        exp: i64::MAX,
        seq,
        frame: &[8; FRAME],
    }
}

fn new_notice(newcomer: &Newcomer, seq: i64) -> NewNotice<'_> {
    let (uid, rid) = (MEMBER.as_bytes(), newcomer.rid.as_bytes());
    NewNotice { uid, rid, seq, at: NOW, frame: &[9; 160] }
}

fn stored_room(number: u64) -> Room {
    let rid = room(number);
    Room {
        rid: rid.0.to_vec(),
        policy: "request".to_owned(),
        version: 1,
        seq: NOW * 1000,
        created: NOW,
        frame: card(rid),
        creator: None,
        digest: Some(vec![2; 32]),
        open: 0,
        founder: None,
        listed: false,
        denied: 0,
    }
}
