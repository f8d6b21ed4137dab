//! Judges what a component says of itself, before anybody may approve it. Pure: a manifest in, findings out.

use std::collections::HashSet;

use jackfield_core::{
    ProviderId,
    manifest::{Attachment, Auth, BasicUser, CredentialSource, Endpoint, Field, FieldKind, Manifest, Place},
};
use jackfield_egress::{attach, policy};
use regex::RegexBuilder;
use serde::Serialize;

use super::{convert::is_bidirectional, imitation};

/// Bytes that a field's pattern may take when compiled; a bomb is refused.
pub(crate) const PATTERN_BYTES: usize = 64 << 10;

/// What keeps a component from being approved, and what its author does about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: String,
    pub cure: String,
}

impl Finding {
    pub(super) fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { what: what.into(), cure: cure.into() }
    }

    /// Says what the author does about it.
    fn cure(&mut self, cure: impl Into<String>) {
        self.cure = cure.into();
    }
}

/// Says all that is wrong with a manifest; nothing when it may be approved.
pub(super) fn findings(manifest: &Manifest) -> Vec<String> {
    judge(manifest).into_iter().map(|finding| finding.what).collect()
}

/// The same, each with its cure.
pub(super) fn judge(manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    findings.head(manifest);
    findings.fields(manifest);
    findings.auth(manifest);
    findings.endpoints(manifest);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    /// Notes a finding down; its cure is said next, unless the finding itself says what is needed.
    fn add(&mut self, what: impl Into<String>) -> &mut Finding {
        self.0.push(Finding::new(what, "change what `describe` returns"));
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    fn text(&mut self, what: &str, text: &str, longest: usize) {
        let length = text.chars().count();
        if length == 0 || length > longest {
            self.add(format!("{what} has {length} characters; 1 to {longest} are needed"))
                .cure(format!("give it 1 to {longest} characters"));
        }
        if text.chars().any(|letter| letter.is_control() || is_bidirectional(letter)) {
            self.add(format!("{what} holds a control or bidirectional character"))
                .cure("leave such characters out: on the page of approval they would make one text look like another");
        }
        if let Some(why) = imitation::finding(text) {
            self.add(format!("{what} {why}"));
        }
    }

    fn url(&mut self, what: &str, url: &str) {
        if let Err(why) = policy::url_may_be_asked(url) {
            self.add(format!("{what} {why}"))
                .cure("name an https URL on a public host, without a port, a user or a fragment");
        }
    }

    fn head(&mut self, manifest: &Manifest) {
        if let Err(error) = ProviderId::parse(&manifest.id) {
            self.add(format!("its id is none: {error}")).cure("choose an id such as `acme-hr`; it stands in URLs");
        }
        self.text("its title", &manifest.title, 60);
        if semver::Version::parse(&manifest.version).is_err() || manifest.version.len() > 40 {
            self.add("its version is none of Semantic Versioning 2.0").cure("write it as 1.2.3, or 1.2.3-rc.1");
        }
    }

    fn fields(&mut self, manifest: &Manifest) {
        if manifest.fields.len() > 32 {
            self.add(format!("it has {} fields; 32 at most", manifest.fields.len())).cure("ask for fewer fields");
        }
        let mut seen = HashSet::new();
        for field in &manifest.fields {
            let name = &field.name;
            let identifier = (1..=40).contains(&name.len())
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !identifier {
                self.add("a field's name is not of the form [a-z][a-z0-9_]*, 1 to 40 characters")
                    .cure("name it like `api_token`; what a person reads is its label");
                continue;
            }
            if RESERVED.contains(&name.as_str()) {
                self.add(format!("the field name `{name}` is the API's own"))
                    .cure(format!("call it `{name}_value`, or what it is at the provider"));
            }
            if !seen.insert(name) {
                self.add(format!("the field `{name}` is declared twice")).cure("take one of the two away");
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
            self.add(format!("the field `{name}` needs 1 to 32 choices, or to be no choice"))
                .cure("give a field of kind `choice` its values, and any other field none");
        }
        for choice in &field.choices {
            self.text(&format!("a choice of `{name}`"), &choice.value, 100);
            self.text(&format!("a choice's label of `{name}`"), &choice.label, 60);
        }
        if let Some(pattern) = &field.pattern
            && (pattern.len() > 500 || whole_match(pattern).is_err())
        {
            self.add(format!("the pattern of `{name}` is not a regular expression that can be used")).cure(
                "use the syntax of docs.rs/regex, at most 500 characters, without look-around and large repetitions",
            );
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
                        self.add(format!("the authorize parameter `{name}` is the host's"))
                            .cure("take it away: the host sends it by itself");
                    }
                }
                self.scopes(&grant.scopes);
            }
            Auth::ServiceAccount(grant) => {
                self.url("its token URL", &grant.token_url);
                let good =
                    manifest.field(&grant.field).is_some_and(|field| field.secret && field.kind == FieldKind::Json);
                if !good {
                    self.add(format!("its service account's key `{}` is not a secret field of JSON", grant.field))
                        .cure("declare a field of that name, of kind `json` and secret");
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
            self.add("a scope is none (RFC 6749 §3.3), or there are more than 64")
                .cure("give each scope as an element of its own, without blanks");
        }
    }

    fn endpoints(&mut self, manifest: &Manifest) {
        if manifest.endpoints.is_empty() || manifest.endpoints.len() > 64 {
            self.add(format!("it has {} endpoints; 1 to 64 are needed", manifest.endpoints.len()))
                .cure("declare each endpoint that is called, with `*` for a segment that varies");
        }
        let mut seen = HashSet::new();
        for endpoint in &manifest.endpoints {
            let line = line(endpoint);
            if let Err(why) = policy::host_may_be_asked(&endpoint.host) {
                self.add(format!("the host of an endpoint cannot be approved: {why}"))
                    .cure("name one public host in lower case, or `*.` before one for exactly one label");
                continue;
            }
            if let Err(why) = policy::path_pattern_may_be_asked(&endpoint.path) {
                self.add(format!("the path of an endpoint at {} cannot be approved: {why}", endpoint.host))
                    .cure("write the path as it is sent, without a query, with `*` for one whole segment");
                continue;
            }
            if !seen.insert(line.clone()) {
                self.add(format!("the endpoint `{line}` is declared twice")).cure("take one of the two away");
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
                    self.add(format!("the credential of `{line}` is `{name}`, which is not a secret field"))
                        .cure(format!("declare `{name}` as a secret field, or name the one that is meant"));
                }
            }
            CredentialSource::OAuthToken => {
                if !matches!(manifest.auth, Auth::OAuth2(_)) {
                    self.add(format!("the credential of `{line}` is an OAuth token, but there is no OAuth grant"))
                        .cure("declare the OAuth grant, or attach a secret field");
                }
            }
            CredentialSource::Minted { scopes, subject_field } => {
                if !matches!(manifest.auth, Auth::ServiceAccount(_)) {
                    self.add(format!("the credential of `{line}` is minted, but there is no service account"))
                        .cure("declare the service account, or attach a secret field");
                }
                self.scopes(scopes);
                if !subject_field.as_ref().is_none_or(plain_field) {
                    self.add(format!("the subject of `{line}` is not a field that is not secret"))
                        .cure("name a declared field that is not secret");
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
            self.add(format!("the credential of `{line}` has no place that it can be put in")).cure("use a header such as `Authorization` with `{}` once in its format, HTTP Basic, a query or form key, or a JSON pointer");
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
pub fn whole_match(pattern: &str) -> Result<regex::Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_BYTES).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_core::manifest::{Capabilities, Choice, MappingFate, Method, OAuth2Grant, ServiceAccountGrant};

    /// A manifest in which nearly everything is wrong that can be.
    fn wrong(auth: Auth) -> Manifest {
        let field = |name: &str| Field {
            name: name.to_owned(),
            label: "a\u{202e}".to_owned(),
            help: "x".repeat(501),
            help_url: Some("http://acme.example/".to_owned()),
            kind: FieldKind::Text,
            secret: false,
            required: true,
            choices: vec![Choice { value: String::new(), label: String::new() }],
            pattern: Some("(".to_owned()),
        };
        let endpoint = |host: &str, path: &str, source: CredentialSource| Endpoint {
            method: Method::Get,
            host: host.to_owned(),
            path: path.to_owned(),
            credential: Some(Attachment { source, place: Place::Query(String::new()) }),
        };
        let minted =
            CredentialSource::Minted { scopes: vec!["a b".to_owned()], subject_field: Some("none".to_owned()) };
        Manifest {
            id: "Acme".to_owned(),
            title: String::new(),
            version: "1".to_owned(),
            auth,
            fields: [field("ok"), field("twice"), field("twice"), field("No")].into_iter().cycle().take(33).collect(),
            endpoints: vec![
                endpoint("10.0.0.1", "/", CredentialSource::OAuthToken),
                endpoint("api.acme.example", "v1", CredentialSource::OAuthToken),
                endpoint("api.acme.example", "/v1", CredentialSource::OAuthToken),
                endpoint("api.acme.example", "/v1", minted),
                endpoint("api.acme.example", "/v2", CredentialSource::Field("ok".to_owned())),
            ],
            capabilities: Capabilities::default(),
            on_disconnect: MappingFate::Keep,
        }
    }

    #[test]
    fn every_finding_has_a_cure_of_its_own() {
        let oauth = Auth::OAuth2(OAuth2Grant {
            authorize_url: "x".to_owned(),
            token_url: "x".to_owned(),
            revocation_url: Some("x".to_owned()),
            issuer: None,
            scopes: vec![String::new()],
            authorize_parameters: vec![("state".to_owned(), "x".to_owned())],
            client_authentication: jackfield_core::manifest::ClientAuthentication::Basic,
            refresh: jackfield_core::manifest::RefreshTokens::None,
            idle_lifetime: None,
        });
        let account = Auth::ServiceAccount(ServiceAccountGrant {
            field: "ok".to_owned(),
            token_url: "x".to_owned(),
            audience: "x".to_owned(),
            token_uris: Vec::new(),
            universe_domains: Vec::new(),
        });
        let bare = Manifest { endpoints: Vec::new(), ..wrong(Auth::Fields) };
        let found =
            [wrong(Auth::Fields), wrong(oauth), wrong(account), bare].iter().flat_map(judge).collect::<Vec<_>>();
        let general = Findings(Vec::new()).add("").cure.clone();
        for finding in &found {
            assert!(!finding.what.is_empty() && finding.cure != general, "{finding:?}");
        }
        let cures: HashSet<&str> = found.iter().map(|finding| finding.cure.as_str()).collect();
        assert!(cures.len() >= 20, "only {} kinds of findings: {cures:#?}", cures.len());
    }
}
