//! Says which addresses may be connected to: the public ones (rule R7). Pure; it resolves nothing.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// One block of addresses, such as `10.0.0.0/8` or `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])), prefix }
    }

    const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix }
    }

    /// Tells whether the block holds an address; an address of the other family is never held.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(block), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                (block.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(block), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                (block.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

/// The text is no block of addresses.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a network: an address, a slash and a prefix length are wanted, with no bit set after the prefix")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        let (bits, width) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        if prefix > width || bits.checked_shl(u32::from(prefix)).unwrap_or(0) != 0 {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

/// IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771), and two public addresses of cloud hosts.
const V4: &[(Network, &str)] = &[
    (Network::v4([0, 0, 0, 0], 8), "this network"),
    (Network::v4([10, 0, 0, 0], 8), "private"),
    (Network::v4([100, 64, 0, 0], 10), "shared address space"),
    (Network::v4([127, 0, 0, 0], 8), "loopback"),
    (Network::v4([168, 63, 129, 16], 32), "cloud host"),
    (Network::v4([169, 254, 0, 0], 16), "link-local"),
    (Network::v4([172, 16, 0, 0], 12), "private"),
    (Network::v4([192, 0, 0, 0], 24), "protocol assignments"),
    (Network::v4([192, 0, 2, 0], 24), "documentation"),
    (Network::v4([192, 31, 196, 0], 24), "AS112"),
    (Network::v4([192, 52, 193, 0], 24), "AMT"),
    (Network::v4([192, 80, 8, 124], 32), "cloud host"),
    (Network::v4([192, 88, 99, 0], 24), "6to4 relay"),
    (Network::v4([192, 168, 0, 0], 16), "private"),
    (Network::v4([192, 175, 48, 0], 24), "AS112"),
    (Network::v4([198, 18, 0, 0], 15), "benchmarking"),
    (Network::v4([198, 51, 100, 0], 24), "documentation"),
    (Network::v4([203, 0, 113, 0], 24), "documentation"),
    (Network::v4([224, 0, 0, 0], 4), "multicast"),
    (Network::v4([240, 0, 0, 0], 4), "reserved"),
];

/// What RFC 4291 gives to global unicast. All else is refused, so mapped, NAT64 and local blocks need no line.
const GLOBAL_V6: Network = Network::v6(0x2000, 0, 0, 3);

/// The blocks of the IANA IPv6 Special-Purpose Address Registry that lie inside [`GLOBAL_V6`].
const V6: &[(Network, &str)] = &[
    (Network::v6(0x2001, 0, 0, 23), "protocol assignments"),
    (Network::v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (Network::v6(0x2002, 0, 0, 16), "6to4"),
    (Network::v6(0x2620, 0x4f, 0x8000, 48), "AS112"),
    (Network::v6(0x3fff, 0, 0, 20), "documentation"),
];

/// Checks that an address is public and in none of the operator's own blocks.
///
/// # Errors
/// The name of the block that holds the address.
pub fn check(address: IpAddr, further: &[Network]) -> Result<(), &'static str> {
    let blocks = match address {
        IpAddr::V4(_) => V4,
        IpAddr::V6(_) if !GLOBAL_V6.contains(address) => return Err("outside global unicast"),
        IpAddr::V6(_) => V6,
    };
    if let Some((_, name)) = blocks.iter().find(|(block, _)| block.contains(address)) {
        return Err(name);
    }
    if further.iter().any(|block| block.contains(address)) {
        return Err("refused by the operator");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Network, check};

    #[test]
    fn an_operators_block_is_refused_to_its_last_address() {
        let further: Vec<Network> = vec!["93.184.216.0/24".parse().unwrap(), "2606:4700::/32".parse().unwrap()];
        for (address, allowed) in [
            ("93.184.215.255", true),
            ("93.184.216.0", false),
            ("93.184.216.255", false),
            ("93.184.217.0", true),
            ("2606:4700:ffff::1", false),
            ("2606:4701::1", true),
        ] {
            assert_eq!(check(address.parse().unwrap(), &further).is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn a_block_of_everything_holds_everything_of_its_family() {
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("255.255.255.255".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
    }

    #[test]
    fn a_block_with_bits_after_its_prefix_is_no_network() {
        for text in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0", "::/129", "2001:db8::1/64", "x/8", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }
}
