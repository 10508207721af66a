//! What an operator can set about the flow.

use std::time::Duration;

use vestibule_approve::limits::FieldLimits;
use vestibule_channels::transport::Rate;

use super::fan_out_limit::FanOutRate;

/// The flow's settings. Quotas belong to the store.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// The server's names; if empty, the server has the name of the host that a client addresses.
    pub names: Vec<String>,
    /// The largest sizes of fields.
    pub limits: FieldLimits,
    /// How long an approve waits for an ack or nack before it is sent again.
    pub redelivery: Duration,
    /// How often the sweep looks for what has expired.
    pub sweep: Duration,
    /// Messages that may wait in one topic's mailbox.
    pub mailbox: usize,
    /// The largest message in bytes that the transport takes, as clients are told.
    pub message: usize,
    /// The rate of new requests from one block of addresses.
    pub new_requests: Rate,
    /// The rate of bytes that one user may send to other members.
    pub fan_out: FanOutRate,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            limits: FieldLimits::default(),
            redelivery: Duration::from_secs(30),
            sweep: Duration::from_secs(5),
            mailbox: 4096,
            message: 256 * 1024,
            new_requests: Rate::per_minute(30, 200),
            fan_out: FanOutRate { per_second: 16 * 1024 * 1024, at_once: 128 * 1024 * 1024 },
        }
    }
}
