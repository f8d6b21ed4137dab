//! Where a plugin sends each secret: the hosts and the placements there.
//!
//! A secret is stored with the destinations for which somebody entered it, and is not sent anywhere else. Paths do not
//! count, except for token endpoints: an upgrade may call more of an API that already gets the secret.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{Attachment, Auth, CredentialSource, Manifest, OAuth2Grant, Placement, ServiceAccountGrant};
use crate::Secret;

/// A host, and how it gets a secret or something that was made with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Destination {
    /// A host name, or a pattern with a leading `*.`.
    pub host: String,
    /// The kind and the name of the placement, such as `header authorization`.
    pub placement: String,
}

/// The destinations of one secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Destinations(BTreeSet<Destination>);

/// A stored secret, which is only released for the destinations for which it was entered.
#[derive(Clone, Debug)]
pub struct BoundSecret {
    value: Secret<String>,
    entered_for: Destinations,
}

impl Destination {
    fn new(host: &str, placement: impl Into<String>) -> Self {
        Self { host: host.to_ascii_lowercase(), placement: placement.into() }
    }

    fn covers(&self, wanted: &Self) -> bool {
        self.placement == wanted.placement && (self.host == wanted.host || matches_star(&self.host, &wanted.host))
    }
}

impl Destinations {
    /// Returns the destinations of an OAuth app's client secret.
    ///
    /// They include a revocation endpoint at the host of the token endpoint, so that a later version can declare one.
    #[must_use]
    pub fn of_oauth_app(token_url: &str, revocation_url: Option<&str>) -> Self {
        let revocation = "revocation endpoint";
        let token_host = host_of(token_url);
        let mut destinations = BTreeSet::from([
            Destination::new(token_host, format!("token endpoint {token_url}")),
            Destination::new(token_host, revocation),
        ]);
        destinations.extend(revocation_url.map(|url| Destination::new(host_of(url), revocation)));
        Self(destinations)
    }

    /// Returns the destinations in `wanted` that are not among these.
    ///
    /// A pattern with a star includes the hosts that it matches.
    #[must_use]
    pub fn missing(&self, wanted: &Self) -> Self {
        let is_missing = |wanted: &&Destination| !self.0.iter().any(|entered| entered.covers(wanted));
        Self(wanted.0.iter().filter(is_missing).cloned().collect())
    }

    /// Adds destinations to these.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().cloned());
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl BoundSecret {
    /// Binds a secret to the destinations for which it was entered.
    #[must_use]
    pub fn new(value: Secret<String>, entered_for: Destinations) -> Self {
        Self { value, entered_for }
    }

    /// Returns the destinations for which it was entered.
    #[must_use]
    pub fn entered_for(&self) -> &Destinations {
        &self.entered_for
    }

    /// Returns the secret, so that it can be sent to these destinations.
    ///
    /// # Errors
    /// The destinations for which it was not entered.
    pub fn release_for(&self, wanted: &Destinations) -> Result<&Secret<String>, Destinations> {
        let missing = self.entered_for.missing(wanted);
        if missing.is_empty() { Ok(&self.value) } else { Err(missing) }
    }

    /// Returns the secret, so that it can be encrypted. Anything that sends it uses [`release_for`](Self::release_for).
    #[must_use]
    pub fn value_to_seal(&self) -> &Secret<String> {
        &self.value
    }
}

impl Manifest {
    /// Returns where the plugin sends a secret field.
    #[must_use]
    pub fn field_destinations(&self, name: &str) -> Destinations {
        let account = match &self.auth {
            Auth::ServiceAccount(account) if account.field == name => Some(account),
            Auth::ServiceAccount(_) | Auth::Fields | Auth::OAuth2(_) => None,
        };
        let mut destinations = self.endpoint_destinations(|source| match source {
            CredentialSource::Field(field) => field == name,
            CredentialSource::Minted { .. } => account.is_some(),
            CredentialSource::OAuthToken => false,
        });
        destinations.0.extend(account.map(ServiceAccountGrant::token_destination));
        destinations
    }

