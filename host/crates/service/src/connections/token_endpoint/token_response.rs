//! The body of a successful token response (RFC 6749 §5.1), parsed leniently because many providers deviate.

use std::time::Duration;

use jackfield_core::Secret;
use jackfield_store::OAuthTokens;
use jiff::Timestamp;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse, basic::BasicTokenType};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::compute_expiry;

/// The seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// The smallest number that can be a moment in seconds since 1970.
const FIRST_MOMENT: i64 = 1_000_000_000;

/// The body of a successful token response.
///
/// `Debug` shows no token, because the types of `oauth2` hide them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::connections) struct TokenResponseBody {
    #[serde(deserialize_with = "deserialize_access_token")]
    access_token: AccessToken,
    /// Not read, because the manifest declares the placement of the token.
    #[serde(skip, default = "default_token_type")]
    token_type: BasicTokenType,
    /// The lifetime in seconds.
    #[serde(default, deserialize_with = "deserialize_seconds", skip_serializing)]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "deserialize_refresh_token", skip_serializing)]
    refresh_token: Option<RefreshToken>,
}

impl TokenResponseBody {
    /// Returns the tokens to store, with the old refresh token if there is no new one.
    pub(super) fn into_tokens(self, now: Timestamp, old_refresh: Option<&Secret<String>>) -> OAuthTokens {
        let refresh = self.refresh_token.map(|token| Secret::new(token.into_secret()));
        OAuthTokens {
            access: Secret::new(self.access_token.into_secret()),
            refresh: refresh.or_else(|| old_refresh.cloned()),
            expires_at: self.expires_in.map(|seconds| compute_expiry(now, to_lifetime(now, seconds))),
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

/// Returns a lifetime in seconds from a number that may be the moment of its end, in seconds or milliseconds since 1970.
///
/// As a lifetime such a number would be more than fifty years.
fn to_lifetime(now: Timestamp, number: i64) -> i64 {
    let lifetimes = [number, number / 1_000].map(|moment| moment.saturating_sub(now.as_second()));
    let is_plausible = |lifetime: &i64| (-DAY..=366 * DAY).contains(lifetime);
    let moment = lifetimes.into_iter().find(is_plausible).filter(|_| number > FIRST_MOMENT);
    moment.map_or(number, |lifetime| lifetime.max(0))
}

/// Reads a token of printable ASCII characters (RFC 6749 appendix A); `None` for any other value, such as an empty text.
fn read_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(token) => {
            let is_token = token.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !token.trim().is_empty();
            Some(token).filter(|_| is_token)
        }
        _ => None,
    })
}

fn deserialize_access_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AccessToken, D::Error> {
    let token = read_token(deserializer)?.ok_or_else(|| D::Error::custom("an access token was expected"))?;
    Ok(AccessToken::new(token))
}

/// Reads a new refresh token. Without one, the old one stays valid.
fn deserialize_refresh_token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RefreshToken>, D::Error> {
    Ok(read_token(deserializer)?.map(RefreshToken::new))
}

/// Reads seconds from a number or a string, with decimals or without, and ignores any other value.
///
/// Some providers send a string.
fn deserialize_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let seconds = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a larger number becomes the largest")]
    Ok(seconds.filter(|seconds| seconds.is_finite()).map(|seconds| seconds as i64))
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
        assert_eq!(end("3600.0"), Some(3600));
        assert_eq!(end("\" 3600.9 \""), Some(3600));
        for odd in ["null", "\"\"", "\"soon\"", "\"inf\"", "[3600]", "{}", "true"] {
            assert_eq!(end(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_lifetime_that_is_a_moment_ends_then() {
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        for (number, lifetime) in [
            (1_790_001_800, 1_800),
            (1_790_001_800_000, 1_800),
            (1_789_999_000, 0),
            (3_600, 3_600),
            (2_147_483_647, 2_147_483_647),
        ] {
            assert_eq!(to_lifetime(now, number), lifetime, "{number}");
        }
    }

    #[test]
    fn a_blank_or_odd_refresh_token_keeps_the_old_one() {
        for odd in ["\"\"", "\" \"", "null", "7", "{}", "[\"new\"]", "\"n\\u0000\"", "\"n\\ufffd\""] {
            let tokens = parse(&format!(r#"{{"access_token":"a","refresh_token":{odd}}}"#));
            assert_eq!(tokens.refresh.expect("kept").expose(), "old", "{odd}");
        }
    }

    #[test]
    fn a_response_without_an_access_token_is_none() {
        for odd in ["\"\"", "\" \"", "null", "7", "\"a\\nb\""] {
            let body = format!(r#"{{"access_token":{odd},"refresh_token":"new"}}"#);
            assert!(serde_json::from_str::<TokenResponseBody>(&body).is_err(), "{odd}");
        }
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
