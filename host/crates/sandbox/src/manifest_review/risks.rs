//! Finds what an Executive has to notice in a manifest that can be approved.

use std::collections::BTreeMap;

use jackfield_core::manifest::{Auth, Endpoint, Manifest, Placement};
use serde::Serialize;

use super::{
    credentials::{PlacementKind, describe_placement, describe_secret},
    new_version::review_new_version,
    texts::to_displayable,
    to_line,
};

/// Path segments under which an API usually offers everything that it can do.
const WHOLE_API: [&str; 14] = [
    "$batch",
    "batch",
    "composite",
    "gql",
    "graphiql",
    "graphql",
    "json-rpc",
    "jsonrpc",
    "multi",
    "rpc",
    "soap",
    "trpc",
    "xml-rpc",
    "xmlrpc",
];

/// Something in a manifest that an Executive has to notice before the approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// What kind of risk it is.
    pub kind: RiskKind,
    /// What could happen, as a sentence without a full stop.
    pub what: String,
}

/// The kinds of risks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// It breaks a rule that new versions have to follow. Only an approved version can have this risk.
    NotApprovableToday,
    /// A secret is sent in the URL, which servers log.
    SecretInUrl,
    /// A secret is sent in a part of the request that a provider can store and show as content.
    SecretInContent,
    /// An endpoint is a complete API, such as GraphQL or a batch of requests.
    WholeApi,
    /// A parameter of the authorize URL requests permissions in addition to the scopes.
    ScopeInParameter,
    /// The client secret, tokens or signed requests for tokens go to another endpoint than before.
    NewTokenEndpoint,
    /// A secret goes to a host that did not receive it before.
    SecretToNewHost,
}

impl RiskKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::NotApprovableToday,
        Self::SecretInUrl,
        Self::SecretInContent,
        Self::WholeApi,
        Self::ScopeInParameter,
        Self::NewTokenEndpoint,
        Self::SecretToNewHost,
    ];

    /// Returns whether a wrong decision can disclose a secret.
    #[must_use]
    pub fn is_danger(self) -> bool {
        match self {
            Self::NotApprovableToday | Self::SecretInContent | Self::NewTokenEndpoint | Self::SecretToNewHost => true,
            Self::SecretInUrl | Self::WholeApi | Self::ScopeInParameter => false,
        }
    }
}

impl Risk {
    /// Creates a risk.
    pub fn new(kind: RiskKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

/// Returns the risks of a manifest, the dangerous ones first.
#[must_use]
pub fn find_risks(manifest: &Manifest) -> Vec<Risk> {
    let broken_rules = review_new_version(manifest).into_iter();
    let mut risks: Vec<Risk> = broken_rules
        .map(|finding| Risk::new(RiskKind::NotApprovableToday, format!("{}: {}", finding.what, finding.cure)))
        .collect();
    let manifest = &*to_displayable(manifest);
    risks.extend(find_exposed_secrets(manifest));
    risks.extend(find_whole_apis(manifest));
    if let Auth::OAuth2(grant) = &manifest.auth {
        let names = grant.authorize_parameters.iter().map(|(name, _)| name);
        risks.extend(names.filter(|name| name.to_lowercase().contains("scope")).map(|name| {
            Risk::new(
                RiskKind::ScopeInParameter,
                format!("the authorize parameter `{name}` can request permissions in addition to the scopes"),
            )
        }));
    }
    risks.sort_by_key(|risk| !risk.kind.is_danger());
    risks
}

/// Finds secrets in URLs and in places where a provider can store them as content.
fn find_exposed_secrets(manifest: &Manifest) -> Vec<Risk> {
    let mut lines: BTreeMap<(String, String), (RiskKind, Vec<String>)> = BTreeMap::new();
    for endpoint in &manifest.endpoints {
        let Some(attachment) = &endpoint.credential else { continue };
        let kind = match (PlacementKind::of(&attachment.placement), &attachment.placement) {
            (PlacementKind::Query | PlacementKind::Form | PlacementKind::Json, _) => RiskKind::SecretInContent,
            (PlacementKind::Authentication, Placement::Query(_)) => RiskKind::SecretInUrl,
            (PlacementKind::Authentication | PlacementKind::Signature, _) => continue,
        };
        let name = (describe_secret(&attachment.source), describe_placement(&attachment.placement));
        lines.entry(name).or_insert((kind, Vec::new())).1.push(to_line(endpoint));
    }
    let risks = lines.into_iter().map(|((secret, placement), (kind, lines))| {
        let consequence = if kind == RiskKind::SecretInUrl {
            "servers and proxies often log URLs"
        } else {
            "if the provider stores and shows this value, whoever can see it there has the secret"
        };
        Risk::new(kind, format!("{secret} is sent {placement}, to {}; {consequence}", lines.join(", ")))
    });
    risks.collect()
}

/// Finds endpoints that give access to a complete API.
fn find_whole_apis(manifest: &Manifest) -> Vec<Risk> {
    let whole = manifest.endpoints.iter().filter(|endpoint| is_whole_api(endpoint));
    whole
        .map(|endpoint| {
            let line = to_line(endpoint);
            Risk::new(
                RiskKind::WholeApi,
                format!(
                    "`{line}` can be a complete API: the body of a request chooses what is read or changed, and the \
                     approved endpoints do not limit it"
                ),
            )
        })
        .collect()
}

fn is_whole_api(endpoint: &Endpoint) -> bool {
    let path = endpoint.path.to_lowercase().replace("%24", "$");
    let mut segments = path.split('/').skip(1);
    // An extension is not part of the name: Shopify calls it `graphql.json`.
    let is_named = segments.clone().any(|segment| WHOLE_API.contains(&segment.split('.').next().unwrap_or_default()));
    let is_host = endpoint.host.split('.').any(|label| ["graphql", "gql"].contains(&label));
    is_named || is_host || segments.all(|segment| segment == "*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_core::manifest::Method;

    #[test]
    fn an_endpoint_that_is_a_complete_api_is_recognized() {
        let endpoint = |host: &str, path: &str| Endpoint {
            method: Method::Post,
            host: host.to_owned(),
            path: path.to_owned(),
            credential: None,
        };
        for path in [
            "/graphql",
            "/api/GraphQL",
            "/admin/api/2026-07/graphql.json",
            "/v1.0/$batch",
            "/v1.0/%24batch",
            "/*",
            "/*/*",
        ] {
            assert!(is_whole_api(&endpoint("api.acme.example", path)), "{path}");
        }
        assert!(is_whole_api(&endpoint("graphql.acme.example", "/v1")));
        for path in ["/", "/v1/users", "/v1/*", "/batches", "/rpcs", "/v1/graphs/*"] {
            assert!(!is_whole_api(&endpoint("api.acme.example", path)), "{path}");
        }
    }
}
