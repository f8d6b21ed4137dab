//! Places for a credential that signs the request: the key stays with the host, which does the signing.
//!
//! ```
//! use jackfield_sdk::endpoint::get;
//! use jackfield_sdk::{AwsPlace, Given, HmacPlace, JwtAlgorithm, JwtPlace, SignedPart, TimeFormat};
//!
//! let parts = vec![SignedPart::Time, SignedPart::Method, SignedPart::Path, SignedPart::Body];
//! let hmac = HmacPlace::new("X-Signature", "v1={}", parts).time("X-Timestamp", TimeFormat::Seconds);
//! get("api.acme.example/v1/users").credential("secret").hmac(hmac);
//!
//! let aws = AwsPlace::new("access_key_id", Given::Field("region".into()), "execute-api");
//! get("*.execute-api.amazonaws.com/users").credential("secret_access_key").aws(aws);
//!
//! let jwt = JwtPlace::new(JwtAlgorithm::Es256).field_claim("iss", "issuer_id").claim("aud", "acme").random_claim("jti");
//! get("api.acme.example/v1/users").credential("private_key").jwt(jwt);
//! ```

use crate::endpoint::Credential;
use crate::types::{
    AwsPlace, Claim, ClaimValue, Endpoint, Given, HeaderPlace, HmacPlace, JwtAlgorithm, JwtPlace, KeyCoding, Place,
    SignatureCoding, SignedPart, TimeFormat, TimePlace,
};

impl Credential {
    /// Signs declared parts of each request by HMAC-SHA256.
    #[must_use]
    pub fn hmac(self, place: HmacPlace) -> Endpoint {
        self.at(Place::Hmac(place))
    }

    /// Signs each request by AWS Signature Version 4.
    #[must_use]
    pub fn aws(self, place: AwsPlace) -> Endpoint {
        self.at(Place::Aws(place))
    }

    /// Signs a JSON Web Token for each request.
    #[must_use]
    pub fn jwt(self, place: JwtPlace) -> Endpoint {
        self.at(Place::Jwt(place))
    }
}

impl HmacPlace {
    /// Starts with a key that is text and a signature in hexadecimal digits, without a time.
    #[must_use]
    pub fn new(header: &str, format: &str, parts: Vec<SignedPart>) -> Self {
        Self {
            header: HeaderPlace { name: header.into(), format: format.into() },
            key: KeyCoding::Text,
            parts,
            coding: SignatureCoding::Hex,
            time: None,
        }
    }

    /// Says how the key is written in its field.
    #[must_use]
    pub fn key(mut self, coding: KeyCoding) -> Self {
        self.key = coding;
        self
    }

    /// Says how the signature is written.
    #[must_use]
    pub fn coding(mut self, coding: SignatureCoding) -> Self {
        self.coding = coding;
        self
    }

    /// Says where the time goes that is among the parts.
    #[must_use]
    pub fn time(mut self, header: &str, format: TimeFormat) -> Self {
        self.time = Some(TimePlace { header: header.into(), format });
        self
    }
}

impl AwsPlace {
    /// Takes the access key's id from a field that is not secret.
    #[must_use]
    pub fn new(access_key_field: &str, region: Given, service: &str) -> Self {
        Self { access_key: Given::Field(access_key_field.into()), region, service: service.into() }
    }
}

impl JwtPlace {
    /// Starts a token in `Authorization: Bearer {}` that is good for five minutes and claims nothing yet.
    #[must_use]
    pub fn new(algorithm: JwtAlgorithm) -> Self {
        Self {
            header: HeaderPlace { name: "Authorization".into(), format: "Bearer {}".into() },
            algorithm,
            key: KeyCoding::Text,
            key_id: None,
            claims: Vec::new(),
            lifetime: 300,
        }
    }

    /// Puts the token elsewhere.
    #[must_use]
    pub fn header(mut self, name: &str, format: &str) -> Self {
        self.header = HeaderPlace { name: name.into(), format: format.into() };
        self
    }

    /// Says how a shared key (HS256) is written in its field.
    #[must_use]
    pub fn key(mut self, coding: KeyCoding) -> Self {
        self.key = coding;
        self
    }

    /// Gives the `kid` of the token's header.
    #[must_use]
    pub fn key_id(mut self, key_id: Given) -> Self {
        self.key_id = Some(key_id);
        self
    }

    /// Adds a claim of these very words.
    #[must_use]
    pub fn claim(self, name: &str, value: &str) -> Self {
        self.with_claim(name, ClaimValue::Literal(value.into()))
    }

    /// Adds a claim whose value is that of a field that is not secret.
    #[must_use]
    pub fn field_claim(self, name: &str, field: &str) -> Self {
        self.with_claim(name, ClaimValue::Field(field.into()))
    }

    /// Adds a claim that is another for each token.
    #[must_use]
    pub fn random_claim(self, name: &str) -> Self {
        self.with_claim(name, ClaimValue::Random)
    }

    /// Gives the seconds for which a token is good, 60 to 3,600.
    #[must_use]
    pub fn lifetime(mut self, seconds: u32) -> Self {
        self.lifetime = seconds;
        self
    }

    fn with_claim(mut self, name: &str, value: ClaimValue) -> Self {
        self.claims.push(Claim { name: name.into(), value });
        self
    }
}
