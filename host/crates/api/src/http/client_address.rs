//! The address of a client behind trusted proxies, from `Forwarded` (RFC 7239) and `X-Forwarded-For`.
//!
//! Anybody can send these fields, so they are read from right to left, and only as long as the sender of an entry is
//! a trusted proxy. `X-Forwarded-Proto` and `X-Forwarded-Host` are never read: the public URL is a setting.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of whoever sent a request, as a request extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The networks of the proxies whose information about the client is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Parses addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |entry: &str| {
            let network = entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            let network = network
                .map_err(|_| format!("has `{entry}`, which is neither an IP address nor a network in CIDR notation"))?;
            if network.prefix_len() == 0 {
                return Err(format!("has `{entry}`, which would trust every address"));
            }
            Ok(to_canonical(network))
        };
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    /// Returns whether a peer is a trusted proxy.
    pub(crate) fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// Returns the address of the client whose request `peer` sent.
    pub(crate) fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return ClientAddress(peer);
        }
        let forwarded = fields(headers, &FORWARDED).map(|fields| {
            let elements: Vec<&str> = fields.iter().flat_map(|field| split_elements(field)).collect();
            self.follow(peer, &elements, parse_forwarded)
        });
        let x_forwarded = fields(headers, &X_FORWARDED_FOR).map(|fields| {
            let entries: Vec<&str> = fields.iter().flat_map(|field| field.split(',')).collect();
            self.follow(peer, &entries, parse_node)
        });
        ClientAddress(match (forwarded, x_forwarded) {
            (Some(one), Some(other)) if one == other => one,
            // The proxy maintains one of the two, and the client may have sent the other.
            (Some(_), Some(_)) | (None, None) => peer,
            (Some(address), None) | (None, Some(address)) => address,
        })
    }

    /// Follows the entries from the last one to the first that a trusted proxy did not write.
    fn follow(&self, peer: IpAddr, entries: &[&str], parse: fn(&str) -> Option<IpAddr>) -> IpAddr {
        let mut address = peer;
        for entry in entries.iter().rev() {
            if !self.contains(address) {
                break;
            }
            // `unknown`, an obfuscated identifier or garbage: the proxy that wrote it is all that is known.
            let Some(previous) = parse(entry) else { break };
            address = previous;
        }
        address
    }
}

/// Returns all fields of a name; `None` if there is none.
fn fields<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a str>> {
    // A field that is not ASCII ends the chain like any other invalid entry.
    let fields: Vec<&str> = headers.get_all(name).iter().map(|field| field.to_str().unwrap_or("?")).collect();
    (!fields.is_empty()).then_some(fields)
}

/// Splits a field of `Forwarded` at its commas.
///
/// A client may send a quote that it does not close. The proxy's own element at the end must still be found.
fn split_elements(field: &str) -> Vec<&str> {
    let is_balanced = field.matches('"').count().is_multiple_of(2);
    if is_balanced { split_outside_quotes(field, ',') } else { field.split(',').collect() }
}

/// Splits a list at a separator that is not inside a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if letter == separator && !is_quoted => {
                parts.push(&text[start..at]);
                start = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Parses the `for` parameter of an element of `Forwarded` (RFC 7239 §4); two of them are not valid.
fn parse_forwarded(element: &str) -> Option<IpAddr> {
    let parameters = split_outside_quotes(element, ';');
    let mut nodes = parameters.iter().filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let node = nodes.next().filter(|_| nodes.next().is_none())?;
    // No address contains a character that must be escaped.
    let quoted = node.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    parse_node(quoted.unwrap_or(node))
}

/// Parses an address, with or without brackets and a port (RFC 7239 §6).
fn parse_node(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let bracketed = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6),
        None => node.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|socket| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

