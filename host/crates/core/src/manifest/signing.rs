//! Places for a credential that signs: what it signs, and where the signature stands. Plain data, as in `wit/`.

use serde::{Deserialize, Serialize};

/// A header field with an HMAC-SHA256 over declared parts of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HmacPlacement {
    pub header: String,
    /// `{}` stands for the signature.
    pub format: String,
    pub key: KeyEncoding,
    /// What is signed, one after the other.
    pub parts: Vec<SignedPart>,
    pub coding: SignatureEncoding,
    /// Where the time is sent.
    pub time: Option<TimePlacement>,
}

/// How a key's bytes are written in its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    Text,
    Hex,
    Base64,
}

/// One part of what is signed.
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

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    Hex,
    Base64,
    Base64Url,
}

/// The header field that carries the time of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimePlacement {
    pub header: String,
    pub format: TimeFormat,
}

/// How a time is written.
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
    /// `{}` stands for the token.
    pub format: String,
    pub algorithm: JwtAlgorithm,
    /// How the key is written; PEM where it is no shared one.
    pub key: KeyEncoding,
    pub key_id: Option<LiteralOrField>,
    pub claims: Vec<Claim>,
    /// Seconds.
    pub lifetime: u32,
}

/// How a token is signed (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JwtAlgorithm {
    Hs256,
    Rs256,
    Es256,
}

/// A claim beside `iat` and `exp`, which the host sets.
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
    /// Another one for each token.
    Random,
}

/// Words that are declared, or the value of a field that is not secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiteralOrField {
    Literal(String),
    Field(String),
}

impl HmacPlacement {
    /// What the signature covers and where it goes, for a person who approves it.
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
                SignedPart::Header(name) => format!("the field `{name}`"),
                SignedPart::Field(name) => format!("the value of `{name}`"),
                SignedPart::Body => "the body".to_owned(),
                SignedPart::BodySha256 => "the body's SHA-256".to_owned(),
            })
            .collect();
        let time = self.time.as_ref().map_or_else(String::new, |time| format!(", the time as `{}`", time.header));
        format!("signing {} by HMAC-SHA256, sent as `{}: {}`{time}", parts.join(" + "), self.header, self.format)
    }

    /// The fields whose values go into what is signed.
    pub fn fields(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().filter_map(|part| match part {
            SignedPart::Field(name) => Some(name),
            _ => None,
        })
    }
}

impl AwsPlacement {
    /// What the signature is for, for a person who approves it.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("signing the request by AWS Signature 4 for `{}`, region {}", self.service, self.region.describe())
    }
}

impl JwtPlacement {
    /// What the token says and where it goes, for a person who approves it.
    #[must_use]
    pub fn describe(&self) -> String {
        let claims: Vec<String> = self
            .claims
            .iter()
            .map(|Claim { name, value }| match value {
                ClaimValue::Literal(text) => format!("{name} `{text}`"),
                ClaimValue::Field(field) => format!("{name} of the field `{field}`"),
                ClaimValue::Random => format!("a random {name}"),
            })
            .collect();
        let algorithm = match self.algorithm {
            JwtAlgorithm::Hs256 => "HS256",
            JwtAlgorithm::Rs256 => "RS256",
            JwtAlgorithm::Es256 => "ES256",
        };
        format!(
            "signing a token ({algorithm}, {} s; {}), sent as `{}: {}`",
            self.lifetime,
            claims.join(", "),
            self.header,
            self.format
        )
    }

    /// The fields whose values go into the token.
    pub fn fields(&self) -> impl Iterator<Item = &String> {
        let claims = self.claims.iter().filter_map(|claim| match &claim.value {
            ClaimValue::Field(name) => Some(name),
            ClaimValue::Literal(_) | ClaimValue::Random => None,
        });
        claims.chain(self.key_id.as_ref().and_then(LiteralOrField::field))
    }
}

impl LiteralOrField {
    /// The field that it names, if it is no literal.
    #[must_use]
    pub fn field(&self) -> Option<&String> {
        match self {
            Self::Field(name) => Some(name),
            Self::Literal(_) => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Literal(text) => format!("`{text}`"),
            Self::Field(name) => format!("of the field `{name}`"),
        }
    }
}
