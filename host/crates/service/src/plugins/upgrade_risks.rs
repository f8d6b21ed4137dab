//! Finds what an Executive has to notice before a version replaces the approved one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::manifest::{Auth, Manifest};
use jackfield_sandbox::{Risk, RiskKind, describe_secret, to_displayable};

/// Returns the risks of replacing the approved version, in addition to those of the new manifest itself.
#[must_use]
pub fn find_upgrade_risks(approved: &Manifest, new: &Manifest) -> Vec<Risk> {
    let (approved, new) = (to_displayable(approved), to_displayable(new));
    let mut risks = find_new_token_endpoints(&approved.auth, &new.auth);
    let before = hosts_of_secrets(&approved);
    for (secret, hosts) in hosts_of_secrets(&new) {
        // A secret that the approved version does not have is not stored yet.
        let Some(known) = before.get(&secret) else { continue };
        risks.extend(hosts.difference(known).map(|host| {
            Risk::new(
                RiskKind::SecretToNewHost,
                format!("{secret} would be sent to {host}, which does not receive it from the approved version"),
            )
        }));
    }
    risks
}

/// Returns the hosts that receive each secret.
fn hosts_of_secrets(manifest: &Manifest) -> BTreeMap<String, BTreeSet<String>> {
    let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for endpoint in &manifest.endpoints {
        if let Some(attachment) = &endpoint.credential {
            hosts.entry(describe_secret(&attachment.source)).or_default().insert(endpoint.host.clone());
        }
    }
    hosts
}

fn find_new_token_endpoints(approved: &Auth, new: &Auth) -> Vec<Risk> {
    let (before, after) = (oauth_urls(approved), oauth_urls(new));
    let is_same_kind = std::mem::discriminant(approved) == std::mem::discriminant(new);
    let changed = after.into_iter().filter_map(|(what, url)| {
        let old = before.iter().find(|(name, _)| *name == what && is_same_kind).map(|(_, url)| *url);
        if old == Some(url) {
            return None;
        }
        let instead = old.map_or_else(String::new, |old| format!(" instead of {old}"));
        Some(Risk::new(RiskKind::NewTokenEndpoint, format!("{what} {url}{instead}")))
    });
    changed.collect()
}

/// Returns the endpoints of an authorization, each with what would be sent there.
fn oauth_urls(auth: &Auth) -> Vec<(&'static str, &str)> {
    match auth {
        Auth::Fields => Vec::new(),
        Auth::OAuth2(grant) => {
            let mut urls = vec![
                (
                    "the client secret of the app would be sent to a new token endpoint, with codes and refresh tokens:",
                    grant.token_url.as_str(),
                ),
                ("people would be sent to a new consent page:", grant.authorize_url.as_str()),
            ];
            let revocation = grant.revocation_url.as_deref();
            urls.extend(revocation.map(|url| {
                ("the client secret of the app and tokens would be sent to a new revocation endpoint:", url)
            }));
            urls
        }
        Auth::ServiceAccount(grant) => vec![
            ("requests signed with the service account key would be sent to a new token endpoint:", &grant.token_url),
            ("requests signed with the service account key would be valid for a new audience:", &grant.audience),
        ],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OAUTH2: &str = include_str!("../../../../../tests/data/manifests/oauth2.json");
    const SERVICE_ACCOUNT: &str = include_str!("../../../../../tests/data/manifests/service_account.json");

    fn risks(text: &str, pointer: &str, value: Value) -> Vec<String> {
        let approved: Value = serde_json::from_str(text).expect("JSON");
        let mut new = approved.clone();
        *new.pointer_mut(pointer).expect("a part of the manifest") = value;
        let parse = |manifest: Value| serde_json::from_value(manifest).expect("a manifest");
        let risks = find_upgrade_risks(&parse(approved), &parse(new));
        assert!(risks.iter().all(|risk| risk.kind.is_danger()), "{risks:?}");
        risks.into_iter().map(|risk| risk.what).collect()
    }

    #[test]
    fn a_new_endpoint_for_the_client_secret_or_the_key_is_a_danger() {
        let url = json!("https://evil.example/token");
        for (text, pointer, expected) in [
            (OAUTH2, "/auth/oauth2/token_url", "the client secret of the app would be sent to a new token endpoint"),
            (OAUTH2, "/auth/oauth2/revocation_url", "would be sent to a new revocation endpoint"),
            (OAUTH2, "/auth/oauth2/authorize_url", "people would be sent to a new consent page"),
            (SERVICE_ACCOUNT, "/auth/service_account/token_url", "would be sent to a new token endpoint"),
            (SERVICE_ACCOUNT, "/auth/service_account/audience", "would be valid for a new audience"),
        ] {
            let found = risks(text, pointer, url.clone());
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].contains(expected) && found[0].contains("https://evil.example/token instead of"),
                "{found:?}"
            );
        }
        let whole: Value = serde_json::from_str::<Value>(OAUTH2).expect("JSON")["auth"].clone();
        let found = risks(SERVICE_ACCOUNT, "/auth", whole);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(risks(OAUTH2, "/version", json!("9.0.0")), Vec::<String>::new());
    }

    #[test]
    fn a_new_host_for_a_secret_is_a_danger() {
        let found = risks(OAUTH2, "/endpoints/0/host", json!("evil.example"));
        assert_eq!(
            found,
            [
                "the OAuth access token would be sent to evil.example, which does not receive it from the approved version"
            ]
        );
    }
}
