//! The devices that asked: each request remembers which, and which of them have the key, until it is finished.

use diesel::prelude::*;

use crate::connection::Connection;
use crate::error::Error;
use crate::models::Device;
use crate::tables::devices;

/// Registers a device with the request of this row; again changes nothing.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if there is no such row or `device` has not 16 bytes.
pub fn register(conn: &mut Connection, request: i64, device: &[u8]) -> Result<(), Error> {
    diesel::insert_into(devices::table)
        .values((devices::request.eq(request), devices::device.eq(device)))
        .on_conflict((devices::request, devices::device))
        .do_nothing()
        .execute(conn)?;
    Ok(())
}

/// The devices that are registered with a request, in the order of their ids.
pub fn of_request(conn: &mut Connection, request: i64) -> Result<Vec<Device>, Error> {
    Ok(devices::table
        .filter(devices::request.eq(request))
        .order(devices::device)
        .select(Device::as_select())
        .load(conn)?)
}

/// Notes that a device has the key. Returns whether it is registered.
pub fn mark_acked(conn: &mut Connection, request: i64, device: &[u8]) -> Result<bool, Error> {
    let changed =
        diesel::update(devices::table.find((request, device))).set(devices::acked.eq(true)).execute(conn)?;
    Ok(changed == 1)
}

#[cfg(test)]
mod tests;
