//! Who is in a room, as operators are told.

use vestibule_approve::{frames::Id, signed::Uid};

/// Somebody who is in a room at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Online {
    /// The connection.
    pub connection: u64,
    /// The user.
    pub uid: Uid,
    /// The device.
    pub device: Id,
    /// Whether this connection proved the room key.
    pub is_member: bool,
}
