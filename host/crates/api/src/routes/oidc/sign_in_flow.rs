//! One way to the identity provider and back: state, nonce and PKCE verifier, all derived from what the browser keeps.
//!
//! The cookie is bound to the browser; who has the URL alone cannot end the way (RFC 9700 §4.7.1). No I/O.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{Secret, mac::mac};
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

/// How long a person has for the provider's pages.
const LIFE: SignedDuration = SignedDuration::from_mins(10);

/// A way that was begun.
pub(crate) struct Away {
    key: Secret<[u8; 32]>,
    begun: Timestamp,
}

impl Away {
    pub(crate) fn begin(now: Timestamp) -> Result<Self, getrandom::Error> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key: Secret::new(key), begun: now })
    }

    /// What the cookie holds.
    pub(crate) fn written(&self) -> Secret<String> {
        Secret::new(format!("{}.{}", self.begun.as_microsecond(), URL_SAFE_NO_PAD.encode(self.key.expose())))
    }

    /// Reads a cookie; none where it is no such thing, or the time is over.
    pub(crate) fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (begun, key) = cookie.split_once('.')?;
        let begun = Timestamp::from_microsecond(begun.parse().ok()?).ok()?;
        let key: [u8; 32] = URL_SAFE_NO_PAD.decode(key).ok()?.try_into().ok()?;
        let age = now.duration_since(begun);
        (SignedDuration::ZERO..LIFE).contains(&age).then(|| Self { key: Secret::new(key), begun })
    }

    /// Until when it may be ended.
    pub(crate) fn until(&self) -> Timestamp {
        self.begun.saturating_add(LIFE).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn state(&self) -> Secret<String> {
        self.derived("state")
    }

    pub(crate) fn is_state(&self, given: &str) -> bool {
        given.as_bytes().ct_eq(self.state().expose().as_bytes()).into()
    }

    pub(crate) fn nonce(&self) -> Secret<String> {
        self.derived("nonce")
    }

    /// The PKCE verifier: 43 letters, the least that RFC 7636 §4.1 takes, of 256 bits.
    pub(crate) fn verifier(&self) -> Secret<String> {
        self.derived("verifier")
    }

    fn derived(&self, what: &str) -> Secret<String> {
        let begun = self.begun.as_microsecond().to_be_bytes();
        Secret::new(URL_SAFE_NO_PAD.encode(mac(&self.key, &[what.as_bytes(), &begun])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_known_again_by_its_cookie_for_ten_minutes() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let away = Away::begin(now).expect("random");
        let cookie = away.written();
        let read = |after: i64| Away::read(cookie.expose(), now + SignedDuration::from_secs(after));
        let known = read(599).expect("known");
        for (one, other) in
            [(away.state(), known.state()), (away.nonce(), known.nonce()), (away.verifier(), known.verifier())]
        {
            assert_eq!(one.expose(), other.expose());
            assert_eq!(one.expose().len(), 43);
        }
        assert!(known.is_state(away.state().expose()) && !known.is_state(away.nonce().expose()));
        assert!(!known.is_state("") && !known.is_state(&"A".repeat(43)));
        assert!(read(600).is_none() && read(-1).is_none());
        let other = Away::begin(now).expect("random");
        assert!(!other.is_state(away.state().expose()));
        for wrong in ["", ".", "1.", "x.y", &cookie.expose()[1..], &format!("{}A", cookie.expose())] {
            assert!(Away::read(wrong, now).is_none(), "{wrong}");
        }
    }
}
