//! A JSON Web Token (RFC 7519) signed with a credential, in a header.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jackfield_core::{
    Secret,
    manifest::{ClaimValue, JwtAlgorithm, JwtPlacement, KeyEncoding, LiteralOrField},
};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{SigningContext, decode_key, denial};
use crate::{error::Denial, placement::validate_header};

/// Maximum number of claims in addition to those that the host sets.
const MAX_CLAIMS: usize = 16;

/// Maximum lifetime in seconds. Identity providers accept at most an hour, and no call takes that long.
const MAX_LIFETIME: u32 = 3_600;

/// Minimum lifetime in seconds, so that a provider with a fast clock still accepts the token.
const MIN_LIFETIME: u32 = 60;

/// Seconds that are subtracted from `iat`, so that a provider with a slow clock accepts the token.
const CLOCK_SKEW: i64 = 30;

/// Checks that a manifest can declare this placement.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn validate(placement: &JwtPlacement) -> Result<(), String> {
    validate_header(&placement.header, &placement.format)?;
    if placement.claims.len() > MAX_CLAIMS {
        return Err(format!("the JWT has {} claims; the maximum is {MAX_CLAIMS}", placement.claims.len()));
    }
    for (index, claim) in placement.claims.iter().enumerate() {
        let name = &claim.name;
        if name.is_empty() || !is_short_text(name) {
            return Err("the JWT has a claim whose name is empty, too long or not printable ASCII".to_owned());
        }
        if ["iat", "exp"].contains(&name.as_str()) {
            return Err(format!("the JWT has the claim `{name}`, which the host sets"));
        }
        if placement.claims.iter().take(index).any(|earlier| earlier.name == *name) {
            return Err(format!("the JWT has the claim `{name}` twice"));
        }
        if let ClaimValue::Literal(text) = &claim.value
            && !is_short_text(text)
        {
            return Err(format!("the value of the JWT's claim `{name}` is too long or not printable ASCII"));
        }
    }
    if let Some(LiteralOrField::Literal(text)) = &placement.key_id
        && !is_short_text(text)
    {
        return Err("the key id of the JWT is too long or not printable ASCII".to_owned());
    }
    // A private key is always PEM.
    if placement.algorithm != JwtAlgorithm::Hs256 && placement.key != KeyEncoding::Text {
        return Err("the key of the JWT has an encoding, but a private key is always PEM, which is text".to_owned());
    }
    match (MIN_LIFETIME..=MAX_LIFETIME).contains(&placement.lifetime) {
        true => Ok(()),
        false => Err(format!("the JWT is valid for {} s; use {MIN_LIFETIME} to {MAX_LIFETIME} s", placement.lifetime)),
    }
}

