//! What a trusted key may ask for in a component that it signed, and what a manifest asks for beyond that. Pure.

use std::collections::BTreeSet;

use jackfield_core::manifest::{Auth, Manifest};
use jackfield_egress::policy;
use url::Url;

/// Any provider, or any host.
const ANY: &str = "*";

/// What one key may ask for. Whatever is not named is not granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyGrant {
    /// Provider ids; `acme-*` stands for all that begin so, `*` for any.
    pub providers: Vec<String>,
    /// Hosts that are asked, those of OAuth and token endpoints too; `*.acme.example` stands for one label, `*` for any.
    pub hosts: Vec<String>,
    /// Whether it may ask for an OAuth grant.
    pub oauth: bool,
    /// Whether it may ask for a service account's key.
    pub service_accounts: bool,
}

impl KeyGrant {
    /// The grant that refuses nothing.
    pub(super) fn everything() -> Self {
        Self { providers: vec![ANY.to_owned()], hosts: vec![ANY.to_owned()], oauth: true, service_accounts: true }
    }

    /// Says what is wrong with a grant: a pattern that could match nothing, or more than it seems to.
    pub(super) fn check(&self) -> Result<(), String> {
        let wrong_provider = |pattern: &&String| pattern.trim_end_matches('*').contains('*') || pattern.contains("**");
        if let Some(pattern) = self.providers.iter().find(wrong_provider) {
            return Err(format!("`{pattern}`: a star stands at the end of an id, once"));
        }
        let wrong_host = |pattern: &&String| *pattern != ANY && policy::host_may_be_asked(pattern).is_err();
        match self.hosts.iter().find(wrong_host) {
            Some(pattern) => Err(format!("`{pattern}` is not a host that a component could ask")),
            None => Ok(()),
        }
    }

    /// What a manifest asks for beyond this grant, in words; nothing where it stays within.
    pub(super) fn beyond(&self, manifest: &Manifest) -> Vec<String> {
        let mut beyond = Vec::new();
        if !self.providers.iter().any(|pattern| id_matches(pattern, &manifest.id)) {
            beyond.push(format!("the provider id `{}`", manifest.id));
        }
        let hosts = hosts(manifest);
        let strange = hosts.iter().filter(|host| !self.hosts.iter().any(|pattern| host_matches(pattern, host)));
        beyond.extend(strange.map(|host| format!("the host {host}")));
        match &manifest.auth {
            Auth::OAuth2(_) if !self.oauth => beyond.push("an OAuth grant".to_owned()),
            Auth::ServiceAccount(_) if !self.service_accounts => beyond.push("a service account's key".to_owned()),
            Auth::Fields | Auth::OAuth2(_) | Auth::ServiceAccount(_) => {}
        }
        beyond
    }
}

fn id_matches(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |start| id.starts_with(start))
}

fn host_matches(pattern: &str, host: &str) -> bool {
    // A manifest's own star is covered by the same star alone: it stands for every label.
    pattern == ANY || pattern == host || (!host.starts_with('*') && policy::covers(pattern, host))
}

/// Every host that is asked for this component, by it or by the host for it.
fn hosts(manifest: &Manifest) -> BTreeSet<String> {
    let urls: Vec<&String> = match &manifest.auth {
        Auth::Fields => Vec::new(),
        Auth::OAuth2(grant) => {
            [&grant.authorize_url, &grant.token_url].into_iter().chain(&grant.revocation_url).collect()
        }
        Auth::ServiceAccount(grant) => vec![&grant.token_url],
    };
    let of_url = |url: &&String| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    // What is not a URL is refused by the review; here it must not pass for nothing.
    let asked = urls.iter().map(|url| of_url(url).unwrap_or_else(|| (*url).clone()));
    manifest.endpoints.iter().map(|endpoint| endpoint.host.clone()).chain(asked).collect()
}

#[cfg(test)]
mod tests {
    use super::{host_matches, id_matches};

    #[test]
    fn a_pattern_covers_what_it_says_and_no_more() {
        for (pattern, id, covers) in [
            ("acme", "acme", true),
            ("acme", "acme-hr", false),
            ("acme-*", "acme-hr", true),
            ("acme-*", "acme", false),
            ("*", "acme", true),
        ] {
            assert_eq!(id_matches(pattern, id), covers, "{pattern} {id}");
        }
        for (pattern, host, covers) in [
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
            assert_eq!(host_matches(pattern, host), covers, "{pattern} {host}");
        }
    }
}
