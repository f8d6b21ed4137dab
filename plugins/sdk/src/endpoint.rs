//! Endpoints of a manifest, one line each, and where on each the host puts the credential.
//!
//! ```
//! use jackfield_sdk::endpoint::{get, post};
//!
//! post("slack.com/api/users.list").bearer("bot_token");
//! get("api.xero.com/api.xro/2.0/Organisation").oauth();
//! get("*.example.com/v1/people/*").credential("api_key").query("key");
//! ```

use crate::http::Method;
use crate::types::{Attachment, BasicUser, CredentialSource, Endpoint, HeaderPlace, MintedToken, Place};

/// Declares `GET` of a host and path, `*` in the path standing for one segment.
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
    /// Puts a secret field into `Authorization: Bearer {}`.
    #[must_use]
    pub fn bearer(self, field: &str) -> Self {
        self.credential(field).header("Authorization", "Bearer {}")
    }

    /// Puts the OAuth 2.0 access token into `Authorization: Bearer {}`.
    #[must_use]
    pub fn oauth(self) -> Self {
        self.with(CredentialSource::OauthToken).header("Authorization", "Bearer {}")
    }

    /// Puts an access token minted for these scopes into `Authorization: Bearer {}`.
    ///
    /// The user to act for is the value of `subject_field`, nobody where there is none.
    #[must_use]
    pub fn minted(self, scopes: &[&str], subject_field: Option<&str>) -> Self {
        let scopes = scopes.iter().map(|&scope| scope.into()).collect();
        let token = MintedToken { scopes, subject_field: subject_field.map(Into::into) };
        self.with(CredentialSource::Minted(token)).header("Authorization", "Bearer {}")
    }

    /// Names the secret field to attach; the next call says in which place.
    pub fn credential(self, field: &str) -> Credential {
        self.with(CredentialSource::Field(field.into()))
    }

    /// Names any source of a credential; the next call says in which place.
    pub fn with(self, source: CredentialSource) -> Credential {
        Credential { endpoint: self, source }
    }
}

/// An endpoint whose credential has a source and no place yet.
#[derive(Clone, Debug)]
#[must_use]
pub struct Credential {
    endpoint: Endpoint,
    source: CredentialSource,
}

impl Credential {
    /// Attaches the credential as a header field, `{}` in the format standing for it.
    #[must_use]
    pub fn header(self, name: &str, format: &str) -> Endpoint {
        self.at(Place::Header(HeaderPlace { name: name.into(), format: format.into() }))
    }

    /// Attaches the credential as the password of HTTP Basic.
    #[must_use]
    pub fn basic(self, user: BasicUser) -> Endpoint {
        self.at(Place::Basic(user))
    }

    /// Attaches the credential as a key of the query.
    #[must_use]
    pub fn query(self, key: &str) -> Endpoint {
        self.at(Place::Query(key.into()))
    }

    /// Attaches the credential as a key of the form body.
    #[must_use]
    pub fn form(self, key: &str) -> Endpoint {
        self.at(Place::Form(key.into()))
    }

    /// Attaches the credential at a JSON pointer into the JSON body.
    #[must_use]
    pub fn json(self, pointer: &str) -> Endpoint {
        self.at(Place::Json(pointer.into()))
    }

    pub(crate) fn at(self, place: Place) -> Endpoint {
        Endpoint { credential: Some(Attachment { source: self.source, place }), ..self.endpoint }
    }
}
