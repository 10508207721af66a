//! A rate for each address.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use super::{Grain, Rate};
use crate::keyed_rate::KeyedRate;

/// Counts the calls of each address. Shared by all threads.
#[derive(Debug)]
pub struct AddressRate {
    rate: KeyedRate<IpAddr>,
    grain: Grain,
}

impl AddressRate {
    /// At most `rate` for all addresses that count as one by `grain`.
    pub fn new(rate: Rate, grain: Grain) -> Self {
        Self { rate: KeyedRate::new(rate.quota()), grain }
    }

    /// Changes the rate, with which each address starts afresh. Setting the same rate changes
    /// nothing.
    pub fn change(&self, rate: Rate) {
        self.rate.change(rate.quota());
    }

    pub(super) fn shrink(&self) {
        self.rate.shrink();
    }

    /// Counts one call from an address, or returns how long it must wait. Unknown addresses are not
    /// limited.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let Some(address) = address else { return Ok(()) };
        self.rate.admit(&self.grain.of(address), NonZeroU32::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "as it is asked for")]
    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn each_address_has_its_own_rate() {
        let rate = AddressRate::new(Rate::new(1, 2), Grain::Network);
        let (one, other) = (at("127.0.0.1"), at("127.0.0.2"));
        assert_eq!((rate.admit(one), rate.admit(one)), (Ok(()), Ok(())));
        let wait = rate.admit(one).unwrap_err();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rate.admit(other), Ok(()));
    }

    #[test]
    fn a_block_of_addresses_has_one_rate() {
        let rate = AddressRate::new(Rate::per_minute(1, 1), Grain::Block);
        assert_eq!(rate.admit(at("203.0.113.1")), Ok(()));
        let wait = rate.admit(at("203.0.113.250")).unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        assert_eq!(rate.admit(at("203.0.114.1")), Ok(()));
        assert_eq!(rate.admit(at("2001:db8:1::1")), Ok(()));
        assert!(rate.admit(at("2001:db8:1:ffff::2")).is_err());
        assert_eq!(rate.admit(None), Ok(()));
    }

    #[test]
    fn a_changed_rate_starts_afresh() {
        let rate = AddressRate::new(Rate::new(1, 1), Grain::Network);
        let address = at("127.0.0.1");
        assert_eq!(rate.admit(address), Ok(()));
        rate.change(Rate::new(1, 1));
        assert!(rate.admit(address).is_err(), "the same rate goes on counting");
        rate.change(Rate::new(1, 2));
        assert_eq!((rate.admit(address), rate.admit(address)), (Ok(()), Ok(())));
    }
}
