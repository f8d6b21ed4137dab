//! Parses the key file of a service account, and signs assertions with its key.
//!
//! The URLs in the file are only compared with the manifest and never requested, because the file could name any URL.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{Secret, manifest::ServiceAccountGrant};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

/// The private key of a service account.
pub(super) struct ServiceAccountKey {
    client_email: String,
    key_id: String,
    pair: RsaKeyPair,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    token_uri: Option<String>,
    universe_domain: Option<String>,
}

impl ServiceAccountKey {
    /// Parses a key file.
    ///
    /// # Errors
    /// Why it cannot be used, as the predicate of a sentence about the field. It contains nothing secret.
    pub(super) fn parse(text: &Secret<String>, grant: &ServiceAccountGrant) -> Result<Self, String> {
        let file: KeyFile = serde_json::from_str(text.expose())
            .map_err(|_| "is not the JSON key file of a service account".to_owned())?;
        match file.kind.as_deref() {
            Some("service_account") => {}
            Some(_) => {
                return Err("has a `type` other than `service_account`; create a key of a service account".to_owned());
            }
            None => return Err("has no `type`; paste the whole JSON key file".to_owned()),
        }
        if let Some(uri) = &file.token_uri
            && !grant.token_uris.contains(uri)
        {
            return Err("contains a `token_uri` that does not belong to the provider".to_owned());
        }
        if let Some(domain) = &file.universe_domain
            && !grant.universe_domains.contains(domain)
        {
            return Err("contains a `universe_domain` that does not belong to the provider".to_owned());
        }
        let require = |text: Option<String>, name: &str| {
            text.filter(|text| (1..=500).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()))
                .ok_or_else(|| format!("has no valid `{name}`"))
        };
        let client_email = require(file.client_email, "client_email")?;
        let key_id = require(file.private_key_id, "private_key_id")?;
        let pem = Zeroizing::new(file.private_key.ok_or("has no `private_key`")?);
        if pem.contains("\\n") {
            return Err(
                "has a `private_key` whose line breaks are written as \\n; paste the file as it was downloaded"
                    .to_owned(),
            );
        }
        let unusable = "has a `private_key` that is not an RSA key in PKCS#8 PEM";
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable)?;
        let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| unusable)?;
        Ok(Self { client_email, key_id, pair })
    }

    /// Signs an assertion (RFC 7523 §3, RS256). Both times are in seconds since 1970.
    ///
    /// # Errors
    /// The system's random number generator fails.
    pub(super) fn sign_assertion(
        &self,
        audience: &str,
        scopes: &[String],
        subject: Option<&str>,
        issued_at: i64,
        expires_at: i64,
    ) -> Result<Secret<String>, String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let mut claims = json!({
            "iss": self.client_email, "scope": scopes.join(" "), "aud": audience, "iat": issued_at, "exp": expires_at,
        });
        if let Some(subject) = subject {
            claims["sub"] = subject.into();
        }
        let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "the assertion could not be signed".to_owned())?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServiceAccountKey({})", self.key_id)
    }
}