fn is_short_text(text: &str) -> bool {
    text.len() <= 200 && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Creates a token and signs it.
///
/// # Errors
/// A denial by rule `place` if the key is not valid, or a field of the connection has no value.
pub(crate) fn sign(placement: &JwtPlacement, key: &str, context: SigningContext<'_>) -> Result<Secret<String>, Denial> {
    let algorithm = match placement.algorithm {
        JwtAlgorithm::Hs256 => "HS256",
        JwtAlgorithm::Rs256 => "RS256",
        JwtAlgorithm::Es256 => "ES256",
    };
    let mut header = json!({ "alg": algorithm, "typ": "JWT" });
    if let Some(key_id) = &placement.key_id {
        header["kid"] = context.resolve(key_id)?.into();
    }
    let issued_at = context.now.as_second() - CLOCK_SKEW;
    let mut claims = Map::new();
    for claim in &placement.claims {
        let value = match &claim.value {
            ClaimValue::Literal(text) => text.clone(),
            ClaimValue::Field(name) => context.field(name)?.to_owned(),
            ClaimValue::Random => random_id()?,
        };
        claims.insert(claim.name.clone(), value.into());
    }
    claims.insert("iat".to_owned(), issued_at.into());
    claims.insert("exp".to_owned(), (issued_at + i64::from(placement.lifetime)).into());
    let encode = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signing_input = format!("{}.{}", encode(header), encode(claims.into()));
    let signature = sign_bytes(placement.algorithm, placement.key, key, signing_input.as_bytes())?;
    Ok(Secret::new(format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn sign_bytes(algorithm: JwtAlgorithm, encoding: KeyEncoding, key: &str, bytes: &[u8]) -> Result<Vec<u8>, Denial> {
    let random = SystemRandom::new();
    let failed = |_| denial("the token cannot be signed");
    match algorithm {
        JwtAlgorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &decode_key(encoding, key)?);
            Ok(hmac::sign(&key, bytes).as_ref().to_vec())
        }
        JwtAlgorithm::Rs256 => {
            let (label, der) = decode_pem(key)?;
            let pair =
                if label == "RSA PRIVATE KEY" { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
            let pair = pair.map_err(|_| denial("the key is not an RSA key of at least 2048 bits"))?;
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).map_err(failed)?;
            Ok(signature)
        }
        JwtAlgorithm::Es256 => {
            let (_, der) = decode_pem(key)?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random)
                .map_err(|_| denial("the key is not a P-256 key in PKCS#8"))?;
            Ok(pair.sign(&random, bytes).map_err(failed)?.as_ref().to_vec())
        }
    }
}

/// Decodes a private key in PEM and returns its label.
///
/// Its line breaks may be missing, because a form field of one line removes them.
fn decode_pem(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>), Denial> {
    let decode = || {
        let (label, rest) = text.split_once("-----BEGIN ")?.1.split_once("-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        let base64 = Zeroizing::new(body.replace("\\n", "").replace(|character: char| character.is_whitespace(), ""));
        Some((label, Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?)))
    };
    decode().ok_or_else(|| denial("the key is not a private key in PEM"))
}

/// Returns a random number of 32 hexadecimal digits.
fn random_id() -> Result<String, Denial> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| denial("the system has no random numbers"))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use jackfield_core::manifest::Claim;

    const A2_KEY: &str = include_str!("../../../../../tests/data/rfc7515-a2.pem");
    const A3_KEY: &str = include_str!("../../../../../tests/data/rfc7515-a3.pem");

    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    fn encoded_signature(algorithm: JwtAlgorithm, encoding: KeyEncoding, key: &str, input: &str) -> String {
        URL_SAFE_NO_PAD.encode(sign_bytes(algorithm, encoding, key, input.as_bytes()).unwrap())
    }

    fn placement(algorithm: JwtAlgorithm) -> JwtPlacement {
        let claim = |name: &str, value| Claim { name: name.to_owned(), value };
        JwtPlacement {
            header: "Authorization".to_owned(),
            format: "Bearer {}".to_owned(),
            algorithm,
            key: KeyEncoding::Text,
            key_id: Some(LiteralOrField::Field("key_id".to_owned())),
            claims: vec![
                claim("iss", ClaimValue::Field("issuer".to_owned())),
                claim("aud", ClaimValue::Literal("acme".to_owned())),
                claim("jti", ClaimValue::Random),
            ],
            lifetime: 600,
        }
    }

    fn token(algorithm: JwtAlgorithm, key: &str) -> String {
        let fields = BTreeMap::from([("key_id", "k1"), ("issuer", "me")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let context = SigningContext { fields: &fields, now: "2023-11-14T22:13:50Z".parse().unwrap() };
        sign(&placement(algorithm), key, context).unwrap().expose().clone()
    }

    /// RFC 7515 appendix A.1.
    #[test]
    fn hs256_gives_the_signature_of_the_rfc() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let signed = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}");
        assert_eq!(
            encoded_signature(JwtAlgorithm::Hs256, KeyEncoding::Base64, key, &signed),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }

    /// RFC 7515 appendix A.2.
    #[test]
    fn rs256_gives_the_signature_of_the_rfc() {
        let signed = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}");
        assert_eq!(
            encoded_signature(JwtAlgorithm::Rs256, KeyEncoding::Text, A2_KEY, &signed),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb\
             F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383\
             LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy\
             wlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        );
    }

    /// RFC 7515 appendix A.3. Every signature is different; the public key of the RFC must verify ours and theirs.
    #[test]
    fn es256_signs_with_the_key_of_the_rfc() {
        let signed = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}");
        let (_, der) = decode_pem(A3_KEY).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new()).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        let ours = encoded_signature(JwtAlgorithm::Es256, KeyEncoding::Text, A3_KEY, &signed);
        let theirs = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        for signature in [ours.as_str(), theirs] {
            public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_token_contains_the_declared_claims_and_lifetime() {
        let token = token(JwtAlgorithm::Rs256, A2_KEY);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (label, der) = decode_pem(A2_KEY).unwrap();
        assert_eq!(label, "RSA PRIVATE KEY");
        let pair = RsaKeyPair::from_der(&der).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();

        let (header, claims) = signed.split_once('.').unwrap();
        let read = |part| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(read(header), json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
        let mut claims = read(claims);
        assert_eq!(claims["jti"].take().as_str().map(str::len), Some(32));
        assert_eq!(
            claims,
            json!({ "iss": "me", "aud": "acme", "jti": null, "iat": 1_700_000_000, "exp": 1_700_000_600 })
        );
    }

    #[test]
    fn a_key_is_decoded_without_its_line_breaks() {
        for between in ["", " ", "\\n", "\r\n"] {
            let one_line = A3_KEY.trim_end().replace('\n', between);
            assert!(decode_pem(&one_line).is_ok_and(|(label, _)| label == "PRIVATE KEY"), "{between:?}");
        }
        for key in ["", "MIGH", "-----BEGIN PRIVATE KEY-----", A2_KEY] {
            assert!(sign_bytes(JwtAlgorithm::Es256, KeyEncoding::Text, key, b"x").is_err(), "{key:.20}");
        }
    }

    #[test]
    fn reserved_claims_and_long_lifetimes_cannot_be_declared() {
        let good = || placement(JwtAlgorithm::Hs256);
        assert_eq!(validate(&good()), Ok(()));
        assert!(validate(&JwtPlacement { lifetime: 3_601, ..good() }).is_err());
        assert!(validate(&JwtPlacement { lifetime: 59, ..good() }).is_err());
        assert!(validate(&JwtPlacement { key: KeyEncoding::Hex, ..placement(JwtAlgorithm::Es256) }).is_err());
        let exp = Claim { name: "exp".to_owned(), value: ClaimValue::Literal("never".to_owned()) };
        assert!(validate(&JwtPlacement { claims: vec![exp], ..good() }).is_err());
    }
}
