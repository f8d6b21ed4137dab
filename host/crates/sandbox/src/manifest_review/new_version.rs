//! Reviews a version that was never approved, with rules that were added after other versions were approved.
//!
//! An approved version keeps running if it breaks one of these rules, so that its connection is not lost. The
//! approval page shows it as a risk.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::manifest::{Auth, Manifest};

use super::{
    Finding, Review,
    credentials::{PlacementKind, describe_secret},
    texts::review_texts,
    to_line,
};

/// Returns the findings that prevent the first approval of a version, in addition to those of `review`.
pub(crate) fn review_new_version(manifest: &Manifest) -> Vec<Finding> {
    let mut review = Review { manifest, findings: review_texts(manifest) };
    if let Auth::OAuth2(grant) = &manifest.auth {
        review.oauth_parameters(grant);
    }
    review.wildcard_hosts();
    review.placement_kinds();
    review.findings
}

impl Review<'_> {
    fn wildcard_hosts(&mut self) {
        let endpoints = self.manifest.endpoints.iter();
        let starred = endpoints.filter(|endpoint| endpoint.host.starts_with("*.") && endpoint.credential.is_some());
        for line in starred.map(to_line).collect::<Vec<_>>() {
            self.add(
                format!("the credential of `{line}` would be sent to any host that the component chooses"),
                "declare the exact host of the endpoint; a host with a star cannot have a credential, because anybody \
                 could own such a host",
            );
        }
    }

    fn placement_kinds(&mut self) {
        for (secret, kinds) in find_placement_kinds(self.manifest) {
            if kinds.len() > 1 {
                let kinds: Vec<&str> = kinds.into_iter().map(PlacementKind::as_str).collect();
                self.add(
                    format!("{secret} is used in several kinds of placements: {}", kinds.join(", ")),
                    "use one kind for each secret: a header, HTTP Basic or a query parameter such as `api_key`; or another \
                     query parameter; or a form; or JSON; or signatures",
                );
            }
        }
    }
}

/// Returns the kinds of placements of each secret, by the name of the secret.
fn find_placement_kinds(manifest: &Manifest) -> BTreeMap<String, BTreeSet<PlacementKind>> {
    let mut kinds: BTreeMap<String, BTreeSet<PlacementKind>> = BTreeMap::new();
    for attachment in manifest.endpoints.iter().filter_map(|endpoint| endpoint.credential.as_ref()) {
        let kind = PlacementKind::of(&attachment.placement);
        kinds.entry(describe_secret(&attachment.source)).or_default().insert(kind);
    }
    // The key file signs requests for tokens, and is never sent.
    if let Auth::ServiceAccount(grant) = &manifest.auth {
        kinds.entry(format!("secret `{}`", grant.field)).or_default().insert(PlacementKind::Signature);
    }
    kinds
}
