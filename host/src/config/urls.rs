//! The settings that contain URLs: where browsers reach the service, and reroutes to stand-ins.

use std::collections::BTreeMap;

use url::{Host, Url};

use super::Dev;

/// Parses the public URL: a scheme, a host, and a port if it is not the usual one.
pub(super) fn parse_public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    if is_origin { Ok(url) } else { Err("must be https:// or http:// and a host, without a path".to_owned()) }
}

/// Parses reroutes, each from a host to a stand-in on this machine.
///
/// For example: `api.acme.example=http://127.0.0.1:4010`, separated by commas.
pub(super) fn parse_reroutes(text: &str, dev: Dev) -> Result<BTreeMap<String, Url>, String> {
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    if dev == Dev::No {
        return Err("is for development only and requires --dev".to_owned());
    }
    text.split(',')
        .map(|pair| {
            let (host, url) = pair.split_once('=').ok_or("must be HOST=URL pairs separated by commas")?;
            let url =
                Url::parse(url.trim()).map_err(|error| format!("has an invalid URL `{}`: {error}", url.trim()))?;
            let is_loopback = match url.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(_)) | None => false,
            };
            if url.scheme() != "http" || !is_loopback || url.port().is_none() {
                return Err(format!("has `{url}`, which must be http:// with a loopback address and a port"));
            }
            Ok((host.trim().to_ascii_lowercase(), url))
        })
        .collect()
}
