//! The manifest of a plugin, which its component returns from `describe`.
//!
//! The sandbox reviews a manifest, and egress enforces it. The types mirror `wit/provider.wit`, which documents each of
//! them. Their JSON form is stored and returned by the API.

mod destinations;
mod signing;

use serde::{Deserialize, Serialize};

pub use self::{
    destinations::{BoundSecret, Destination, Destinations},
    signing::{
        AwsPlacement, Claim, ClaimValue, HmacPlacement, JwtAlgorithm, JwtPlacement, KeyEncoding, LiteralOrField,
        SignatureEncoding, SignedPart, TimeFormat, TimePlacement,
    },
};

/// Everything that an Executive approves about a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub id: String,
    pub title: String,
    pub version: String,
    pub auth: Auth,
    pub fields: Vec<Field>,
    pub endpoints: Vec<Endpoint>,
    pub capabilities: Capabilities,
    pub on_disconnect: MappingFate,
}

impl Manifest {
    /// Returns the field with a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// How a connection gets its credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// From the fields only.
    Fields,
    /// With an OAuth 2.0 authorization code.
    #[serde(rename = "oauth2")]
    OAuth2(OAuth2Grant),
    /// With the key file of a service account, which signs requests for access tokens.
    ServiceAccount(ServiceAccountGrant),
}

/// The OAuth 2.0 endpoints of a provider and the rules of its grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth2Grant {
    pub authorize_url: String,
    pub token_url: String,
    pub revocation_url: Option<String>,
    pub issuer: Option<String>,
    pub scopes: Vec<String>,
    pub authorize_parameters: Vec<(String, String)>,
    pub client_authentication: ClientAuthentication,
    pub refresh: RefreshTokens,
    /// The number of seconds after which an unused refresh token expires.
    pub idle_lifetime: Option<u32>,
}

/// How the OAuth client authenticates at the token endpoint (RFC 6749 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    Basic,
    Body,
}

/// What happens to a refresh token when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokens {
    None,
    Reusable,
    /// Each use returns a new one.
    ///
    /// Contains the number of seconds for which the old one is still accepted.
    Rotating(Option<u32>),
}

/// How access tokens are requested with the key file of a service account (RFC 7523).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccountGrant {
    pub field: String,
    pub token_url: String,
    pub audience: String,
    pub token_uris: Vec<String>,
    pub universe_domains: Vec<String>,
}

/// A field of the connect form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub label: String,
    pub help: String,
    pub help_url: Option<String>,
    pub kind: FieldKind,
    pub secret: bool,
    pub required: bool,
    pub choices: Vec<Choice>,
    pub pattern: Option<String>,
}

/// The kind of input of a field, and the rule for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    Email,
    Url,
    Json,
    Choice,
}

/// An option of a field of kind `Choice`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

/// An endpoint that the component may call, and the credential for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub method: Method,
    /// A host name in lower case. A leading `*.` matches exactly one label.
    pub host: String,
    /// A path.
    ///
    /// Segments are compared without decoding; `*` matches exactly one segment that is not empty.
    pub path: String,
    pub credential: Option<Attachment>,
}

/// The request methods that an endpoint may declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Returns the method in upper case, as a request contains it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Which credential is sent to an endpoint, and its placement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub source: CredentialSource,
    #[serde(rename = "place")]
    pub placement: Placement,
}

/// The source of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// The secret field with this name.
    Field(String),
    /// The access token of the OAuth 2.0 grant.
    #[serde(rename = "oauth_token")]
    OAuthToken,
    /// An access token of the service account.
    Minted {
        scopes: Vec<String>,
        /// The field with the user to act for (`sub`).
        subject_field: Option<String>,
    },
}

/// Where a request contains the credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// A header field. The format contains `{}` in place of the credential.
    Header { name: String, format: String },
    /// The password of HTTP Basic.
    Basic(BasicUser),
    /// A parameter of the query.
    Query(String),
    /// A field of a form body.
    Form(String),
    /// A JSON pointer (RFC 6901) into a JSON body.
    Json(String),
    /// A header field with an HMAC-SHA256. The credential is the key.
    Hmac(HmacPlacement),
    /// AWS Signature Version 4. The credential is the secret access key.
    Aws(AwsPlacement),
    /// A header field with a JSON Web Token. The credential signs it.
    Jwt(JwtPlacement),
}

/// The user name of HTTP Basic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BasicUser {
    Literal(String),
    Field(String),
}

/// What a component supports in addition to connect, disconnect and health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub users: bool,
    pub alerts: bool,
    pub accounts: bool,
}

/// What a disconnect does with the mappings of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingFate {
    Keep,
    Clear,
}
