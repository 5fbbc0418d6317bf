//! Who is asking: the address of the client, seen through the proxies that the operator runs.
//!
//! `X-Forwarded-For` is believed only as far as trusted proxies wrote it. Each appends the address that it saw, so the
//! list is walked from its right end, past trusted proxies; the first address that is none is the client. What stands
//! further left is the client's own invention.

use actix_web::HttpRequest;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What is counted as one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one subscriber gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The block of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64))),
        }
    }
}

pub(super) fn block_of(request: &HttpRequest, trusted: &[IpNet]) -> AddressBlock {
    // A connection always has a peer; a request that was made without one shares a block with its like.
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let forwarded = request.headers().get_all("x-forwarded-for").map(|v| v.to_str().unwrap_or_default());
    AddressBlock::of(client_address(peer, forwarded, trusted))
}

/// The client's address. An entry that can't be read ends the walk: the proxy that wrote it is then taken for the
/// client, which limits too much rather than too little.
fn client_address<'a>(peer: IpAddr, forwarded: impl Iterator<Item = &'a str>, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = peer.to_canonical();
    let entries: Vec<_> = forwarded.flat_map(|line| line.split(',')).collect();
    for entry in entries.into_iter().rev() {
        match parse_entry(entry.trim()) {
            Some(next) if is_trusted(client) => client = next,
            _ => break,
        }
    }
    client
}

/// An address, as some proxies write it also with a port or in brackets.
fn parse_entry(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")];
        client_address(peer.parse().expect("an address"), lines.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn the_header_of_someone_who_is_no_trusted_proxy_is_not_read() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &["10.0.0.1, 10.0.0.2"]), "192.0.2.1");
    }

    #[test]
    fn the_list_is_walked_from_the_right_past_trusted_proxies() {
        for (lines, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            (&["1.1.1.1, 198.51.100.7, 10.0.0.9"], "198.51.100.7"),
            (&["1.1.1.1", "198.51.100.7", "10.0.0.9"], "198.51.100.7"),
            (&["10.0.0.7,10.0.0.8"], "10.0.0.7"),
            (&[], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["unknown"], "10.0.0.1"),
            (&["198.51.100.7, garbage, 10.0.0.9"], "10.0.0.9"),
            (&["198.51.100.7:4711"], "198.51.100.7"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["2001:db8::1, fd00::5"], "2001:db8::1"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
        ] {
            assert_eq!(seen("10.0.0.1", lines), expected, "{lines:?}");
        }
        assert_eq!(
            seen("::ffff:10.0.0.1", &["198.51.100.7"]),
            "198.51.100.7",
            "a mapped peer is its IPv4 self"
        );
    }

    #[test]
    fn an_ipv6_client_is_counted_by_its_network() {
        let block = |text: &str| AddressBlock::of(text.parse().expect(text));
        assert_eq!(block("2001:db8:1:2:a::1"), block("2001:db8:1:2:b::2"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_eq!(block("::ffff:192.0.2.1"), block("192.0.2.1"));
    }
}
