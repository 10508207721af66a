//! Writes the rows that have changed.

use vestibule_schema::{
    Connection, Error,
    models::{ApproveUpdate, NewApprove, NewNotice, NewRequest, RequestUpdate},
    repository::{
        denials,
        flush::{self, DeviceOf},
        rooms, streams,
    },
};

use super::{DenialChange, RequestRow, Rows};

impl Rows<'_> {
    /// Writes what has changed, in an order in which each row finds those that it refers to.
    pub(super) fn write(mut self, conn: &mut Connection) -> Result<(), Error> {
        if !self.has_changed {
            return Ok(());
        }
        self.write_rooms(conn)?;
        self.write_denials(conn)?;
        self.write_requests(conn)?;
        self.write_devices(conn)?;
        self.write_approves(conn)?;
        let notices: Vec<NewNotice<'_>> = self
            .notices
            .iter()
            .map(|notice| NewNotice {
                uid: notice.uid.as_bytes(),
                rid: notice.rid.as_bytes(),
                seq: notice.seq,
                at: notice.at,
                frame: &notice.frame,
            })
            .collect();
        flush::insert_notices(conn, &notices)?;
        streams::store(conn, &self.streams)
    }

    fn write_rooms(&self, conn: &mut Connection) -> Result<(), Error> {
        for room in self.rooms.values().flatten() {
            let (row, rid) = (&room.row, &room.row.rid);
            if room.has_new_card {
                rooms::put(conn, row)?;
            }
            if room.has_new_creator
                && let Some(creator) = &row.creator
            {
                rooms::set_creator(conn, rid, creator, row.seq)?;
            }
            if room.has_new_listing {
                rooms::set_listed(conn, rid, row.listed, row.seq)?;
            }
        }
        Ok(())
    }

    fn write_denials(&self, conn: &mut Connection) -> Result<(), Error> {
        self.denials.values().flatten().try_for_each(|denial| match denial.change {
            Some(DenialChange::Put) => denials::put(conn, &denial.row),
            Some(DenialChange::Lifted) => denials::lift(conn, &denial.row.rid, &denial.row.uid).map(drop),
            None => Ok(()),
        })
    }

    /// Stores new requests as pending, then updates them with the others: one may have been
    /// finished in the batch in which it came.
    fn write_requests(&mut self, conn: &mut Connection) -> Result<(), Error> {
        let mut new: Vec<&mut RequestRow> =
            self.requests.values_mut().flatten().filter(|request| request.row.id == 0).collect();
        // As they came: row ids grow with the seqs.
        new.sort_unstable_by_key(|request| request.row.seq);
        let rows: Vec<NewRequest<'_>> = new.iter().map(|request| new_request(request)).collect();
        let ids = flush::insert_requests(conn, &rows)?;
        for (request, id) in new.into_iter().zip(ids) {
            request.row.id = id;
        }
        let changed = self.requests.values().flatten();
        let changed = changed.filter(|request| request.is_changed || request.first_ack.is_some());
        let updates: Vec<RequestUpdate> = changed
            .map(|RequestRow { row, first_ack, .. }| RequestUpdate {
                id: row.id,
                state: row.state,
                seq: row.seq,
                first_ack: *first_ack,
                closed: row.closed,
            })
            .collect();
        flush::update_requests(conn, &updates)
    }

    fn write_devices(&self, conn: &mut Connection) -> Result<(), Error> {
        let (mut new, mut acked) = (Vec::new(), Vec::new());
        for request in self.requests.values().flatten() {
            for known in &request.devices {
                let device = DeviceOf { request: request.row.id, device: known.device.as_bytes() };
                new.extend(known.is_new.then_some(device));
                acked.extend(known.is_changed.then_some(device));
            }
        }
        flush::register_devices(conn, &new)?;
        flush::mark_devices(conn, &acked)
    }

    fn write_approves(&mut self, conn: &mut Connection) -> Result<(), Error> {
        let mut new: Vec<_> =
            self.approves.values_mut().flatten().filter(|approve| approve.row.id == 0).collect();
        new.sort_unstable_by_key(|approve| approve.row.seq);
        let rows: Vec<NewApprove<'_>> = new
            .iter()
            .map(|approve| NewApprove {
                rid: &approve.row.rid,
                to_uid: &approve.row.to_uid,
                request_id: &approve.row.request_id,
                approve_id: &approve.row.approve_id,
                by_uid: &approve.row.by_uid,
                digest: &approve.row.digest,
                at: approve.row.at,
                exp: approve.row.exp,
                seq: approve.row.seq,
                frame: approve.frame,
            })
            .collect();
        let ids = flush::insert_approves(conn, &rows)?;
        for (approve, id) in new.into_iter().zip(ids) {
            approve.row.id = id;
        }
        let changed = self.approves.values().flatten().filter(|approve| approve.is_changed);
        let updates: Vec<ApproveUpdate> = changed
            .map(|approve| ApproveUpdate {
                id: approve.row.id,
                state: approve.row.state,
                acked: approve.row.acked,
            })
            .collect();
        flush::update_approves(conn, &updates)
    }
}

fn new_request(RequestRow { row, .. }: &RequestRow) -> NewRequest<'_> {
    NewRequest {
        rid: &row.rid,
        uid: &row.uid,
        request_id: &row.request_id,
        box_hash: &row.box_hash,
        digest: &row.digest,
        created: row.created,
        exp: row.exp,
        seq: row.seq,
        frame: row.frame.as_deref().unwrap_or_default(),
        account: row.account.as_deref(),
    }
}
