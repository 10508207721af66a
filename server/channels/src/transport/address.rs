//! The client's address, behind proxies too: limits count by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The header in which each proxy appends the address that its request came from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are trusted to name their clients' addresses. Without any, a client's address
/// is the one that its connection comes from, and the header is ignored, since anybody could write
/// it.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Trusts the proxies of these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The address of a request's client; `None` where there is none, as in a test without a
    /// socket.
    pub(super) fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        if !self.trusts(peer.to_canonical()) {
            return Some(peer.to_canonical());
        }
        // A header that is not text counts as no address. Skipping it would mean to believe the one
        // before, which anybody may have written.
        let headers =
            request.headers().get_all(FORWARDED_FOR).map(|value| value.to_str().unwrap_or_default());
        Some(self.last_untrusted(peer, &headers.collect::<Vec<_>>()))
    }

    /// Goes back from hop to hop as long as the hop that names the next one is trusted and
    /// readable. It does not look further: a stranger may name thousands.
    fn last_untrusted(&self, peer: IpAddr, headers: &[&str]) -> IpAddr {
        let mut address = peer.to_canonical();
        let mut earlier = headers.iter().rev().flat_map(|header| header.rsplit(','));
        while self.trusts(address)
            && let Some(named) = earlier.next().and_then(parse)
        {
            address = named;
        }
        address
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses an address as proxies write it: alone or with a port, IPv6 possibly in brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// How many addresses count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// A single address; for IPv6, a network /64, the least that one customer gets.
    Network,
    /// A block, as a customer who wants many addresses gets it: a network /24; for IPv6, a /48.
    Block,
}

impl Grain {
    /// The address that stands for all those that count as this one.
    pub(super) fn of(self, address: IpAddr) -> IpAddr {
        let (v4, v6) = match self {
            Grain::Network => (32, 64),
            Grain::Block => (24, 48),
        };
        match address.to_canonical() {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << (32 - v4))).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - v6))).into(),
        }
    }
}

/// As [`Grain::Network`], by which connections are counted.
pub(super) fn network(address: IpAddr) -> IpAddr {
    Grain::Network.of(address)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client(peer: &str, hops: &[&str]) -> String {
        let networks = ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"].map(|network| network.parse().unwrap());
        Proxies::new(networks.to_vec()).last_untrusted(peer.parse().unwrap(), hops).to_string()
    }

    #[test]
    fn only_trusted_peers_forward_addresses() {
        assert_eq!(client("198.51.100.1", &["203.0.113.9"]), "198.51.100.1");
        assert_eq!(client("192.0.2.7", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("192.0.2.7", &[]), "192.0.2.7");
        let nobody = Proxies::default();
        let peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(nobody.last_untrusted(peer, &["203.0.113.9"]), peer);
    }

    #[test]
    fn the_last_untrusted_hop_is_the_client() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1", " 203.0.113.9", "10.2.3.4 "]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["10.9.9.9", "10.2.3.4"]), "10.9.9.9", "all of them are proxies");
    }

    #[test]
    fn addresses_come_in_several_forms() {
        assert_eq!(client("10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client("fd00::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("fd00::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn a_malformed_address_ends_the_search() {
        for hop in ["unknown", "", "203.0.113", "203.0.113.9, "] {
            assert_eq!(client("10.0.0.1", &["1.1.1.1", hop]), "10.0.0.1", "{hop:?}");
        }
    }

    #[test]
    fn a_header_that_is_not_text_is_not_skipped() {
        let peer = "10.0.0.1:4711".parse().unwrap();
        let request = TestRequest::default()
            .peer_addr(peer)
            .append_header((FORWARDED_FOR, "1.1.1.1"))
            .append_header((FORWARDED_FOR, &b"\xff, 203.0.113.9"[..]))
            .to_http_request();
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(proxies.client(&request), Some(peer.ip()));
    }

    #[test]
    fn ipv6_counts_by_network() {
        let of = |address: &str| network(address.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
    }

    #[test]
    fn a_block_is_larger_than_a_network() {
        let of = |address: &str| Grain::Block.of(address.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
        assert_eq!(of("203.0.113.9"), "203.0.113.0");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.0");
    }
}
