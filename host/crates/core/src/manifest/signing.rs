//! Placements in which the credential signs the request or a token.

use serde::{Deserialize, Serialize};

/// A header field with an HMAC-SHA256 over declared parts of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HmacPlacement {
    pub header: String,
    /// Contains `{}` in place of the signature.
    pub format: String,
    pub key: KeyEncoding,
    /// The parts that are concatenated and signed.
    pub parts: Vec<SignedPart>,
    #[serde(rename = "coding")]
    pub encoding: SignatureEncoding,
    /// Where the time of the signature is sent.
    pub time: Option<TimePlacement>,
}

/// The encoding of a key in its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    Text,
    Hex,
    Base64,
}

/// A part of the signed text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedPart {
    Text(String),
    Method,
    Host,
    Path,
    Query,
    Time,
    Header(String),
    Field(String),
    Body,
    BodySha256,
}

/// The encoding of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    Hex,
    Base64,
    Base64Url,
}

/// The header field with the time of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimePlacement {
    pub header: String,
    pub format: TimeFormat,
}

/// The format of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    Seconds,
    Milliseconds,
    Rfc3339,
}

/// AWS Signature Version 4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsPlacement {
    pub access_key: LiteralOrField,
    pub region: LiteralOrField,
    pub service: String,
}

/// A header field with a JSON Web Token that the credential signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtPlacement {
    pub header: String,
    /// Contains `{}` in place of the token.
    pub format: String,
    pub algorithm: JwtAlgorithm,
    /// The encoding of the key. A private key is PEM.
    pub key: KeyEncoding,
    pub key_id: Option<LiteralOrField>,
    pub claims: Vec<Claim>,
    /// In seconds.
    pub lifetime: u32,
}

/// The signature algorithm of a token (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JwtAlgorithm {
    Hs256,
    Rs256,
    Es256,
}

/// A claim in addition to `iat` and `exp`, which the host sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub name: String,
    pub value: ClaimValue,
}

/// The value of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimValue {
    Literal(String),
    Field(String),
    /// A different random value in each token.
    Random,
}

/// A literal text, or the value of a field that is not secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiteralOrField {
    Literal(String),
    Field(String),
}

impl HmacPlacement {
    /// Describes the signature for the person who approves the plugin.
    #[must_use]
    pub fn describe(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| match part {
                SignedPart::Text(text) => format!("{text:?}"),
                SignedPart::Method => "the method".to_owned(),
                SignedPart::Host => "the host".to_owned(),
                SignedPart::Path => "the path".to_owned(),
                SignedPart::Query => "the query".to_owned(),
                SignedPart::Time => "the time".to_owned(),
                SignedPart::Header(name) => format!("the header `{name}`"),
                SignedPart::Field(name) => format!("the value of `{name}`"),
                SignedPart::Body => "the body".to_owned(),
                SignedPart::BodySha256 => "the body's SHA-256".to_owned(),
            })
            .collect();
        let time = self.time.as_ref().map_or_else(String::new, |time| {
            let format = match time.format {
                TimeFormat::Seconds => "seconds",
                TimeFormat::Milliseconds => "milliseconds",
                TimeFormat::Rfc3339 => "RFC 3339",
            };
            format!(", the time as `{}` in {format}", time.header)
        });
        let encoding = match self.encoding {
            SignatureEncoding::Hex => "hexadecimal",
            SignatureEncoding::Base64 => "base64",
            SignatureEncoding::Base64Url => "base64url",
        };
        format!(
            "signing {} with HMAC-SHA256 ({}), sent in {encoding} as `{}: {}`{time}",
            parts.join(" + "),
            self.key.describe(),
            self.header,
            self.format
        )
    }

    /// Returns the names of the fields that are part of the signed text.
    pub fn fields(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().filter_map(|part| match part {
            SignedPart::Field(name) => Some(name),
            _ => None,
        })
    }
}

impl AwsPlacement {
    /// Describes the signature for the person who approves the plugin.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "signing the request with AWS Signature Version 4 for `{}`, region {}, access key id {}",
            self.service,
            self.region.describe(),
            self.access_key.describe()
        )
    }
}

impl JwtPlacement {
    /// Describes the token for the person who approves the plugin.
    #[must_use]
    pub fn describe(&self) -> String {
        let claims: Vec<String> = self
            .claims
            .iter()
            .map(|Claim { name, value }| match value {
                ClaimValue::Literal(text) => format!("{name} `{text}`"),
                ClaimValue::Field(field) => format!("{name} from the field `{field}`"),
                ClaimValue::Random => format!("a random {name}"),
            })
            .collect();
        let algorithm = match self.algorithm {
            JwtAlgorithm::Hs256 => "HS256",
            JwtAlgorithm::Rs256 => "RS256",
            JwtAlgorithm::Es256 => "ES256",
        };
        let key_id = self.key_id.as_ref().map_or_else(String::new, |id| format!(", key id {}", id.describe()));
        let claims = if claims.is_empty() { String::new() } else { format!("; {}", claims.join(", ")) };
        format!(
            "signing a token ({algorithm}, {}{key_id}, {} s{claims}), sent as `{}: {}`",
            self.key.describe(),
            self.lifetime,
            self.header,
            self.format
        )
    }

    /// Returns the names of the fields that are part of the token.
    pub fn fields(&self) -> impl Iterator<Item = &String> {
        let claims = self.claims.iter().filter_map(|claim| match &claim.value {
            ClaimValue::Field(name) => Some(name),
            ClaimValue::Literal(_) | ClaimValue::Random => None,
        });
        claims.chain(self.key_id.as_ref().and_then(LiteralOrField::as_field))
    }
}

impl KeyEncoding {
    fn describe(self) -> &'static str {
        match self {
            Self::Text => "key as text",
            Self::Hex => "key in hexadecimal",
            Self::Base64 => "key in base64",
        }
    }
}

impl LiteralOrField {
    /// Returns the name of the field, if it is one.
    #[must_use]
    pub fn as_field(&self) -> Option<&String> {
        match self {
            Self::Field(name) => Some(name),
            Self::Literal(_) => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Literal(text) => format!("`{text}`"),
            Self::Field(name) => format!("from the field `{name}`"),
        }
    }
}
