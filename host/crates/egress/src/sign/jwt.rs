//! A JSON Web Token (RFC 7519) that a credential signs, in a header field. Pure but for the system's randomness.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jackfield_core::{
    Secret,
    manifest::{ClaimValue, Given, JwtAlgorithm, JwtPlace, KeyCoding},
};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{Moment, is_field_format, key_bytes, unsigned};
use crate::Denial;

/// Claims beside those that the host sets.
const CLAIMS: usize = 16;

/// The longest life in seconds: what identity providers give at most, and longer than any call.
const LIFE: u32 = 3_600;

/// The shortest: a provider whose clock is a little ahead must still take it.
const SHORTEST: u32 = 60;

/// By how much a token is dated back, against clocks that are a little apart.
const BACK: i64 = 30;

/// Tells whether a credential of this place can be declared.
pub(crate) fn may_be_asked(place: &JwtPlace) -> bool {
    let shown = |text: &str| text.len() <= 200 && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let named = place.claims.iter().enumerate().all(|(index, claim)| {
        let again = place.claims.iter().take(index).any(|before| before.name == claim.name);
        !claim.name.is_empty() && shown(&claim.name) && !again && !["iat", "exp"].contains(&claim.name.as_str())
    });
    let literals = place.claims.iter().all(|claim| match &claim.value {
        ClaimValue::Literal(text) => shown(text),
        ClaimValue::Field(_) | ClaimValue::Random => true,
    });
    let key_id = match &place.key_id {
        Some(Given::Literal(text)) => shown(text),
        Some(Given::Field(_)) | None => true,
    };
    // A private key is PEM, whatever is said of it.
    let key = place.algorithm == JwtAlgorithm::Hs256 || place.key == KeyCoding::Text;
    is_field_format(&place.header, &place.format)
        && place.claims.len() <= CLAIMS
        && named
        && literals
        && key_id
        && key
        && (SHORTEST..=LIFE).contains(&place.lifetime)
}

/// Makes a token and signs it.
///
/// # Errors
/// A denial by rule `place` when the key is none, or a field of the connection has no value.
pub(crate) fn token(place: &JwtPlace, key: &str, moment: Moment<'_>) -> Result<Secret<String>, Denial> {
    let algorithm = match place.algorithm {
        JwtAlgorithm::Hs256 => "HS256",
        JwtAlgorithm::Rs256 => "RS256",
        JwtAlgorithm::Es256 => "ES256",
    };
    let mut header = json!({ "alg": algorithm, "typ": "JWT" });
    if let Some(key_id) = &place.key_id {
        header["kid"] = moment.given(key_id)?.into();
    }
    let issued_at = moment.now.as_second() - BACK;
    let mut claims = Map::new();
    for claim in &place.claims {
        let value = match &claim.value {
            ClaimValue::Literal(text) => text.clone(),
            ClaimValue::Field(name) => moment.field(name)?.to_owned(),
            ClaimValue::Random => random()?,
        };
        claims.insert(claim.name.clone(), value.into());
    }
    claims.insert("iat".to_owned(), issued_at.into());
    claims.insert("exp".to_owned(), (issued_at + i64::from(place.lifetime)).into());
    let coded = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", coded(header), coded(claims.into()));
    let signature = signature(place.algorithm, place.key, key, signed.as_bytes())?;
    Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn signature(algorithm: JwtAlgorithm, coding: KeyCoding, key: &str, signed: &[u8]) -> Result<Vec<u8>, Denial> {
    let random = SystemRandom::new();
    let failed = |_| unsigned("the token could not be signed");
    match algorithm {
        JwtAlgorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key_bytes(coding, key)?);
            Ok(hmac::sign(&key, signed).as_ref().to_vec())
        }
        JwtAlgorithm::Rs256 => {
            let (label, der) = private_key(key)?;
            let pair =
                if label == "RSA PRIVATE KEY" { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
            let pair = pair.map_err(|_| unsigned("the key is not an RSA key of 2048 bits or more"))?;
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature).map_err(failed)?;
            Ok(signature)
        }
        JwtAlgorithm::Es256 => {
            let (_, der) = private_key(key)?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random)
                .map_err(|_| unsigned("the key is not a P-256 key in PKCS#8"))?;
            Ok(pair.sign(&random, signed).map_err(failed)?.as_ref().to_vec())
        }
    }
}

