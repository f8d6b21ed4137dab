//! Judges what a component says of itself, before anybody may approve it. Pure: a manifest in, findings out.

use std::collections::HashSet;

use regex::RegexBuilder;

use super::convert::is_bidirectional;
use crate::{
    egress::{attach, policy},
    model::{
        ProviderId,
        manifest::{Attachment, Auth, BasicUser, CredentialSource, Endpoint, Field, FieldKind, Manifest, Place},
    },
};

/// Bytes that a field's pattern may take when compiled; a bomb is refused.
pub(crate) const PATTERN_BYTES: usize = 64 << 10;

/// Says all that is wrong with a manifest; nothing when it may be approved.
pub(super) fn findings(manifest: &Manifest) -> Vec<String> {
    let mut findings = Findings(Vec::new());
    findings.head(manifest);
    findings.fields(manifest);
    findings.auth(manifest);
    findings.endpoints(manifest);
    findings.0
}

struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, finding: impl Into<String>) {
        self.0.push(finding.into());
    }

    fn text(&mut self, what: &str, text: &str, longest: usize) {
        let length = text.chars().count();
        if length == 0 || length > longest {
            self.add(format!("{what} has {length} characters; 1 to {longest} are needed"));
        }
        if text.chars().any(|letter| letter.is_control() || is_bidirectional(letter)) {
            self.add(format!("{what} holds a control or bidirectional character"));
        }
    }

    fn url(&mut self, what: &str, url: &str) {
        if let Err(why) = policy::url_may_be_asked(url) {
            self.add(format!("{what} {why}"));
        }
    }

    fn head(&mut self, manifest: &Manifest) {
        if let Err(error) = ProviderId::parse(&manifest.id) {
            self.add(format!("its id is none: {error}"));
        }
        self.text("its title", &manifest.title, 60);
        if semver::Version::parse(&manifest.version).is_err() || manifest.version.len() > 40 {
            self.add("its version is none of Semantic Versioning 2.0");
        }
    }

    fn fields(&mut self, manifest: &Manifest) {
        if manifest.fields.len() > 32 {
            self.add(format!("it has {} fields; 32 at most", manifest.fields.len()));
        }
        let mut seen = HashSet::new();
        for field in &manifest.fields {
            let name = &field.name;
            let identifier = (1..=40).contains(&name.len())
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !identifier {
                self.add("a field's name is not of the form [a-z][a-z0-9_]*, 1 to 40 characters");
                continue;
            }
            if RESERVED.contains(&name.as_str()) {
                self.add(format!("the field name `{name}` is the API's own"));
            }
            if !seen.insert(name) {
                self.add(format!("the field `{name}` is declared twice"));
            }
            self.field(field);
        }
    }

    fn field(&mut self, field: &Field) {
        let name = &field.name;
        self.text(&format!("the label of `{name}`"), &field.label, 60);
        if !field.help.is_empty() {
            self.text(&format!("the help of `{name}`"), &field.help, 500);
        }
        if let Some(url) = &field.help_url {
            self.url(&format!("the help page of `{name}`"), url);
        }
        if (field.kind == FieldKind::Choice) == field.choices.is_empty() || field.choices.len() > 32 {
            self.add(format!("the field `{name}` needs 1 to 32 choices, or to be no choice"));
        }
        for choice in &field.choices {
            self.text(&format!("a choice of `{name}`"), &choice.value, 100);
            self.text(&format!("a choice's label of `{name}`"), &choice.label, 60);
        }
        if let Some(pattern) = &field.pattern
            && (pattern.len() > 500 || whole_match(pattern).is_err())
        {
            self.add(format!("the pattern of `{name}` is no regular expression that can be used"));
        }
    }

    fn auth(&mut self, manifest: &Manifest) {
        match &manifest.auth {
            Auth::Fields => {}
            Auth::OAuth2(grant) => {
                self.url("its authorize URL", &grant.authorize_url);
                self.url("its token URL", &grant.token_url);
                if let Some(url) = &grant.revocation_url {
                    self.url("its revocation URL", url);
                }
                for (name, _) in &grant.authorize_parameters {
                    if OAUTH_PARAMETERS.contains(&name.as_str()) {
                        self.add(format!("the authorize parameter `{name}` is the host's"));
                    }
                }
                self.scopes(&grant.scopes);
            }
            Auth::ServiceAccount(grant) => {
                self.url("its token URL", &grant.token_url);
                let good =
                    manifest.field(&grant.field).is_some_and(|field| field.secret && field.kind == FieldKind::Json);
                if !good {
                    self.add(format!("its service account's key `{}` is no secret field of JSON", grant.field));
                }
            }
        }
    }

    fn scopes(&mut self, scopes: &[String]) {
        // RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        let token = |scope: &String| {
            !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        };
        if scopes.len() > 64 || !scopes.iter().all(token) {
            self.add("a scope is none (RFC 6749 §3.3), or there are more than 64");
        }
    }

    fn endpoints(&mut self, manifest: &Manifest) {
        if manifest.endpoints.is_empty() || manifest.endpoints.len() > 64 {
            self.add(format!("it has {} endpoints; 1 to 64 are needed", manifest.endpoints.len()));
        }
        let mut seen = HashSet::new();
        for endpoint in &manifest.endpoints {
            let line = line(endpoint);
            if let Err(why) = policy::host_may_be_asked(&endpoint.host) {
                self.add(format!("the host of an endpoint can not be approved: {why}"));
                continue;
            }
            if let Err(why) = policy::path_pattern_may_be_asked(&endpoint.path) {
                self.add(format!("the path of an endpoint at {} can not be approved: {why}", endpoint.host));
                continue;
            }
            if !seen.insert(line.clone()) {
                self.add(format!("the endpoint `{line}` is declared twice"));
            }
            if let Some(attachment) = &endpoint.credential {
                self.attachment(manifest, &line, attachment);
            }
        }
    }

    fn attachment(&mut self, manifest: &Manifest, line: &str, attachment: &Attachment) {
        let plain_field = |name: &String| manifest.field(name).is_some_and(|field| !field.secret);
        match &attachment.source {
            CredentialSource::Field(name) => {
                if !manifest.field(name).is_some_and(|field| field.secret) {
                    self.add(format!("the credential of `{line}` is `{name}`, which is no secret field"));
                }
            }
            CredentialSource::OAuthToken => {
                if !matches!(manifest.auth, Auth::OAuth2(_)) {
                    self.add(format!("the credential of `{line}` is an OAuth token, but there is no OAuth grant"));
                }
            }
            CredentialSource::Minted { scopes, subject_field } => {
                if !matches!(manifest.auth, Auth::ServiceAccount(_)) {
                    self.add(format!("the credential of `{line}` is minted, but there is no service account"));
                }
                self.scopes(scopes);
                if !subject_field.as_ref().is_none_or(plain_field) {
                    self.add(format!("the subject of `{line}` is no field that is not secret"));
                }
            }
        }
        let right = attach::place_may_be_asked(&attachment.place).is_ok();
        let (text, names_a_field) = match &attachment.place {
            Place::Header { name, format } => (format!("{name}{format}"), true),
            Place::Basic(BasicUser::Literal(user)) => (user.clone(), true),
            Place::Basic(BasicUser::Field(name)) => (name.clone(), plain_field(name)),
            Place::Query(key) | Place::Form(key) => (key.clone(), true),
            Place::Json(pointer) => (pointer.clone(), true),
            Place::Hmac(place) => (place.words(), place.fields().all(plain_field)),
            Place::Aws(place) => {
                let fields = [place.access_key.field(), place.region.field()];
                (place.words(), fields.into_iter().flatten().all(plain_field))
            }
            Place::Jwt(place) => (place.words(), place.fields().all(plain_field)),
        };
        // It stands on the approval page, and in a terminal.
        let longest = match &attachment.place {
            Place::Hmac(_) | Place::Aws(_) | Place::Jwt(_) => 1_000,
            _ => 200,
        };
        let shown_as_it_is = text.len() <= longest && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let good_place = right && names_a_field && shown_as_it_is;
        if !good_place {
            self.add(format!("the credential of `{line}` has no place that it can be put in"));
        }
    }
}

/// Keys of the API's own answers, which a field of that name would hide.
const RESERVED: [&str; 4] = ["ok", "configured", "errors", "accounts"];

/// What OAuth itself defines for the authorize URL.
const OAUTH_PARAMETERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "response_mode",
];

/// An endpoint as a line that a person reads: `POST api.example.com/v1/users`.
#[must_use]
pub(crate) fn line(endpoint: &Endpoint) -> String {
    format!("{} {}{}", endpoint.method.as_str(), endpoint.host, endpoint.path)
}

/// Compiles a field's pattern so that it must match the whole value.
pub(crate) fn whole_match(pattern: &str) -> Result<regex::Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_BYTES).build()
}
