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
        let placement = &attachment.placement;
        if let Err(problem) = placement::validate(placement) {
            self.add(format!("the credential of `{line}` cannot be placed: {problem}"), cure_for_placement(placement));
        }
        for name in fields_of(placement) {
            if !is_plain_field(self.manifest, name) {
                self.add(
                    format!(
                        "the placement of the credential of `{line}` uses the field `{name}`, which is secret or not \
                         declared"
                    ),
                    "use the name of a declared field that is not secret",
                );
            }
        }
        // The text is displayed on the approval page and in a terminal.
        let max_bytes = match placement {
            Placement::Hmac(_) | Placement::Aws(_) | Placement::Jwt(_) => 1_200,
            _ => 200,
        };
        let text = placement_text(placement);
        if text.len() > max_bytes || !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            self.add(
                format!("the placement of the credential of `{line}` is longer than {max_bytes} bytes, or not printable ASCII"),
                "write it in printable ASCII, and leave out what the provider does not need",
            );
        }
    }
}

/// Returns what the author can do about a placement of this kind that is not valid.
fn cure_for_placement(placement: &Placement) -> &'static str {
    match placement {
        Placement::Header { .. } => {
            "use a header such as `Authorization`, and a format with `{}` once, such as `Bearer {}`"
        }
        Placement::Basic(_) => "use a constant user without a colon, or the name of a field that is not secret",
        Placement::Query(_) | Placement::Form(_) => "use the provider's name of the parameter, such as `api_key`",
        Placement::Json(_) => "start the pointer with `/`, and write `~` as `~0` and `/` in a name as `~1` (RFC 6901)",
        Placement::Hmac(_) => {
            "declare the header, at least one signed part, and the header of the time exactly if the time is signed"
        }
        Placement::Aws(_) => "declare service, region and access key id as words, such as `execute-api`, or as fields",
        Placement::Jwt(_) => "declare the claims that the provider requires, each once, without `iat` and `exp`",
    }
}

/// Lists the fields whose values a placement uses.
fn fields_of(placement: &Placement) -> Vec<&String> {
    match placement {
        Placement::Basic(BasicUser::Field(name)) => vec![name],
        Placement::Hmac(hmac) => hmac.fields().collect(),
        Placement::Aws(aws) => [aws.access_key.as_field(), aws.region.as_field()].into_iter().flatten().collect(),
        Placement::Jwt(jwt) => jwt.fields().collect(),
        Placement::Header { .. }
        | Placement::Basic(BasicUser::Literal(_))
        | Placement::Query(_)
        | Placement::Form(_)
        | Placement::Json(_) => Vec::new(),
    }
}

/// Returns the text of a placement as it is displayed.
fn placement_text(placement: &Placement) -> String {
    match placement {
        Placement::Header { name, format } => format!("{name}{format}"),
        Placement::Basic(BasicUser::Literal(text) | BasicUser::Field(text))
        | Placement::Query(text)
        | Placement::Form(text)
        | Placement::Json(text) => text.clone(),
        Placement::Hmac(hmac) => hmac.describe(),
        Placement::Aws(aws) => aws.describe(),
        Placement::Jwt(jwt) => jwt.describe(),
    }
}

fn is_plain_field(manifest: &Manifest, name: &str) -> bool {
    manifest.field(name).is_some_and(|field| !field.secret)
}
