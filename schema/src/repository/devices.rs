//! The devices of requests: until it is finished, a request remembers which devices asked, and
//! which have the key.

use diesel::prelude::*;

use crate::connection::{Connection, on_either};
use crate::error::Error;
use crate::models::Device;
use crate::tables::devices;

/// Registers a device with a request. A second time changes nothing.
///
/// Errors: [`Conflict`](crate::ErrorKind::Conflict) if there is no such request or `device` is not
/// 16 bytes long.
pub fn register(conn: &mut Connection, request: i64, device: &[u8]) -> Result<(), Error> {
    on_either!(conn, |conn| {
        diesel::insert_into(devices::table)
            .values((devices::request.eq(request), devices::device.eq(device)))
            .on_conflict((devices::request, devices::device))
            .do_nothing()
            .execute(conn)
    })?;
    Ok(())
}

/// Lists the devices of a request, ordered by id.
pub fn of_request(conn: &mut Connection, request: i64) -> Result<Vec<Device>, Error> {
    Ok(on_either!(conn, |conn| devices::table
        .filter(devices::request.eq(request))
        .order(devices::device)
        .select(Device::as_select())
        .load(conn))?)
}

#[cfg(test)]
mod tests;
