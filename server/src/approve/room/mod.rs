//! The channel of `room:<rid>`: guests ask for the room's key, members send it.
//!
//! Everybody joins as a guest. A guest who signs the join's nonce with the room key becomes a
//! member, is sent the requests that wait, and hears of new ones. `state` holds the subscribers,
//! `channel` is the channel itself. `prove` makes members, `guest` and `member` handle what either
//! may send, `fan_out` tells everybody about committed changes, `presence` counts members and
//! guests.

mod channel;
mod fan_out;
mod guest;
mod member;
mod presence;
mod prove;
mod state;

pub(super) use self::state::KeyRoom;
pub use self::state::RoomSubscriber;
