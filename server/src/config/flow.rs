//! What the approve flow takes, keeps and waits for.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use vestibule_approve::limits::{Limits, Quotas};
use vestibule_channels::transport::{Period, Rate};

use super::values::{bytes, count, count_or_none, duration, duration_or_none, rate, size};
use crate::approve::ReachRate;

/// The limits of the approve flow.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits of rooms, requests and approves")]
pub struct FlowOptions {
    /// Open requests of one user in one room
    ///
    /// One more is refused: `quota`.
    #[arg(long, value_name = "COUNT", default_value = "8", value_parser = count)]
    max_open_per_user: usize,

    /// Open requests of one room
    ///
    /// One more is refused: `quota`. A request that is denied or blocked gives its place back.
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = count)]
    max_open_per_room: usize,

    /// Denied requests of one room that are kept, so that a member may approve them all the same
    ///
    /// A further one that is denied ends at once; until the denial ends or is lifted its user cannot ask again.
    #[arg(long, value_name = "COUNT", default_value = "1000", value_parser = count_or_none)]
    max_denied_per_room: usize,

    /// Open requests in all
    ///
    /// One more is refused: `quota`. One room takes at most a tenth of them, one user a hundredth.
    #[arg(long, value_name = "COUNT", default_value = "100000", value_parser = count)]
    max_open: usize,

    /// Requests of one user in all rooms, open or remembered
    ///
    /// One more is refused: `quota`.
    #[arg(long, value_name = "COUNT", default_value = "256", value_parser = count)]
    max_requests_per_user: usize,

    /// New requests from one block of addresses (IPv4 /24, IPv6 /48), a minute
    ///
    /// One more is refused: `rate_limited`. This many come through in the long run; how many at once,
    /// `--max-new-requests-at-once` says. Addresses are kept in memory, for as long as they count.
    #[arg(long, value_name = "COUNT", default_value = "30", value_parser = rate)]
    max_new_requests_per_minute: NonZeroU32,

    /// New requests from one block of addresses at once, after a silence
    #[arg(long, value_name = "COUNT", default_value = "200", value_parser = rate)]
    max_new_requests_at_once: NonZeroU32,

    /// What one user may have sent to other members, a second: bytes times recipients
    ///
    /// One more message is refused: `rate_limited`. So much comes through in the long run; how much at once,
    /// `--max-fan-out-at-once` says. A member of a room of 1,000 whose cursor moves 20 times a second takes some 8MiB.
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size)]
    max_fan_out_per_second: usize,

    /// What one user may have sent to other members at once, after a silence
    ///
    /// A single message that costs more comes through all the same, after a silence.
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = size)]
    max_fan_out_at_once: usize,

    /// Devices of one request
    ///
    /// One more is refused: `quota`.
    #[arg(long, value_name = "COUNT", default_value = "16", value_parser = count)]
    max_devices: usize,

    /// Rooms created by one user; 0 for no new rooms
    ///
    /// One more is refused: `quota`. Another card of a room is no other room.
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = count_or_none)]
    max_rooms_per_user: usize,

    /// Live approves of one request
    ///
    /// One more is refused: `slots_full`.
    #[arg(long, value_name = "COUNT", default_value = "8", value_parser = count)]
    max_approves: usize,

    /// Approves of one request by one member that may turn out bad
    ///
    /// One more is refused: `slots_full`.
    #[arg(long, value_name = "COUNT", default_value = "3", value_parser = count)]
    max_nacks: usize,

    /// Characters of a request's note; 0 for no notes
    ///
    /// A longer one is refused: `too_large`. Clients are told at each join.
    #[arg(long, value_name = "COUNT", default_value = "280", value_parser = count_or_none)]
    pub(super) max_note: usize,

    /// Characters of a room's name; 0 for no names
    ///
    /// A longer one is refused: `too_large`. Clients are told at each join.
    #[arg(long, value_name = "COUNT", default_value = "80", value_parser = count_or_none)]
    pub(super) max_name: usize,

    /// An approve's ciphertext
    ///
    /// A larger one is refused: `too_large`. Clients are told at each join.
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = size)]
    pub(super) max_ct: usize,

    /// A request's box key
    ///
    /// A larger one is refused: `too_large`. Clients are told at each join.
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = size)]
    pub(super) max_box_pub: usize,

    /// How far ahead a request or approve may expire
    ///
    /// What is to live longer is refused: `bad_payload`. Clients are told at each join.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    max_exp: Duration,

    /// How long who was denied waits before the next request; 0s for not at all
    ///
    /// A request before that is refused: `cooldown`.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration_or_none)]
    cooldown: Duration,

    /// How long after its first ack a request waits for its other devices
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    keep_for_devices: Duration,

    /// How long a finished request is remembered
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    keep_finished: Duration,

    /// How long a notice is kept
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    keep_notices: Duration,

    /// When an approve is sent again that is neither acked nor nacked
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) redelivery: Duration,

    /// How often what has expired is looked for
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(super) sweep: Duration,

    /// Messages that wait for one room
    ///
    /// One more is answered `overloaded`; clients repeat.
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count)]
    pub(super) max_mailbox: usize,

    /// Commands that wait for the disk
    ///
    /// One more is answered `overloaded`; clients repeat.
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count)]
    pub(super) max_store_queue: usize,

    /// The database
    ///
    /// What would make it larger is answered `storage_full`; clients repeat, later.
    #[arg(long, value_name = "SIZE", default_value = "16GiB", value_parser = bytes)]
    pub(super) max_store: u64,
}

impl FlowOptions {
    pub(super) fn limits(&self) -> Limits {
        Limits {
            note: self.max_note,
            name: self.max_name,
            ct: self.max_ct,
            box_pub: self.max_box_pub,
            exp_ms: ms(self.max_exp),
        }
    }

    /// How many new requests one block of addresses may send.
    pub(crate) fn new_requests(&self) -> Rate {
        let (often, at_once) = (self.max_new_requests_per_minute, self.max_new_requests_at_once);
        Rate { often, period: Period::Minute, at_once }
    }

    /// How much one user may have sent to other members.
    pub(crate) fn reach(&self) -> ReachRate {
        ReachRate { per_second: self.max_fan_out_per_second, at_once: self.max_fan_out_at_once }
    }

    pub(super) fn quotas(&self) -> Quotas {
        Quotas {
            open_per_user_in_room: self.max_open_per_user,
            requests_per_user: self.max_requests_per_user,
            open_per_room: self.max_open_per_room,
            denied_per_room: self.max_denied_per_room,
            open_in_all: self.max_open,
            devices_per_request: self.max_devices,
            rooms_per_user: self.max_rooms_per_user,
            approves_per_request: self.max_approves,
            nacks_per_approver: self.max_nacks,
            cooldown_ms: ms(self.cooldown),
            devices_ms: ms(self.keep_for_devices),
            memory_ms: ms(self.keep_finished),
            notices_ms: ms(self.keep_notices),
        }
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
