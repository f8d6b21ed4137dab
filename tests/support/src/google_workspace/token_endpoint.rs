//! The token endpoint: accepts an assertion signed by the service account (RFC 7523) or answers one of Google's errors.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::Pkcs1v15Sign;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{CLIENT_EMAIL, GoogleState, SCOPES, TOKEN_LIFETIME, directory::AccountStatus, value};
use crate::stand_in_server::{ReceivedRequest, StandInResponse};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

/// Accepted clock difference in seconds.
const LEEWAY: i64 = 300;

/// Maximum lifetime of an assertion in seconds.
const LONGEST: i64 = 3_600;

const OUT_OF_TIME: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                           Check your iat and exp values in the JWT claim.";

/// An error response: status, error and description.
#[derive(Debug)]
struct TokenError(u16, &'static str, String);

impl TokenError {
    fn grant(description: &str) -> Self {
        Self(400, "invalid_grant", description.to_owned())
    }
}

impl GoogleState {
    pub(super) fn token(&mut self, request: &ReceivedRequest) -> StandInResponse {
        let form = request.form();
        let given = match value(&form, "grant_type") {
            Some(GRANT) => self.check(value(&form, "assertion").unwrap_or_default()),
            other => Err(TokenError(
                400,
                "unsupported_grant_type",
                format!("Invalid grant_type: {}", other.unwrap_or_default()),
            )),
        };
        match given {
            Ok((identity, scopes)) => {
                let token = self.issue(identity, scopes);
                StandInResponse::json(
                    &json!({"access_token": token, "expires_in": TOKEN_LIFETIME, "token_type": "Bearer"}),
                )
            }
            Err(TokenError(status, error, description)) => {
                StandInResponse::json(&json!({"error": error, "error_description": description})).status(status)
            }
        }
    }

    /// Validates an assertion. Returns the identity and the scopes.
    fn check(&self, assertion: &str) -> Result<(String, Vec<String>), TokenError> {
        let malformed = || TokenError::grant("Bad Request");
        let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let (header, claims) =
            part(header).zip(part(claims)).ok_or_else(|| TokenError::grant("Invalid JWT: Failed to parse."))?;
        let claim = |name: &str| claims[name].as_str().unwrap_or_default();

        if let Some((error, description)) = self.dead {
            let status = if error == "invalid_grant" { 400 } else { 401 };
            return Err(TokenError(status, error, description.to_owned()));
        }
        if claim("iss") != CLIENT_EMAIL {
            return Err(TokenError::grant("Invalid grant: account not found"));
        }
        if !self.is_signed(&header, signed, signature) {
            return Err(TokenError::grant("Invalid JWT Signature."));
        }
        if claim("aud") != AUDIENCE {
            return Err(TokenError::grant("Invalid JWT: Failed audience check."));
        }
        let (issued, expires, now) = (claims["iat"].as_i64(), claims["exp"].as_i64(), self.time.now());
        let in_time = issued.zip(expires).is_some_and(|(issued, expires)| {
            issued <= now + LEEWAY && expires > now && (1..=LONGEST).contains(&(expires - issued))
        });
        if !in_time {
            return Err(TokenError::grant(OUT_OF_TIME));
        }
        let scopes: Vec<String> = claim("scope").split_whitespace().map(str::to_owned).collect();
        if scopes.is_empty() || !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
            return Err(TokenError(
                400,
                "invalid_scope",
                "Invalid OAuth scope or ID token audience provided.".to_owned(),
            ));
        }
        self.identity(claims["sub"].as_str(), &scopes).map(|identity| (identity, scopes))
    }

    /// Returns the person that the service account may act for, or the account itself if no person is named.
    fn identity(&self, subject: Option<&str>, scopes: &[String]) -> Result<String, TokenError> {
        // The service account needs no delegation for itself.
        let Some(subject) = subject.filter(|subject| *subject != CLIENT_EMAIL) else {
            return Ok(CLIENT_EMAIL.to_owned());
        };
        if !scopes.iter().all(|scope| self.delegated.contains(scope)) {
            let words = "Client is unauthorized to retrieve access tokens using this method, or client not authorized \
                         for any of the scopes requested.";
            return Err(TokenError(401, "unauthorized_client", words.to_owned()));
        }
        match self.directory.account_status(subject) {
            AccountStatus::Yes => Ok(subject.to_owned()),
            AccountStatus::Deleted => Err(TokenError::grant("The account has been deleted")),
            AccountStatus::No => Err(TokenError::grant("Invalid email or User ID")),
        }
    }

    /// Returns whether a key that is not deleted signed the assertion.
    fn is_signed(&self, header: &Value, signed: &str, signature: &str) -> bool {
        let key = self.keys.iter().find(|key| !key.is_deleted && header["kid"] == key.id.as_str());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        header["alg"] == "RS256"
            && key.is_some_and(|key| {
                let digest = Sha256::digest(signed);
                key.public().verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).is_ok()
            })
    }
}

/// Decodes the header or the claims.
fn part(encoded: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}