    /// Returns where the plugin sends the tokens of an OAuth grant; nothing if it declares no grant.
    #[must_use]
    pub fn grant_destinations(&self) -> Destinations {
        let mut destinations = self.endpoint_destinations(|source| *source == CredentialSource::OAuthToken);
        if let Auth::OAuth2(grant) = &self.auth {
            destinations.0.extend(grant.app_destinations().0);
        }
        destinations
    }

    fn endpoint_destinations(&self, is_source: impl Fn(&CredentialSource) -> bool) -> Destinations {
        let with_credential =
            self.endpoints.iter().filter_map(|endpoint| Some((&endpoint.host, endpoint.credential.as_ref()?)));
        let with_source = with_credential.filter(|(_, attachment)| is_source(&attachment.source));
        Destinations(with_source.map(|(host, attachment)| Destination::new(host, describe(attachment))).collect())
    }
}

impl OAuth2Grant {
    /// Returns where the client secret of an OAuth app is sent: the token endpoint and the revocation endpoint.
    #[must_use]
    pub fn app_destinations(&self) -> Destinations {
        Destinations::of_oauth_app(&self.token_url, self.revocation_url.as_deref())
    }
}

impl ServiceAccountGrant {
    /// Returns where assertions of the key are sent. Whoever gets one for an audience can use it there.
    fn token_destination(&self) -> Destination {
        let placement = format!("token endpoint {} for the audience {}", self.token_url, self.audience);
        Destination::new(host_of(&self.token_url), placement)
    }
}

impl FromIterator<Destination> for Destinations {
    fn from_iter<T: IntoIterator<Item = Destination>>(destinations: T) -> Self {
        Self(destinations.into_iter().collect())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.host, self.placement)
    }
}

impl fmt::Display for Destinations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&texts.join(", "))
    }
}

/// Returns the kind and the name of a placement.
///
/// The rest, such as a prefix before the secret, does not change who can read it.
fn describe(attachment: &Attachment) -> String {
    match &attachment.placement {
        Placement::Header { name, .. } => format!("header {}", name.to_ascii_lowercase()),
        Placement::Basic(_) => "password of HTTP Basic".to_owned(),
        Placement::Query(name) => format!("query parameter {name}"),
        Placement::Form(name) => format!("form field {name}"),
        Placement::Json(pointer) => format!("JSON value {pointer}"),
        Placement::Hmac(hmac) => format!("HMAC signature in header {}", hmac.header.to_ascii_lowercase()),
        Placement::Aws(_) => "AWS signature".to_owned(),
        Placement::Jwt(jwt) => format!("JWT signature in header {}", jwt.header.to_ascii_lowercase()),
    }
}

/// Returns whether a pattern with a leading `*.` matches a host: exactly one label replaces the star.
fn matches_star(pattern: &str, host: &str) -> bool {
    let Some(suffix) = pattern.strip_prefix("*.") else { return false };
    let Some((label, rest)) = host.split_once('.') else { return false };
    !label.is_empty() && label != "*" && rest == suffix
}

