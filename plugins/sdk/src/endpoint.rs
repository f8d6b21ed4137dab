//! Builders for a manifest's endpoints and the placement of their credentials.
//!
//! ```
//! use jackfield_sdk::endpoint::{get, post};
//!
//! post("slack.com/api/users.list").bearer("bot_token");
//! get("api.xero.com/api.xro/2.0/Organisation").oauth();
//! get("api.example.com/v1/people/*").credential("api_key").query("key");
//! ```

use crate::http::Method;
use crate::types::{Attachment, BasicUser, CredentialSource, Endpoint, HeaderPlace, MintedToken, Place};

/// Declares `GET` of a host and path. `*` in the path matches one segment.
#[must_use]
pub fn get(address: &str) -> Endpoint {
    endpoint(Method::Get, address)
}

/// Declares `HEAD` of a host and path.
#[must_use]
pub fn head(address: &str) -> Endpoint {
    endpoint(Method::Head, address)
}

/// Declares `POST` of a host and path.
#[must_use]
pub fn post(address: &str) -> Endpoint {
    endpoint(Method::Post, address)
}

/// Declares `PUT` of a host and path.
#[must_use]
pub fn put(address: &str) -> Endpoint {
    endpoint(Method::Put, address)
}

/// Declares `PATCH` of a host and path.
#[must_use]
pub fn patch(address: &str) -> Endpoint {
    endpoint(Method::Patch, address)
}

/// Declares `DELETE` of a host and path.
#[must_use]
pub fn delete(address: &str) -> Endpoint {
    endpoint(Method::Delete, address)
}

fn endpoint(method: Method, address: &str) -> Endpoint {
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    Endpoint { method, host: host.into(), path: if path.is_empty() { "/" } else { path }.into(), credential: None }
}

impl Endpoint {
    /// Sends a secret field in `Authorization: Bearer {}`.
    #[must_use]
    pub fn bearer(self, field: &str) -> Self {
        self.credential(field).header("Authorization", "Bearer {}")
    }

    /// Sends the OAuth 2.0 access token in `Authorization: Bearer {}`.
    #[must_use]
    pub fn oauth(self) -> Self {
        self.with(CredentialSource::OauthToken).header("Authorization", "Bearer {}")
    }

    /// Sends an access token, minted for these scopes, in `Authorization: Bearer {}`.
    ///
    /// The token acts for the user in `subject_field`, or for nobody without one.
    #[must_use]
    pub fn minted(self, scopes: &[&str], subject_field: Option<&str>) -> Self {
        let scopes = scopes.iter().map(|&scope| scope.into()).collect();
        let token = MintedToken { scopes, subject_field: subject_field.map(Into::into) };
        self.with(CredentialSource::Minted(token)).header("Authorization", "Bearer {}")
    }

    /// Selects the secret field to send. Call a placement such as [`Credential::header`] next.
    pub fn credential(self, field: &str) -> Credential {
        self.with(CredentialSource::Field(field.into()))
    }

    /// Selects the source of the credential. Call a placement such as [`Credential::header`] next.
    pub fn with(self, source: CredentialSource) -> Credential {
        Credential { endpoint: self, source }
    }
}

/// An endpoint with a credential that has no placement yet.
#[derive(Clone, Debug)]
#[must_use]
pub struct Credential {
    endpoint: Endpoint,
    source: CredentialSource,
}

impl Credential {
    /// Sends the credential in a header field. The format contains `{}` in its place.
    #[must_use]
    pub fn header(self, name: &str, format: &str) -> Endpoint {
        self.with_placement(Place::Header(HeaderPlace { name: name.into(), format: format.into() }))
    }

    /// Sends the credential as the password of HTTP Basic.
    #[must_use]
    pub fn basic(self, user: BasicUser) -> Endpoint {
        self.with_placement(Place::Basic(user))
    }

    /// Sends the credential in the query, under this key.
    #[must_use]
    pub fn query(self, key: &str) -> Endpoint {
        self.with_placement(Place::Query(key.into()))
    }

    /// Sends the credential in the form body, under this key.
    #[must_use]
    pub fn form(self, key: &str) -> Endpoint {
        self.with_placement(Place::Form(key.into()))
    }

    /// Sends the credential in the JSON body, at this JSON pointer.
    #[must_use]
    pub fn json(self, pointer: &str) -> Endpoint {
        self.with_placement(Place::Json(pointer.into()))
    }

    pub(crate) fn with_placement(self, place: Place) -> Endpoint {
        Endpoint { credential: Some(Attachment { source: self.source, place }), ..self.endpoint }
    }
}