/// Reads a private key in PEM, also where its line ends were lost on the way through a form of one line.
fn private_key(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>), Denial> {
    let read = || {
        let (label, rest) = text.split_once("-----BEGIN ")?.1.split_once("-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        let plain = Zeroizing::new(body.replace("\\n", "").replace(|letter: char| letter.is_whitespace(), ""));
        Some((label, Zeroizing::new(STANDARD.decode(plain.as_bytes()).ok()?)))
    };
    read().ok_or_else(|| unsigned("the key is not a private key in PEM"))
}

/// A number that nobody has had before, as 32 hexadecimal digits.
fn random() -> Result<String, Denial> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| unsigned("the system's randomness fails"))?;
    Ok(super::hex(&bytes))
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

    fn coded(algorithm: JwtAlgorithm, coding: KeyCoding, key: &str, signed: &str) -> String {
        URL_SAFE_NO_PAD.encode(signature(algorithm, coding, key, signed.as_bytes()).unwrap())
    }

    fn place(algorithm: JwtAlgorithm) -> JwtPlace {
        let claim = |name: &str, value| Claim { name: name.to_owned(), value };
        JwtPlace {
            header: "Authorization".to_owned(),
            format: "Bearer {}".to_owned(),
            algorithm,
            key: KeyCoding::Text,
            key_id: Some(Given::Field("key_id".to_owned())),
            claims: vec![
                claim("iss", ClaimValue::Field("issuer".to_owned())),
                claim("aud", ClaimValue::Literal("acme".to_owned())),
                claim("jti", ClaimValue::Random),
            ],
            lifetime: 600,
        }
    }

    fn made(algorithm: JwtAlgorithm, key: &str) -> String {
        let fields = BTreeMap::from([("key_id", "k1"), ("issuer", "me")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let moment = Moment { fields: &fields, now: "2023-11-14T22:13:50Z".parse().unwrap() };
        token(&place(algorithm), key, moment).unwrap().expose().clone()
    }

    /// RFC 7515 appendix A.1.
    #[test]
    fn hs256_signs_as_the_rfc_does() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let signed = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}");
        assert_eq!(
            coded(JwtAlgorithm::Hs256, KeyCoding::Base64, key, &signed),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }

    /// RFC 7515 appendix A.2.
    #[test]
    fn rs256_signs_as_the_rfc_does() {
        let signed = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}");
        assert_eq!(
            coded(JwtAlgorithm::Rs256, KeyCoding::Text, A2_KEY, &signed),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb\
             F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383\
             LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy\
             wlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        );
    }

    /// RFC 7515 appendix A.3, whose signature differs each time: both are good under the RFC's public key.
    #[test]
    fn es256_signs_with_the_key_of_the_rfc() {
        let signed = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}");
        let (_, der) = private_key(A3_KEY).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new()).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        let ours = coded(JwtAlgorithm::Es256, KeyCoding::Text, A3_KEY, &signed);
        let theirs = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        for signature in [ours.as_str(), theirs] {
            public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_token_says_what_is_declared_and_for_how_long() {
        let token = made(JwtAlgorithm::Rs256, A2_KEY);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (label, der) = private_key(A2_KEY).unwrap();
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
    fn a_key_is_read_without_its_line_ends() {
        for between in ["", " ", "\\n", "\r\n"] {
            let one_line = A3_KEY.trim_end().replace('\n', between);
            assert!(private_key(&one_line).is_ok_and(|(label, _)| label == "PRIVATE KEY"), "{between:?}");
        }
        for key in ["", "MIGH", "-----BEGIN PRIVATE KEY-----", A2_KEY] {
            assert!(signature(JwtAlgorithm::Es256, KeyCoding::Text, key, b"x").is_err(), "{key:.20}");
        }
    }

    #[test]
    fn what_the_host_sets_and_a_token_for_ever_can_not_be_declared() {
        let good = || place(JwtAlgorithm::Hs256);
        assert!(may_be_asked(&good()));
        assert!(!may_be_asked(&JwtPlace { lifetime: 3_601, ..good() }));
        assert!(!may_be_asked(&JwtPlace { lifetime: 59, ..good() }));
        assert!(!may_be_asked(&JwtPlace { key: KeyCoding::Hex, ..place(JwtAlgorithm::Es256) }));
        let exp = Claim { name: "exp".to_owned(), value: ClaimValue::Literal("never".to_owned()) };
        assert!(!may_be_asked(&JwtPlace { claims: vec![exp], ..good() }));
    }
}
