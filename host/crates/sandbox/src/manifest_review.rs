//! Reviews a manifest before anybody can approve it. Each finding says what is wrong and how to fix it.

mod auth;
mod credentials;
mod endpoints;
mod fields;
mod new_version;
mod oauth_parameters;
mod risks;
mod texts;

use jackfield_core::{
    ProviderId,
    manifest::{Endpoint, Manifest},
};
use jackfield_egress::policy;
use serde::Serialize;

pub(crate) use self::new_version::review_new_version;
pub use self::{
    credentials::{describe_credential, describe_placement, describe_secret, describe_source},
    fields::compile_pattern,
    risks::{Risk, RiskKind, find_risks},
    texts::{to_displayable, to_displayable_text},
};
use crate::{lookalike::find_deception, text::is_bidirectional};

/// One reason why a plugin cannot be approved, and how its author can fix it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub what: String,
    /// What the author can do.
    pub cure: String,
}

impl Finding {
    pub(crate) fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        // A finding can quote the manifest, and is displayed in terminals and in responses.
        let to_text = |text: String| to_displayable_text(&text).into_owned();
        Self { what: to_text(what.into()), cure: to_text(cure.into()) }
    }
}

/// Returns findings as one text, with their cures; `None` if there are none.
pub(crate) fn join_findings(findings: &[Finding]) -> Option<String> {
    let texts: Vec<String> = findings.iter().map(|finding| format!("{} ({})", finding.what, finding.cure)).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// Returns all findings of a manifest. The list is empty if the manifest can be approved.
pub(crate) fn review(manifest: &Manifest, exports_alerts: bool) -> Vec<Finding> {
    let mut review = Review { manifest, findings: Vec::new() };
    if manifest.capabilities.alerts && !exports_alerts {
        review.add(
            "it declares the capability `alerts`, but does not export `alerts`",
            "build it for the world `component-with-alerts` (in Rust `export!(Provider, alerts)`), or remove the \
             capability",
        );
    }
    review.identity();
    review.fields();
    review.auth();
    review.endpoints();
    review.findings
}

/// Formats an endpoint as a line for people: `POST api.example.com/v1/users`.
fn to_line(endpoint: &Endpoint) -> String {
    format!("{} {}{}", endpoint.method.as_str(), endpoint.host, endpoint.path)
}

/// Returns the endpoints of a manifest as lines for people.
#[must_use]
pub fn endpoint_lines(manifest: &Manifest) -> Vec<String> {
    manifest.endpoints.iter().map(to_line).collect()
}

/// A review in progress.
struct Review<'a> {
    manifest: &'a Manifest,
    findings: Vec<Finding>,
}

impl Review<'_> {
    fn add(&mut self, what: impl Into<String>, cure: impl Into<String>) {
        self.findings.push(Finding::new(what, cure));
    }

    fn identity(&mut self) {
        if let Err(error) = ProviderId::parse(&self.manifest.id) {
            self.add(format!("its id is not valid: {error}"), "choose an id for URLs, such as `acme-hr`");
        }
        self.text("its title", &self.manifest.title, 60);
        let version = &self.manifest.version;
        if semver::Version::parse(version).is_err() || version.len() > 40 {
            self.add("its version does not conform to Semantic Versioning 2.0", "write it as 1.2.3 or 1.2.3-rc.1");
        }
    }

    /// Reviews a text that people read before they approve.
    fn text(&mut self, name: &str, text: &str, max_chars: usize) {
        let length = text.chars().count();
        if length == 0 || length > max_chars {
            self.add(
                format!("{name} has {length} characters instead of 1 to {max_chars}"),
                format!("use 1 to {max_chars} characters"),
            );
        }
        if text.chars().any(|character| character.is_control() || is_bidirectional(character)) {
            self.add(
                format!("{name} contains a control or bidirectional character"),
                "remove such characters, which can make one text look like another on the approval page",
            );
        }
        if let Some(problem) = find_deception(text) {
            self.add(
                format!("{name} {problem}"),
                "use visible characters of one script in each word, so that no name looks like another",
            );
        }
    }

    fn url(&mut self, name: &str, url: &str) {
        if let Err(problem) = policy::validate_url(url) {
            self.add(
                format!("{name} cannot be approved: {problem}"),
                "use an https URL of a public host, without a port, a user or a fragment",
            );
        }
    }
}

#[cfg(test)]
mod tests;
