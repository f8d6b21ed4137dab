//! One sign-in through the identity provider: state, nonce and PKCE verifier, all derived from the browser's cookie.
//!
//! The cookie binds the flow to the browser, so that the URL alone cannot finish it (RFC 9700 §4.7.1). No I/O.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{Secret, mac};
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

/// How long a person may stay on the provider's pages.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// A sign-in that was started.
pub(super) struct SignInFlow {
    key: Secret<[u8; 32]>,
    started_at: Timestamp,
}

impl SignInFlow {
    pub(super) fn begin(now: Timestamp) -> Result<Self, getrandom::Error> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key: Secret::new(key), started_at: now })
    }

    /// Encodes the flow for its cookie.
    pub(super) fn to_cookie_value(&self) -> Secret<String> {
        let key = URL_SAFE_NO_PAD.encode(self.key.expose());
        Secret::new(format!("{}.{key}", self.started_at.as_microsecond()))
    }

    /// Decodes a cookie; `None` if it is not valid or the flow has expired.
    pub(super) fn from_cookie_value(cookie: &str, now: Timestamp) -> Option<Self> {
        let (started_at, key) = cookie.split_once('.')?;
        let started_at = Timestamp::from_microsecond(started_at.parse().ok()?).ok()?;
        let key: [u8; 32] = URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()?;
        let age = now.duration_since(started_at);
        (SignedDuration::ZERO..LIFETIME).contains(&age).then(|| Self { key: Secret::new(key), started_at })
    }

    pub(super) fn expires_at(&self) -> Timestamp {
        self.started_at.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn state(&self) -> Secret<String> {
        self.derive("state")
    }

    pub(super) fn is_state(&self, state: &str) -> bool {
        state.as_bytes().ct_eq(self.state().expose().as_bytes()).into()
    }

    pub(super) fn nonce(&self) -> Secret<String> {
        self.derive("nonce")
    }

    /// Returns the PKCE verifier: 43 characters, the minimum of RFC 7636 §4.1, with 256 bits.
    pub(super) fn pkce_verifier(&self) -> Secret<String> {
        self.derive("verifier")
    }

    fn derive(&self, purpose: &str) -> Secret<String> {
        let started_at = self.started_at.as_microsecond().to_be_bytes();
        Secret::new(URL_SAFE_NO_PAD.encode(mac::compute(&self.key, &[purpose.as_bytes(), &started_at])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_restored_from_its_cookie_for_ten_minutes() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let flow = SignInFlow::begin(now).expect("random bytes");
        let cookie = flow.to_cookie_value();
        let restore =
            |after: i64| SignInFlow::from_cookie_value(cookie.expose(), now + SignedDuration::from_secs(after));
        let restored = restore(599).expect("a flow");
        for (one, other) in [
            (flow.state(), restored.state()),
            (flow.nonce(), restored.nonce()),
            (flow.pkce_verifier(), restored.pkce_verifier()),
        ] {
            assert_eq!(one.expose(), other.expose());
            assert_eq!(one.expose().len(), 43);
        }
        assert!(restored.is_state(flow.state().expose()) && !restored.is_state(flow.nonce().expose()));
        assert!(!restored.is_state("") && !restored.is_state(&"A".repeat(43)));
        assert!(restore(600).is_none() && restore(-1).is_none());
        let other = SignInFlow::begin(now).expect("random bytes");
        assert!(!other.is_state(flow.state().expose()));
        for wrong in ["", ".", "1.", "x.y", &cookie.expose()[1..], &format!("{}A", cookie.expose())] {
            assert!(SignInFlow::from_cookie_value(wrong, now).is_none(), "{wrong}");
        }
    }
}
