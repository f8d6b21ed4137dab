//! What a token endpoint gives (RFC 6749 §5.1), read with the leniency that real ones need.

use std::time::Duration;

use jackfield_core::Secret;
use jackfield_store::Tokens;
use jiff::Timestamp;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse, basic::BasicTokenType};
use serde::{Deserialize, Deserializer, Serialize};

use super::end_of_life;

/// A successful answer of a token endpoint. Its debug form shows no token: the crate's types hide them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Given {
    access_token: AccessToken,
    /// Not looked at: what is declared is where the token goes.
    #[serde(skip, default = "bearer")]
    token_type: BasicTokenType,
    /// Seconds; some endpoints write them as text, and absurd ones are cut.
    #[serde(default, deserialize_with = "seconds", skip_serializing)]
    expires_in: Option<i64>,
    #[serde(default, skip_serializing)]
    refresh_token: Option<RefreshToken>,
}

impl Given {
    /// The tokens as they are kept; the old refresh token stays where no new one came.
    pub(super) fn tokens(self, now: Timestamp, refresh: Option<&Secret<String>>) -> Tokens {
        let given = self.refresh_token.map(|token| Secret::new(token.into_secret()));
        Tokens {
            access: Secret::new(self.access_token.into_secret()),
            refresh: given.or_else(|| refresh.cloned()),
            expires_at: self.expires_in.map(|seconds| end_of_life(now, seconds)),
        }
    }

    /// The access token alone, and the seconds that it lives.
    pub(crate) fn into_access(self) -> (Secret<String>, Option<i64>) {
        (Secret::new(self.access_token.into_secret()), self.expires_in)
    }
}

impl TokenResponse for Given {
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

fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

/// Reads seconds from a number or a text; what is neither says nothing.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => number.as_i64().or_else(|| {
            // Beyond the whole numbers: its sign is all that counts.
            number.as_f64().map(|seconds| if seconds < 0.0 { 0 } else { i64::from(u32::MAX) })
        }),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: &str) -> Tokens {
        let given: Given = serde_json::from_str(body).expect("a token answer");
        given.tokens(Timestamp::UNIX_EPOCH, Some(&Secret::new("old".to_owned())))
    }

    #[test]
    fn a_life_is_read_from_a_number_or_a_text_and_cut_where_it_is_absurd() {
        let end = |life: &str| {
            let tokens = given(&format!(r#"{{"access_token":"a","expires_in":{life}}}"#));
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
    fn a_pair_without_a_new_refresh_token_keeps_the_old_one() {
        assert_eq!(given(r#"{"access_token":"a"}"#).refresh.expect("kept").expose(), "old");
        let fresh = given(r#"{"access_token":"a","refresh_token":"new","token_type":"whatever"}"#);
        assert_eq!(fresh.refresh.expect("given").expose(), "new");
    }

    #[test]
    fn no_token_is_printed() {
        let given: Given = serde_json::from_str(r#"{"access_token":"t0p","refresh_token":"s3cret"}"#).expect("given");
        let shown = format!("{given:?}");
        assert!(!shown.contains("t0p") && !shown.contains("s3cret"), "{shown}");
    }
}
