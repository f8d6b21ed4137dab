//! Reviews a manifest before anybody can approve it. Each finding says what is wrong and how to fix it.

mod auth;
mod credentials;
mod endpoints;
mod fields;
mod lints;
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

pub use self::{
    credentials::{describe_credential, describe_placement, describe_secret, describe_source},
    fields::compile_pattern,
    risks::{Risk, RiskKind, find_risks},
    texts::{to_displayable, to_displayable_text},
};
pub(crate) use self::{lints::find_lints, new_version::review_new_version};
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
        match ProviderId::parse(&self.manifest.id) {
            Err(error) => self.add(
                format!("`{}` is not a valid provider id: {error}", cut(&self.manifest.id)),
                "choose an id for URLs, such as `acme-hr`",
            ),
            Ok(id) if id.is_reserved() => self.add(
                format!("the id `{id}` is reserved for a path of the REST API"),
                "choose another id, such as `acme-hr`",
            ),
            Ok(_) => {}
        }
        self.text("its title", &self.manifest.title, 60);
        let version = &self.manifest.version;
        if semver::Version::parse(version).is_err() || version.len() > 40 {
            self.add(
                format!("`{}` is not a semantic version of at most 40 characters", cut(version)),
                "write it as 1.2.3 or 1.2.3-rc.1",
            );
        }
    }

    /// Reviews a text that people read before they approve.
    fn text(&mut self, name: &str, text: &str, max_chars: usize) {
        let length = text.chars().count();
        if length == 0 {
            self.add(format!("{name} is empty"), format!("write 1 to {max_chars} characters"));
        } else if length > max_chars {
            self.add(
                format!("{name} has {length} characters"),
                format!("shorten it to at most {max_chars} characters"),
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

/// Returns the start of a text of a manifest that is quoted in a finding.
fn cut(text: &str) -> String {
    crate::text::sanitize(text, 60)
}

#[cfg(test)]
mod tests;