/// Returns the host of a URL that was validated with its manifest, or the whole text of any other.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(auth: &serde_json::Value, endpoints: &[(&str, serde_json::Value, serde_json::Value)]) -> Manifest {
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(host, source, place)| {
                json!({ "method": "GET", "host": host, "path": "/x", "credential": { "source": source, "place": place } })
            })
            .collect();
        serde_json::from_value(json!({
            "id": "acme", "title": "Acme", "version": "1.0.0", "auth": auth, "fields": [], "endpoints": endpoints,
            "capabilities": { "users": true, "alerts": false, "accounts": false }, "on_disconnect": "keep",
        }))
        .expect("a manifest")
    }

    fn by_field(host: &str, place: serde_json::Value) -> Destinations {
        manifest(&json!("fields"), &[(host, json!({ "field": "token" }), place)]).field_destinations("token")
    }

    fn bearer() -> serde_json::Value {
        json!({ "header": { "name": "Authorization", "format": "Bearer {}" } })
    }

    #[test]
    fn a_secret_is_released_for_the_same_or_fewer_destinations() {
        let secret = BoundSecret::new(Secret::new("tok-secret".to_owned()), by_field("*.acme.example", bearer()));
        for wanted in [
            Destinations::default(),
            by_field("*.acme.example", bearer()),
            by_field("api.acme.example", json!({ "header": { "name": "authorization", "format": "{}" } })),
        ] {
            assert!(secret.release_for(&wanted).is_ok(), "{wanted}");
        }
        for (wanted, missing) in [
            (by_field("acme.example", bearer()), "acme.example (header authorization)"),
            (by_field("a.b.acme.example", bearer()), "a.b.acme.example (header authorization)"),
            (by_field("*.b.acme.example", bearer()), "*.b.acme.example (header authorization)"),
            (by_field("evil.example", bearer()), "evil.example (header authorization)"),
            (by_field("api.acme.example", json!({ "form": "text" })), "api.acme.example (form field text)"),
            (by_field("api.acme.example", json!({ "query": "key" })), "api.acme.example (query parameter key)"),
        ] {
            let refused = secret.release_for(&wanted).expect_err("another destination");
            assert_eq!(refused.to_string(), missing);
        }
        // An exact host does not include its pattern.
        let exact = by_field("api.acme.example", bearer());
        assert!(!exact.missing(&by_field("*.acme.example", bearer())).is_empty());
    }

    #[test]
    fn the_tokens_of_a_grant_are_bound_to_the_token_endpoint_and_the_client_secret_too() {
        let grant = |token_url: &str, revocation_url: Option<&str>| {
            let auth = json!({ "oauth2": {
                "authorize_url": "https://login.acme.example/authorize", "token_url": token_url,
                "revocation_url": revocation_url, "issuer": null, "scopes": [], "authorize_parameters": [],
                "client_authentication": "basic", "refresh": "reusable", "idle_lifetime": null,
            } });
            manifest(&auth, &[("api.acme.example", json!("oauth_token"), bearer())]).grant_destinations()
        };
        let entered = grant("https://login.acme.example/token", None);
        assert!(entered.missing(&grant("https://login.acme.example/token", None)).is_empty());
        let revoked_there = grant("https://login.acme.example/token", Some("https://login.acme.example/revoke"));
        assert!(entered.missing(&revoked_there).is_empty());
        for (wanted, missing) in [
            (grant("https://login.acme.example/other", None), "login.acme.example (token endpoint https://login"),
            (grant("https://evil.example/token", None), "evil.example (revocation endpoint), evil.example (token"),
            (
                grant("https://login.acme.example/token", Some("https://evil.example/revoke")),
                "evil.example (revocation endpoint)",
            ),
        ] {
            let found = entered.missing(&wanted).to_string();
            assert!(found.starts_with(missing), "{found}");
        }
    }

    #[test]
    fn the_key_of_a_service_account_is_bound_to_its_token_endpoint_audience_and_hosts() {
        let key = |token_url: &str, audience: &str, host: &str| {
            let auth = json!({ "service_account": {
                "field": "key", "token_url": token_url, "audience": audience, "token_uris": [], "universe_domains": [],
            } });
            let source = json!({ "minted": { "scopes": ["read"], "subject_field": null } });
            manifest(&auth, &[(host, source, bearer())]).field_destinations("key")
        };
        let (token_url, host) = ("https://oauth2.acme.example/token", "api.acme.example");
        let entered = key(token_url, token_url, host);
        assert!(entered.missing(&key(token_url, token_url, host)).is_empty());
        for wanted in [
            key("https://evil.example/token", token_url, host),
            key(token_url, "https://other.example/token", host),
            key(token_url, token_url, "evil.example"),
        ] {
            assert!(!entered.missing(&wanted).is_empty(), "{wanted}");
        }
    }
}
