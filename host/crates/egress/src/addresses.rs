//! Which addresses may be connected to: the public ones (rule R7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// The IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771), and two public addresses of cloud hosts.
const BLOCKED_V4: &[(Ipv4Net, &str)] = &[
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared address space"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([168, 63, 129, 16], 32), "cloud host"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "protocol assignments"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 31, 196, 0], 24), "AS112"),
    (v4([192, 52, 193, 0], 24), "AMT"),
    (v4([192, 80, 8, 124], 32), "cloud host"),
    (v4([192, 88, 99, 0], 24), "6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([192, 175, 48, 0], 24), "AS112"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// Global unicast (RFC 4291). Everything else is blocked, such as mapped, NAT64 and local addresses.
const GLOBAL_UNICAST_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// The blocks of the IANA IPv6 Special-Purpose Address Registry inside [`GLOBAL_UNICAST_V6`].
const BLOCKED_V6: &[(Ipv6Net, &str)] = &[
    (v6(0x2001, 0, 0, 23), "protocol assignments"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 16), "6to4"),
    (v6(0x2620, 0x4f, 0x8000, 48), "AS112"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Checks that an address is public.
///
/// # Errors
/// The name of the blocked network that contains the address.
pub(crate) fn require_public(address: IpAddr) -> Result<(), &'static str> {
    let blocked = match address {
        IpAddr::V4(address) => BLOCKED_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, name)| name),
        IpAddr::V6(address) if !GLOBAL_UNICAST_V6.contains(&address) => Some(&"outside global unicast"),
        IpAddr::V6(address) => BLOCKED_V6.iter().find(|(network, _)| network.contains(&address)).map(|(_, name)| name),
    };
    blocked.map_or(Ok(()), |name| Err(*name))
}

#[cfg(test)]
mod tests {
    use super::require_public;

    #[test]
    fn a_network_is_blocked_from_its_first_to_its_last_address() {
        for (address, is_public) in [
            ("9.255.255.255", true),
            ("10.0.0.0", false),
            ("10.255.255.255", false),
            ("11.0.0.0", true),
            ("198.17.255.255", true),
            ("198.18.0.0", false),
            ("198.19.255.255", false),
            ("198.20.0.0", true),
            ("255.255.255.255", false),
            ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false),
            ("2001:200::", true),
            ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false),
            ("3fff:1000::", true),
            ("4000::", false),
        ] {
            assert_eq!(require_public(address.parse().unwrap()).is_ok(), is_public, "{address}");
        }
    }
}
