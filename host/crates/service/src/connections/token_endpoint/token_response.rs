//! The body of a successful token response (RFC 6749 §5.1), parsed leniently because many providers deviate.

use std::time::Duration;

use jackfield_core::Secret;
use jackfield_store::OAuthTokens;
use jiff::Timestamp;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse, basic::BasicTokenType};
use serde::{Deserialize, Deserializer, Serialize};

use super::compute_expiry;

/// The body of a successful token response.
///
/// `Debug` shows no token, because the types of `oauth2` hide them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::connections) struct TokenResponseBody {
    access_token: AccessToken,
    /// Not read, because the manifest declares the placement of the token.
    #[serde(skip, default = "default_token_type")]
    token_type: BasicTokenType,
    /// The lifetime in seconds.
    #[serde(default, deserialize_with = "deserialize_seconds", skip_serializing)]
    expires_in: Option<i64>,
    #[serde(default, skip_serializing)]
    refresh_token: Option<RefreshToken>,
}

impl TokenResponseBody {
    /// Returns the tokens to store, with the old refresh token if there is no new one.
    pub(super) fn into_tokens(self, now: Timestamp, old_refresh: Option<&Secret<String>>) -> OAuthTokens {
        let refresh = self.refresh_token.map(|token| Secret::new(token.into_secret()));
        OAuthTokens {
            access: Secret::new(self.access_token.into_secret()),
            refresh: refresh.or_else(|| old_refresh.cloned()),
            expires_at: self.expires_in.map(|seconds| compute_expiry(now, seconds)),
        }
    }

    /// Returns the access token and its lifetime in seconds.
    pub(in crate::connections) fn into_access_token(self) -> (Secret<String>, Option<i64>) {
        (Secret::new(self.access_token.into_secret()), self.expires_in)
    }
}

impl TokenResponse for TokenResponseBody {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

fn default_token_type() -> BasicTokenType {
    BasicTokenType::Bearer
}

/// Reads seconds from a number or a string, and ignores any other type.
///
/// Some providers send a string.
fn deserialize_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => number.as_i64().or_else(|| {
            // Too large for an integer, so only the sign matters.
            number.as_f64().map(|seconds| if seconds < 0.0 { 0 } else { i64::from(u32::MAX) })
        }),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> OAuthTokens {
        let body: TokenResponseBody = serde_json::from_str(body).expect("a token response");
        body.into_tokens(Timestamp::UNIX_EPOCH, Some(&Secret::new("old".to_owned())))
    }

    #[test]
    fn a_lifetime_is_a_number_or_a_string_and_is_limited() {
        let end = |lifetime: &str| {
            let tokens = parse(&format!(r#"{{"access_token":"a","expires_in":{lifetime}}}"#));
            tokens.expires_at.map(|end| end.as_second())
        };
        assert_eq!(end("1800"), Some(1800));
        assert_eq!(end("\"1800\""), Some(1800));
        assert_eq!(end("-1"), Some(0));
        assert_eq!(end("1e18"), end("999999999999"));
        assert_eq!(end("999999999999"), Some(366 * 24 * 3600));
        assert_eq!(end("null"), None);
    }

    #[test]
    fn a_response_without_a_refresh_token_keeps_the_old_one() {
        assert_eq!(parse(r#"{"access_token":"a"}"#).refresh.expect("kept").expose(), "old");
        let fresh = parse(r#"{"access_token":"a","refresh_token":"new","token_type":"whatever"}"#);
        assert_eq!(fresh.refresh.expect("a new one").expose(), "new");
    }

    #[test]
    fn no_token_is_printed() {
        let body = r#"{"access_token":"t0p","refresh_token":"s3cret"}"#;
        let body: TokenResponseBody = serde_json::from_str(body).expect("a token response");
        let shown = format!("{body:?}");
        assert!(!shown.contains("t0p") && !shown.contains("s3cret"), "{shown}");
    }
}
