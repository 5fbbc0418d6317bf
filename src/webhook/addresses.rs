//! Which addresses a webhook may be sent to: a partner chooses its own URL, so without this it could make the service
//! talk to the operator's inner network, to a cloud's metadata address, or to the service itself.
//!
//! Judged after name resolution and on the very address that is connected to, so a name that resolves differently the
//! second time gains nothing.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

/// Everything that IANA lists as special, and that no public receiver has.
const NOT_PUBLIC: [&str; 26] = [
    "0.0.0.0/8",       // this network
    "10.0.0.0/8",      // private
    "100.64.0.0/10",   // carrier-grade NAT
    "127.0.0.0/8",     // loopback
    "169.254.0.0/16",  // link-local, with the clouds' metadata address
    "172.16.0.0/12",   // private
    "192.0.0.0/24",    // protocol assignments
    "192.0.2.0/24",    // documentation
    "192.88.99.0/24",  // 6to4 relays, withdrawn
    "192.168.0.0/16",  // private
    "198.18.0.0/15",   // benchmarking
    "198.51.100.0/24", // documentation
    "203.0.113.0/24",  // documentation
    "224.0.0.0/4",     // multicast
    "240.0.0.0/4",     // reserved, and broadcast
    "::/96",           // unspecified, loopback, IPv4-compatible
    "64:ff9b:1::/48",  // local NAT64
    "100::/64",        // discard
    "2001::/23",       // protocol assignments, Teredo
    "2001:db8::/32",   // documentation
    "3fff::/20",       // documentation
    "5f00::/16",       // segment routing
    "fc00::/7",        // unique local, with a cloud's metadata address
    "fe80::/10",       // link-local
    "fec0::/10",       // site-local, withdrawn
    "ff00::/8",        // multicast
];

static NOT_PUBLIC_NETS: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    NOT_PUBLIC
        .iter()
        .map(|net| net.parse().expect("each of the list is a network, as a test shows"))
        .collect()
});

/// Whether an address is one of the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let address = innermost(address);
    !NOT_PUBLIC_NETS.iter().any(|net| net.contains(&address))
}

/// The IPv4 address that an IPv6 address only wraps: mapped, NAT64 or 6to4. What counts is where the packets go.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => joined(high, low),
        [0x2002, high, low, ..] => joined(high, low),
        _ => IpAddr::V6(Ipv6Addr::from(v6.segments())),
    }
}

fn joined(high: u16, low: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().expect(text))
    }

    #[test]
    fn inner_special_and_metadata_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001:0:1::1",
            "fec0::1",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn an_inner_address_in_an_ipv6_wrapping_is_not_public() {
        for text in
            ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2002:c0a8:101::"]
        {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(public(text), "{text}");
        }
    }
}
