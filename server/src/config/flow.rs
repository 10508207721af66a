//! Limits and times of the approve flow.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use vestibule_approve::limits::{FieldLimits, Quotas};
use vestibule_channels::transport::{Period, Rate};

use super::{
    live::LIVE,
    values::{bytes, count, count_or_none, duration, duration_or_none, rate, size},
};
use crate::approve::FanOutRate;

/// The limits of the approve flow.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits on rooms, requests and approves")]
pub struct FlowOptions {
    /// Open requests of one user in one room
    ///
    /// Further ones get `quota`.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "8", value_parser = count)]
    max_open_per_user: usize,

    /// Open requests of one room
    ///
    /// Further ones get `quota`. A denied or blocked request no longer counts.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "1000", value_parser = count)]
    max_open_per_room: usize,

    /// Denied requests of one room that are kept, so that a member can still approve them
    ///
    /// A further request ends at once when it is denied; its user cannot ask again until the denial
    /// ends or is lifted.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "1000", value_parser = count_or_none)]
    max_denied_per_room: usize,

    /// Open requests in total
    ///
    /// Further ones get `quota`. One room can take at most a tenth of them, one user a hundredth.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "100000", value_parser = count)]
    max_open: usize,

    /// Requests of one user in all rooms, open or remembered
    ///
    /// Further ones get `quota`.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "256", value_parser = count)]
    max_requests_per_user: usize,

    /// New requests per minute from one block of addresses (IPv4 /24, IPv6 /48)
    ///
    /// Further ones get `rate_limited`. This is the sustained rate; `--max-new-requests-at-once`
    /// allows bursts. The server keeps addresses in memory only, and only while they count.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "30", value_parser = rate)]
    max_new_requests_per_minute: NonZeroU32,

    /// New requests that one block of addresses may send at once, after a pause
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "200", value_parser = rate)]
    max_new_requests_at_once: NonZeroU32,

    /// What one user may send to other members per second, in bytes times recipients
    ///
    /// Further messages get `rate_limited`. This is the sustained rate; `--max-fan-out-at-once`
    /// allows bursts. A cursor that moves 20 times a second in a room of 1,000 takes some 8MiB.
    #[arg(long, group = LIVE, value_name = "SIZE", default_value = "16MiB", value_parser = size)]
    max_fan_out_per_second: usize,

    /// What one user may send to other members at once, after a pause
    ///
    /// A single message that costs more still goes through, after a pause.
    #[arg(long, group = LIVE, value_name = "SIZE", default_value = "128MiB", value_parser = size)]
    max_fan_out_at_once: usize,

    /// Devices of one request
    ///
    /// Further ones get `quota`.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "16", value_parser = count)]
    max_devices: usize,

    /// Rooms that one user may create; 0 for no new rooms
    ///
    /// Further ones get `quota`. Publishing a new card for a room does not count.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "100", value_parser = count_or_none)]
    max_rooms_per_user: usize,

    /// Approves of one request that wait at the same time
    ///
    /// Further ones get `slots_full`.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "8", value_parser = count)]
    max_approves: usize,

    /// Nacked approves of one request by one member
    ///
    /// After that many, further approves of the request by this member get `slots_full`.
    #[arg(long, group = LIVE, value_name = "COUNT", default_value = "3", value_parser = count)]
    max_nacks: usize,

    /// Characters of a request's note; 0 for no notes
    ///
    /// Longer ones get `too_large`. The server tells clients at each join.
    #[arg(long, value_name = "COUNT", default_value = "280", value_parser = count_or_none)]
    pub(super) max_note: usize,

    /// Characters of a room's name; 0 for no names
    ///
    /// Longer ones get `too_large`. The server tells clients at each join.
    #[arg(long, value_name = "COUNT", default_value = "80", value_parser = count_or_none)]
    pub(super) max_name: usize,

    /// Size of an approve's ciphertext
    ///
    /// Larger ones get `too_large`. The server tells clients at each join.
    #[arg(long, value_name = "SIZE", default_value = "16KiB", value_parser = size)]
    pub(super) max_ct: usize,

    /// Size of a request's box key
    ///
    /// Larger ones get `too_large`. The server tells clients at each join.
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = size)]
    pub(super) max_box_pub: usize,

    /// How far in the future a request or approve may expire
    ///
    /// Later ones get `bad_payload`. The server tells clients at each join.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    max_exp: Duration,

    /// How long a denied user must wait before the next request; 0s for no wait
    ///
    /// Earlier requests get `cooldown`.
    #[arg(long, group = LIVE, value_name = "TIME", default_value = "24h", value_parser = duration_or_none)]
    cooldown: Duration,

    /// How long a request waits for its other devices after the first ack
    #[arg(long, group = LIVE, value_name = "TIME", default_value = "7d", value_parser = duration)]
    keep_for_devices: Duration,

    /// How long a finished request is remembered
    #[arg(long, group = LIVE, value_name = "TIME", default_value = "24h", value_parser = duration)]
    keep_finished: Duration,

    /// How long a notice is kept
    #[arg(long, group = LIVE, value_name = "TIME", default_value = "30d", value_parser = duration)]
    keep_notices: Duration,

    /// How long to wait for an ack or nack before sending an approve again
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(super) redelivery: Duration,

    /// How often to look for expired requests and approves
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(super) sweep: Duration,

    /// Messages that may wait for one room
    ///
    /// Further messages get `overloaded`; clients retry.
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count)]
    pub(super) max_mailbox: usize,

    /// Commands that may wait for the disk
    ///
    /// Further commands get `overloaded`; clients retry.
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count)]
    pub(super) max_store_queue: usize,

    /// Size of the database
    ///
    /// Commands that would make it larger get `storage_full`; clients retry later.
    #[arg(long, group = LIVE, value_name = "SIZE", default_value = "16GiB", value_parser = bytes)]
    pub(crate) max_store: u64,
}

impl FlowOptions {
    pub(super) fn limits(&self) -> FieldLimits {
        FieldLimits {
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

    /// The rate of what one user may send to other members.
    pub(crate) fn fan_out(&self) -> FanOutRate {
        FanOutRate { per_second: self.max_fan_out_per_second, at_once: self.max_fan_out_at_once }
    }

    pub(crate) fn quotas(&self) -> Quotas {
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
