//! The host names that requests may be sent to. Any other one may be a page that points its own name at this address.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use http::{HeaderMap, Uri, header::HOST, uri::Authority};
use url::Host;

/// The host names that requests may be sent to, besides `localhost` and IP addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames(Arc<[HostName]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct HostName {
    /// In lower case and in Punycode, without a dot at the end.
    name: String,
    /// `None` for every port.
    port: Option<u16>,
}

impl FromStr for HostNames {
    type Err = String;

    /// Parses names, each with a port or without, separated by commas. IP addresses are accepted in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty() && !is_address(entry));
        entries.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("has `{text}`, which is not a host name such as jackfield.internal:7420");
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| problem())?)),
            None => (text, None),
        };
        match Host::parse(name.strip_suffix('.').unwrap_or(name)) {
            Ok(Host::Domain(name)) if !name.is_empty() && !name.contains('*') => Ok(Self { name, port }),
            Ok(_) | Err(_) => Err(problem()),
        }
    }
}

/// Returns whether a text is an IP address, with or without a port.
fn is_address(text: &str) -> bool {
    let address = text.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok()
}

impl HostNames {
    /// Adds a name, at every port.
    #[must_use]
    pub fn with(&self, name: &str) -> Self {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        Self(self.0.iter().cloned().chain([HostName { name, port: None }]).collect())
    }

    /// Returns whether a request may be sent to this host and port.
    ///
    /// An IP address cannot be rebound by DNS, so every one is accepted.
    pub(crate) fn accept(&self, authority: &Authority) -> bool {
        // A user name is not part of a host (RFC 9110 §4.2.4).
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host();
        let host = host.strip_suffix('.').unwrap_or(host);
        host.eq_ignore_ascii_case("localhost")
            || is_address(host)
            || self.0.iter().any(|known| {
                known.name.eq_ignore_ascii_case(host)
                    && known.port.is_none_or(|port| authority.port_u16() == Some(port))
            })
    }
}

/// Returns the host and port that a request was sent to.
pub(crate) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    uri.authority().cloned().or_else(|| headers.get(HOST)?.to_str().ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_accepted_in_every_spelling_and_no_others() {
        let names: HostNames =
            "jackfield.internal,10.0.0.1,[::1]:7420,[::1],192.0.2.7:80, JF.acme.example.:7420,b\u{fc}cher.example"
                .parse()
                .expect("names");
        let names = names.with("Public.example");
        for (host, accepted) in [
            ("jackfield.internal", true),
            ("JACKFIELD.internal.:80", true),
            ("jf.acme.example:7420", true),
            ("jf.acme.example.:7420", true),
            ("jf.acme.example", false),
            ("jf.acme.example:7421", false),
            ("xn--bcher-kva.example", true),
            ("public.example.", true),
            ("localhost.", true),
            ("LOCALHOST:1", true),
            ("192.0.2.7:7420", true),
            ("[::1]:7420", true),
            ("x.jackfield.internal", false),
            ("jackfield.internal..", false),
            ("localhost.evil.test", false),
            ("evil.test", false),
        ] {
            assert_eq!(names.accept(&Authority::from_static(host)), accepted, "{host}");
        }
    }

    #[test]
    fn a_setting_that_is_no_host_name_is_rejected() {
        for text in
            ["https://jf.example", "a b", "jf.example:http", "*.example", "10.0.0.1.:80x", ":7420", "jf.example:70000"]
        {
            assert!(text.parse::<HostNames>().is_err(), "{text}");
        }
    }
}
