//! What a trusted key may approve in the components that it signs.

use std::collections::BTreeSet;

use jackfield_core::manifest::{Auth, Manifest};
use jackfield_egress::policy;
use url::Url;

/// The pattern that covers every provider or every host.
const ANY: &str = "*";

/// What a key may approve. Everything else is beyond its permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyPermissions {
    /// Provider ids. `acme-*` covers every id with that prefix, `*` every id.
    pub(crate) providers: Vec<String>,
    /// Hosts, including those of OAuth and token endpoints. `*.acme.example` covers one label, `*` every host.
    pub(crate) hosts: Vec<String>,
    /// Whether a manifest may request an OAuth grant.
    pub(crate) oauth: bool,
    /// Whether a manifest may request the key of a service account.
    pub(crate) service_accounts: bool,
}

impl KeyPermissions {
    /// Returns permissions for everything.
    pub(crate) fn unlimited() -> Self {
        Self { providers: vec![ANY.to_owned()], hosts: vec![ANY.to_owned()], oauth: true, service_accounts: true }
    }

    /// Rejects a pattern that matches nothing, or more than it seems to.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let is_invalid_provider =
            |pattern: &&String| pattern.trim_end_matches('*').contains('*') || pattern.contains("**");
        if let Some(pattern) = self.providers.iter().find(is_invalid_provider) {
            return Err(format!("`{pattern}`: a provider id can have one star, at the end"));
        }
        let validate_host = |pattern: &String| match policy::validate_host_pattern(pattern) {
            Err(why) if pattern != ANY => Err(why),
            _ => Ok(()),
        };
        self.hosts.iter().try_for_each(validate_host)
    }

    /// Finds what a manifest requests beyond these permissions, and returns it as phrases for people.
    pub(crate) fn find_excess(&self, manifest: &Manifest) -> Vec<String> {
        let mut beyond = Vec::new();
        if !self.providers.iter().any(|pattern| id_matches(pattern, &manifest.id)) {
            beyond.push(format!("the provider id `{}`", manifest.id));
        }
        let hosts = requested_hosts(manifest);
        let other_hosts = hosts.iter().filter(|host| !self.hosts.iter().any(|pattern| host_matches(pattern, host)));
        beyond.extend(other_hosts.map(|host| format!("the host {host}")));
        match &manifest.auth {
            Auth::OAuth2(_) if !self.oauth => beyond.push("an OAuth grant".to_owned()),
            Auth::ServiceAccount(_) if !self.service_accounts => beyond.push("a service account's key".to_owned()),
            Auth::Fields | Auth::OAuth2(_) | Auth::ServiceAccount(_) => {}
        }
        beyond
    }
}

fn id_matches(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |prefix| id.starts_with(prefix))
}

fn host_matches(pattern: &str, host: &str) -> bool {
    // Only `*` or the same pattern covers a star in the manifest, because that star matches every label.
    pattern == ANY || pattern == host || (!host.starts_with('*') && policy::host_matches(pattern, host))
}

/// Returns every host that the component, or the service on its behalf, sends requests to.
fn requested_hosts(manifest: &Manifest) -> BTreeSet<String> {
    let urls: Vec<&String> = match &manifest.auth {
        Auth::Fields => Vec::new(),
        Auth::OAuth2(grant) => {
            [&grant.authorize_url, &grant.token_url].into_iter().chain(&grant.revocation_url).collect()
        }
        Auth::ServiceAccount(grant) => vec![&grant.token_url],
    };
    let host_of = |url: &&String| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    // The review of the manifest rejects an invalid URL. Until then it counts as a host that only `*` covers.
    let auth_hosts = urls.iter().map(|url| host_of(url).unwrap_or_else(|| (*url).clone()));
    manifest.endpoints.iter().map(|endpoint| endpoint.host.clone()).chain(auth_hosts).collect()
}

#[cfg(test)]
mod tests {
    use super::{host_matches, id_matches};

    #[test]
    fn a_pattern_matches_exactly_what_it_covers() {
        for (pattern, id, expected) in [
            ("acme", "acme", true),
            ("acme", "acme-hr", false),
            ("acme-*", "acme-hr", true),
            ("acme-*", "acme", false),
            ("*", "acme", true),
        ] {
            assert_eq!(id_matches(pattern, id), expected, "{pattern} {id}");
        }
        for (pattern, host, expected) in [
            ("api.acme.example", "api.acme.example", true),
            ("*.acme.example", "api.acme.example", true),
            ("*.acme.example", "acme.example", false),
            ("*.acme.example", "a.b.acme.example", false),
            ("*.acme.example", "*.acme.example", true),
            ("*.example", "*.acme.example", false),
            ("api.acme.example", "*.acme.example", false),
            ("*", "*.acme.example", true),
            ("*.acme.example", "api.acme.example.evil.test", false),
        ] {
            assert_eq!(host_matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
