//! Describes credentials and their placements in words, and sorts placements by how far they expose a secret.

use jackfield_core::manifest::{BasicUser, CredentialSource, Endpoint, Placement};

/// Names of query parameters that providers read as a credential and do not store as content, without `_` and `-`.
const CREDENTIAL_NAMES: [&str; 14] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "apisecret",
    "apitoken",
    "auth",
    "authkey",
    "authtoken",
    "hapikey",
    "key",
    "password",
    "secret",
    "secretkey",
    "token",
];

/// A kind of placement. A secret has placements of one kind in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PlacementKind {
    /// Where servers expect a credential: a header field, HTTP Basic, or a query parameter with the name of a credential.
    Authentication,
    /// Any other query parameter, which can be content.
    Query,
    /// A field of a form, which can be content.
    Form,
    /// A member of a JSON body, which can be content.
    Json,
    /// A signature, from which the secret cannot be read.
    Signature,
}

impl PlacementKind {
    pub(super) fn of(placement: &Placement) -> Self {
        match placement {
            Placement::Header { .. } | Placement::Basic(_) => Self::Authentication,
            Placement::Query(key) if is_credential_name(key) => Self::Authentication,
            Placement::Query(_) => Self::Query,
            Placement::Form(_) => Self::Form,
            Placement::Json(_) => Self::Json,
            Placement::Hmac(_) | Placement::Aws(_) | Placement::Jwt(_) => Self::Signature,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "as authentication",
            Self::Query => "in the query",
            Self::Form => "in a form",
            Self::Json => "in a JSON body",
            Self::Signature => "as the key of a signature",
        }
    }
}

fn is_credential_name(key: &str) -> bool {
    let key: String = key.to_ascii_lowercase().replace(['_', '-'], "");
    CREDENTIAL_NAMES.contains(&key.as_str())
}

/// Describes the credential of an endpoint by its own name: ``secret `api_key` ``.
///
/// The label of a field is left out, because the component chooses it.
#[must_use]
pub fn describe_source(source: &CredentialSource) -> String {
    match source {
        CredentialSource::Field(name) => format!("secret `{name}`"),
        CredentialSource::OAuthToken => "the OAuth access token".to_owned(),
        CredentialSource::Minted { scopes, subject_field } => {
            let subject = subject_field.as_ref().map_or_else(String::new, |field| format!(", acting for `{field}`"));
            format!("an access token of the service account for {}{subject}", scopes.join(" "))
        }
    }
}

/// Describes where a credential goes, after the words of [`describe_source`].
#[must_use]
pub fn describe_placement(placement: &Placement) -> String {
    match placement {
        Placement::Header { name, format } => format!("in the header `{name}: {format}`"),
        Placement::Basic(BasicUser::Literal(user)) => format!("as the password of HTTP Basic, with the user `{user}`"),
        Placement::Basic(BasicUser::Field(name)) => {
            format!("as the password of HTTP Basic, with the user from the field `{name}`")
        }
        Placement::Query(key) => format!("in the URL, as the query parameter `{key}`"),
        Placement::Form(key) => format!("in the body, as the form field `{key}`"),
        Placement::Json(pointer) => format!("in the JSON body, at `{pointer}`"),
        Placement::Hmac(placement) => placement.describe(),
        Placement::Aws(placement) => placement.describe(),
        Placement::Jwt(placement) => placement.describe(),
    }
}

/// Describes the credential of an endpoint and its placement; `None` if it gets no credential.
#[must_use]
pub fn describe_credential(endpoint: &Endpoint) -> Option<String> {
    let attachment = endpoint.credential.as_ref()?;
    Some(format!("{} {}", describe_source(&attachment.source), describe_placement(&attachment.placement)))
}

/// Returns the words for the secret itself. Two sources with the same words send the same secret.
#[must_use]
pub fn describe_secret(source: &CredentialSource) -> String {
    match source {
        CredentialSource::Field(name) => format!("secret `{name}`"),
        CredentialSource::OAuthToken => "the OAuth access token".to_owned(),
        CredentialSource::Minted { .. } => "the access token of the service account".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_query_parameter_with_the_name_of_a_credential_is_authentication() {
        for key in ["apikey", "api_key", "API-Key", "access_token", "key", "token"] {
            assert_eq!(PlacementKind::of(&Placement::Query(key.to_owned())), PlacementKind::Authentication, "{key}");
        }
        for key in ["text", "q", "keyword", "token_name", "name", "api"] {
            assert_eq!(PlacementKind::of(&Placement::Query(key.to_owned())), PlacementKind::Query, "{key}");
        }
        assert_eq!(PlacementKind::of(&Placement::Form("token".to_owned())), PlacementKind::Form);
    }
}
