//! What a component says of itself in `describe`, as plain data. Judged in `sandbox/review.rs`, obeyed by `egress`.
//!
//! The types mirror `wit/provider.wit`, where each is documented; the JSON form is what is stored and shown.

mod signing;

use serde::{Deserialize, Serialize};

pub use self::signing::{
    AwsPlacement, Claim, ClaimValue, HmacPlacement, JwtAlgorithm, JwtPlacement, KeyEncoding, LiteralOrField,
    SignatureEncoding, SignedPart, TimeFormat, TimePlacement,
};

/// All that an administrator approves of a component.
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
    /// Finds a declared field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// How a connection comes to its credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// By the fields alone.
    Fields,
    /// By an OAuth 2.0 authorization code.
    #[serde(rename = "oauth2")]
    OAuth2(OAuth2Grant),
    /// By a key file from which access tokens are minted.
    ServiceAccount(ServiceAccountGrant),
}

/// The OAuth 2.0 endpoints of a provider and how its grant behaves.
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
    /// Seconds after which an unused refresh token dies.
    pub idle_lifetime: Option<u32>,
}

/// How an OAuth client says who it is at the token endpoint (RFC 6749 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    Basic,
    Body,
}

/// What becomes of a refresh token when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokens {
    None,
    Reusable,
    /// Each use gives a new one; carries the seconds for which the old one is still taken.
    Rotating(Option<u32>),
}

/// How access tokens are minted from a service account's key file (RFC 7523).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccountGrant {
    pub field: String,
    pub token_url: String,
    pub audience: String,
    pub token_uris: Vec<String>,
    pub universe_domains: Vec<String>,
}

/// One input of the connect form.
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

/// The input that a field is shown as, and what its value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    Email,
    Url,
    Json,
    Choice,
}

/// One value of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

/// One endpoint that the component calls, and the credential that goes there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub method: Method,
    /// One host in lower case, or `*.` before one for exactly one label.
    pub host: String,
    /// Segments compared as written, `*` for one that is not empty.
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
    /// The method as it stands in a request line.
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

/// Which credential goes to an endpoint, and in which place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub source: CredentialSource,
    pub place: Placement,
}

/// Where a credential comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// A secret field, by name.
    Field(String),
    /// The access token of the OAuth 2.0 grant.
    #[serde(rename = "oauth_token")]
    OAuthToken,
    /// An access token minted from the service account.
    Minted {
        scopes: Vec<String>,
        /// The field that names the user to act for (`sub`).
        subject_field: Option<String>,
    },
}

/// Where in a request a credential goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// A header field; `{}` in the format stands for the credential.
    Header { name: String, format: String },
    /// The password of HTTP Basic.
    Basic(BasicUser),
    /// A key of the query.
    Query(String),
    /// A key of a form body.
    Form(String),
    /// A JSON pointer (RFC 6901) into a JSON body.
    Json(String),
    /// A header field with an HMAC-SHA256 whose key is the credential.
    Hmac(HmacPlacement),
    /// AWS Signature Version 4, whose secret access key is the credential.
    Aws(AwsPlacement),
    /// A header field with a JSON Web Token that the credential signs.
    Jwt(JwtPlacement),
}

/// Who the user of HTTP Basic is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BasicUser {
    Literal(String),
    Field(String),
}

/// What a component can do beyond connect, disconnect and health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub users: bool,
    pub alerts: bool,
    pub accounts: bool,
}

/// What becomes of the people's mappings when the connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingFate {
    Keep,
    Clear,
}
