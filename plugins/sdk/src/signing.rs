//! Builders for the placements of a credential that signs requests. The host keeps the key and signs.
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
//! get("abc123.execute-api.eu-central-1.amazonaws.com/users").credential("secret_access_key").aws(aws);
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
    /// Signs the declared parts of each request with HMAC-SHA256.
    #[must_use]
    pub fn hmac(self, place: HmacPlace) -> Endpoint {
        self.with_placement(Place::Hmac(place))
    }

    /// Signs each request with AWS Signature Version 4.
    #[must_use]
    pub fn aws(self, place: AwsPlace) -> Endpoint {
        self.with_placement(Place::Aws(place))
    }

    /// Signs a JSON Web Token for each request.
    #[must_use]
    pub fn jwt(self, place: JwtPlace) -> Endpoint {
        self.with_placement(Place::Jwt(place))
    }
}

impl HmacPlace {
    /// Creates a placement with a text key, a hexadecimal signature and no time.
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

    /// Sets the encoding of the key in its field.
    #[must_use]
    pub fn key(mut self, coding: KeyCoding) -> Self {
        self.key = coding;
        self
    }

    /// Sets the encoding of the signature.
    #[must_use]
    pub fn coding(mut self, coding: SignatureCoding) -> Self {
        self.coding = coding;
        self
    }

    /// Sets the header field that carries the signed time.
    #[must_use]
    pub fn time(mut self, header: &str, format: TimeFormat) -> Self {
        self.time = Some(TimePlace { header: header.into(), format });
        self
    }
}

impl AwsPlace {
    /// Creates a placement. The id of the access key comes from a field that is not secret.
    #[must_use]
    pub fn new(access_key_field: &str, region: Given, service: &str) -> Self {
        Self { access_key: Given::Field(access_key_field.into()), region, service: service.into() }
    }
}

impl JwtPlace {
    /// Creates a placement for a token in `Authorization: Bearer {}`, valid for five minutes and without claims.
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

    /// Sends the token in another header field.
    #[must_use]
    pub fn header(mut self, name: &str, format: &str) -> Self {
        self.header = HeaderPlace { name: name.into(), format: format.into() };
        self
    }

    /// Sets the encoding of a shared key (HS256) in its field.
    #[must_use]
    pub fn key(mut self, coding: KeyCoding) -> Self {
        self.key = coding;
        self
    }

    /// Sets the `kid` of the token's header.
    #[must_use]
    pub fn key_id(mut self, key_id: Given) -> Self {
        self.key_id = Some(key_id);
        self
    }

    /// Adds a claim with a fixed value.
    #[must_use]
    pub fn claim(self, name: &str, value: &str) -> Self {
        self.with_claim(name, ClaimValue::Literal(value.into()))
    }

    /// Adds a claim with the value of a field that is not secret.
    #[must_use]
    pub fn field_claim(self, name: &str, field: &str) -> Self {
        self.with_claim(name, ClaimValue::Field(field.into()))
    }

    /// Adds a claim with a new random value in each token.
    #[must_use]
    pub fn random_claim(self, name: &str) -> Self {
        self.with_claim(name, ClaimValue::Random)
    }

    /// Sets how long a token is valid, 60 to 3,600 seconds.
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
