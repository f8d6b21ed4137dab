//! Reviews the endpoints, and the placement of their credentials.

use std::collections::HashSet;

use jackfield_core::manifest::{Attachment, Auth, BasicUser, CredentialSource, Manifest, Method, Placement};
use jackfield_egress::{placement, policy};

use super::{Review, to_line};

impl Review<'_> {
    pub(super) fn endpoints(&mut self) {
        let endpoints = &self.manifest.endpoints;
        if endpoints.is_empty() || endpoints.len() > 64 {
            self.add(
                format!("it has {} endpoints instead of 1 to 64", endpoints.len()),
                "declare each endpoint that it calls, with `*` for a segment that varies",
            );
        }
        let mut lines = HashSet::new();
        for endpoint in endpoints {
            if let Err(problem) = policy::validate_host_pattern(&endpoint.host) {
                self.add(
                    format!("the host of an endpoint cannot be approved: {problem}"),
                    "use the name of a public host in lower case; a leading `*.` matches exactly one label",
                );
                continue;
            }
            if let Err(problem) = policy::validate_path_pattern(&endpoint.path) {
                self.add(
                    format!("the path of an endpoint at {} cannot be approved: {problem}", endpoint.host),
                    "write the path as it is sent, without a query, with `*` for one whole segment",
                );
                continue;
            }
            let line = to_line(endpoint);
            if !lines.insert(line.clone()) {
                self.add(format!("the endpoint `{line}` is declared twice"), "remove one of the two endpoints");
            }
            if let Some(attachment) = &endpoint.credential {
                self.credential_source(&line, &attachment.source);
                self.credential_placement(&line, attachment);
                let needs_body = matches!(attachment.placement, Placement::Form(_) | Placement::Json(_));
                if needs_body && matches!(endpoint.method, Method::Get | Method::Head) {
                    self.add(
                        format!("the credential of `{line}` is placed in a body, but such a request has none"),
                        "use a header or the query, or another method",
                    );
                }
            }
        }
    }

    fn credential_source(&mut self, line: &str, source: &CredentialSource) {
        match source {
            CredentialSource::Field(name) => {
                if !self.manifest.field(name).is_some_and(|field| field.secret) {
                    self.add(
                        format!("the credential of `{line}` is `{name}`, which is not a secret field"),
                        format!("declare `{name}` as a secret field, or use the name of another secret field"),
                    );
                }
            }
            CredentialSource::OAuthToken => {
                if !matches!(self.manifest.auth, Auth::OAuth2(_)) {
                    self.add(
                        format!("the credential of `{line}` is an OAuth token, but the manifest has no OAuth grant"),
                        "declare the OAuth grant, or use a secret field",
                    );
                }
            }
            CredentialSource::Minted { scopes, subject_field } => {
                if !matches!(self.manifest.auth, Auth::ServiceAccount(_)) {
                    self.add(
                        format!("the credential of `{line}` is minted, but the manifest has no service account"),
                        "declare the service account, or use a secret field",
                    );
                }
                self.scopes(scopes);
                if !subject_field.as_ref().is_none_or(|name| is_plain_field(self.manifest, name)) {
                    self.add(
                        format!("the subject of `{line}` is not a declared field, or it is secret"),
                        "use the name of a declared field that is not secret",
                    );
                }
            }
        }
    }

    fn credential_placement(&mut self, line: &str, attachment: &Attachment) {
        let (text, fields_exist) = placement_text(self.manifest, &attachment.placement);
        // The text is displayed on the approval page and in a terminal.
        let max_bytes = match &attachment.placement {
            Placement::Hmac(_) | Placement::Aws(_) | Placement::Jwt(_) => 1_200,
            _ => 200,
        };
        let is_displayable = text.len() <= max_bytes && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if placement::validate(&attachment.placement).is_err() || !fields_exist || !is_displayable {
            self.add(
                format!("the credential of `{line}` has no valid placement"),
                "use a header such as `Authorization` with `{}` once in its format, HTTP Basic, a query or form key, or \
                 a JSON pointer",
            );
        }
    }
}

/// Returns the text of a placement, and whether all its fields are declared and not secret.
fn placement_text(manifest: &Manifest, placement: &Placement) -> (String, bool) {
    let is_plain = |name: &String| is_plain_field(manifest, name);
    match placement {
        Placement::Header { name, format } => (format!("{name}{format}"), true),
        Placement::Basic(BasicUser::Literal(user)) => (user.clone(), true),
        Placement::Basic(BasicUser::Field(name)) => (name.clone(), is_plain(name)),
        Placement::Query(key) | Placement::Form(key) => (key.clone(), true),
        Placement::Json(pointer) => (pointer.clone(), true),
        Placement::Hmac(hmac) => (hmac.describe(), hmac.fields().all(is_plain)),
        Placement::Aws(aws) => {
            let fields = [aws.access_key.as_field(), aws.region.as_field()];
            (aws.describe(), fields.into_iter().flatten().all(is_plain))
        }
        Placement::Jwt(jwt) => (jwt.describe(), jwt.fields().all(is_plain)),
    }
}

fn is_plain_field(manifest: &Manifest, name: &str) -> bool {
    manifest.field(name).is_some_and(|field| !field.secret)
}