/// Converts a network of IPv4-mapped IPv6 addresses to the IPv4 network.
fn to_canonical(network: IpNet) -> IpNet {
    match (network, network.addr().to_canonical()) {
        (IpNet::V6(mapped), IpAddr::V4(address)) if mapped.prefix_len() >= 96 => {
            ipnet::Ipv4Net::new(address, mapped.prefix_len() - 96).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(trusted: &str, peer: &str, fields: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        let trusted: TrustedProxies = trusted.parse().expect("networks");
        trusted.client_of(peer.parse().expect("an address"), &headers).0.to_string()
    }

    #[test]
    fn entries_of_trusted_proxies_are_read_from_right_to_left() {
        let trusted = "10.0.0.0/8, 192.0.2.1,2001:db8:1::/48";
        for (peer, field, value, expected) in [
            ("203.0.113.9", "x-forwarded-for", "198.51.100.1", "203.0.113.9"),
            ("203.0.113.9", "forwarded", "for=198.51.100.1", "203.0.113.9"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1", "198.51.100.1"),
            ("::ffff:10.0.0.1", "x-forwarded-for", "::ffff:198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "x-forwarded-for", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "x-forwarded-for", "1.1.1.1, 198.51.100.1, 10.9.9.9 ,192.0.2.1", "198.51.100.1"),
            ("10.0.0.1", "x-forwarded-for", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1:4711", "198.51.100.1"),
            ("10.0.0.1", "x-forwarded-for", "[2001:db8::7]:4711", "2001:db8::7"),
            ("10.0.0.1", "x-forwarded-for", "2001:db8::7", "2001:db8::7"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1, unknown", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1, nonsense, 10.0.0.5", "10.0.0.5"),
            ("10.0.0.1", "x-forwarded-for", "", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.1,,", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.\u{e9}", "10.0.0.1"),
            ("10.0.0.1", "forwarded", "for=198.51.100.1;proto=http;by=10.0.0.1", "198.51.100.1"),
            ("10.0.0.1", "forwarded", "proto=https; For = \"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("10.0.0.1", "forwarded", "for=1.1.1.1, for=\"198.51.100.1:80\", for=10.0.0.2", "198.51.100.1"),
            ("10.0.0.1", "forwarded", "for=198.51.100.1, for=_hidden", "10.0.0.1"),
            ("10.0.0.1", "forwarded", "for=198.51.100.1, for=unknown", "10.0.0.1"),
            ("10.0.0.1", "forwarded", "for=198.51.100.1, proto=https", "10.0.0.1"),
            ("10.0.0.1", "forwarded", "for=198.51.100.1;for=198.51.100.2", "10.0.0.1"),
            ("10.0.0.1", "forwarded", "for=1.1.1.1;x=\"a, for=2.2.2.2\", for=198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "forwarded", "for=1.1.1.1;x=\", for=\"[2001:db8::7]\"", "2001:db8::7"),
            ("10.0.0.1", "x-forwarded-for", "\"1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("2001:db8:1::5", "x-forwarded-for", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "x-real-ip", "198.51.100.1", "10.0.0.1"),
        ] {
            assert_eq!(client(trusted, peer, &[(field, value)]), expected, "{peer} {field}: {value}");
        }
    }

    #[test]
    fn several_fields_are_one_list_and_two_kinds_must_agree() {
        let several =
            [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &several), "198.51.100.1");
        let agree = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &agree), "198.51.100.1");
        let differ = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &differ), "10.0.0.1");
        assert_eq!(client("", "10.0.0.1", &[("x-forwarded-for", "198.51.100.1")]), "10.0.0.1");
    }

    #[test]
    fn a_setting_that_is_no_network_or_every_network_is_rejected() {
        for text in ["10.0.0.0/33", "proxy", "10.0.0.0/8;10.1.0.0/16", "0.0.0.0/0", "::/0"] {
            assert!(text.parse::<TrustedProxies>().is_err(), "{text}");
        }
        let mapped: TrustedProxies = "::ffff:10.0.0.0/104".parse().expect("a network");
        assert!(mapped.contains("10.9.9.9".parse().expect("an address")));
    }
}
