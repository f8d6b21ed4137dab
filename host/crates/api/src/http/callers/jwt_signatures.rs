//! Verifies JWT signatures with `ring`, which TLS uses as well. Signs nothing and checks no claims.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature,
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// The backend for the JWT crate. Its own backends are not linked, because each would add a second crypto library.
pub(crate) static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: make_verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

struct RingVerifier {
    algorithm: Algorithm,
    scheme: SignatureScheme,
    key: DecodingKey,
}

/// How `ring` verifies signatures of an algorithm.
enum SignatureScheme {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

fn make_verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let scheme = match algorithm {
        Algorithm::RS256 => SignatureScheme::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => SignatureScheme::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => SignatureScheme::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => SignatureScheme::Rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => SignatureScheme::Rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => SignatureScheme::Rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => SignatureScheme::Curve(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => SignatureScheme::Curve(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => SignatureScheme::Curve(&ED25519),
        // HS256 and the like, and algorithms that later versions of the crate add.
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    if key.family() == AlgorithmFamily::Hmac || key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(RingVerifier { algorithm: *algorithm, scheme, key: key.clone() }))
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let verified = match (&self.scheme, self.key.kind()) {
            (SignatureScheme::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (SignatureScheme::Curve(algorithm), DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(*algorithm, point).verify(message, signature)
            }
            (SignatureScheme::Rsa(_), DecodingKeyKind::SecretOrDer(_))
            | (SignatureScheme::Curve(_), DecodingKeyKind::RsaModulusExponent { .. }) => Err(ring::error::Unspecified),
        };
        verified.map_err(|_unspecified| signature::Error::new())
    }
}
