//! The cursor of a list of users: the provider's own cursor, and what is needed to detect repeated pages.
//!
//! A provider may return the same page twice, at once or in a longer cycle. Brent's algorithm detects every cycle with
//! one remembered page, so the cursor stays small however long the list is. (R. P. Brent, An improved Monte Carlo
//! factorization algorithm, BIT 20, 1980.)
//!
//! A cursor has a MAC, because a component sends the provider's cursor. A caller who knows the secret of a connection
//! must not have the component send it, because that would count as the component's guess.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{Error, Secret, mac};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Maximum length in bytes.
///
/// Our longest cursor is shorter: a provider's cursor of 2 KiB, in JSON and Base64.
const MAX_LENGTH: usize = 8 << 10;

/// Length of the MAC at the start of a decoded cursor.
const MAC_LENGTH: usize = 32;

/// Authenticates the cursors of one connection.
#[derive(Debug)]
pub(super) struct CursorKey<'a> {
    pub(super) key: Secret<[u8; 32]>,
    pub(super) connection_id: &'a str,
}

/// A position in a list of users: the page to request, and a remembered page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UsersCursor {
    /// The provider's cursor; `None` for the first page.
    #[serde(rename = "c")]
    provider_cursor: Option<String>,
    /// The hash of the remembered page's cursor.
    #[serde(rename = "h")]
    remembered: u64,
    /// Steps since the remembered page.
    #[serde(rename = "s")]
    steps: u64,
    /// The number of steps after which another page is remembered; doubles each time.
    #[serde(rename = "p")]
    power: u64,
}

impl UsersCursor {
    /// Creates the cursor of the first page.
    pub(super) fn start() -> Self {
        Self { provider_cursor: None, remembered: 0, steps: 0, power: 1 }
    }

    /// Parses a cursor of this connection that [`advance`](Self::advance) returned.
    pub(super) fn parse(text: &str, key: &CursorKey<'_>) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (mac, json) = bytes.split_at_checked(MAC_LENGTH)?;
        if !mac::verify(&key.key, &[key.connection_id.as_bytes(), json], mac) {
            return None;
        }
        serde_json::from_slice(json).ok().filter(|cursor: &Self| cursor.provider_cursor.is_some() && cursor.power > 0)
    }

    /// Returns the provider's cursor of the page to request.
    pub(super) fn provider_cursor(&self) -> Option<&str> {
        self.provider_cursor.as_deref()
    }

    /// Returns the encoded cursor of the next page, from the provider's cursor.
    ///
    /// # Errors
    /// [`Error::ProviderError`] if the list already contained that page.
    pub(super) fn advance(&self, next: String, key: &CursorKey<'_>) -> Result<String, Error> {
        let hash = hash(&next);
        if self.provider_cursor.as_deref() == Some(next.as_str()) || (self.steps > 0 && hash == self.remembered) {
            return Err(Error::ProviderError("its list of users contains the same page twice".to_owned()));
        }
        let cursor = if self.steps == 0 || self.steps == self.power {
            // `power` doubles before `steps` starts again, so that a cycle of any length is detected.
            let power = if self.steps == 0 { self.power } else { self.power.saturating_mul(2) };
            Self { provider_cursor: Some(next), remembered: hash, steps: 1, power }
        } else {
            Self { provider_cursor: Some(next), steps: self.steps + 1, ..self.clone() }
        };
        let json = serde_json::to_vec(&cursor).map_err(Error::internal)?;
        let mac = mac::compute(&key.key, &[key.connection_id.as_bytes(), &json]);
        Ok(URL_SAFE_NO_PAD.encode([mac.as_slice(), &json].concat()))
    }
}

/// Returns the first 8 bytes of the SHA-256.
///
/// The hash has to be the same on every host and in every release, because a caller may continue a list elsewhere. A
/// collision would end a list early, with a probability of 2^-64.
fn hash(text: &str) -> u64 {
    digest(&SHA256, text.as_bytes()).as_ref().iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(connection_id: &str) -> CursorKey<'_> {
        CursorKey { key: Secret::new([7; 32]), connection_id }
    }

    /// Returns the index of the page at which a cycle is detected.
    fn find_cycle(pages: impl Iterator<Item = String>) -> Option<usize> {
        let mut cursor = UsersCursor::start();
        for (index, page) in pages.enumerate() {
            match cursor.advance(page, &key("1")) {
                Err(_) => return Some(index),
                Ok(next) => cursor = UsersCursor::parse(&next, &key("1")).expect("our own cursor"),
            }
        }
        None
    }

    #[test]
    fn a_long_list_is_read_to_its_end() {
        assert_eq!(find_cycle((0..5_000).map(|page| format!("page {page}"))), None);
    }

    #[test]
    fn every_cycle_is_detected_soon() {
        assert_eq!(find_cycle(std::iter::repeat_n("same".to_owned(), 10)), Some(1));
        for length in 2..50_usize {
            for lead in [0, 1, 7, 30] {
                let pages = (0..10_000).map(|step: usize| {
                    if step < lead { format!("lead {step}") } else { format!("cycle {}", (step - lead) % length) }
                });
                let detected = find_cycle(pages).expect("a cycle");
                let bound = 6 * (length + lead) + 6;
                assert!(detected <= bound, "a cycle of {length} after {lead} was detected at {detected}");
            }
        }
    }

    #[test]
    fn the_hash_is_the_same_in_every_release() {
        assert_eq!(hash("page 2"), 0xe49b_3988_b52f_0294);
    }

    #[test]
    fn a_text_that_is_not_a_cursor_is_rejected() {
        for text in ["", "!", "e30", "bnVsbA", &"A".repeat(44), &"A".repeat(MAX_LENGTH + 1)] {
            assert_eq!(UsersCursor::parse(text, &key("1")), None, "{text}");
        }
    }

    #[test]
    fn a_cursor_that_was_changed_or_is_from_another_connection_is_rejected() {
        let cursor = UsersCursor::start().advance("page 2".to_owned(), &key("1")).expect("a cursor");
        assert!(UsersCursor::parse(&cursor, &key("1")).is_some());
        assert_eq!(UsersCursor::parse(&cursor, &key("2")), None);
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64");
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(UsersCursor::parse(&URL_SAFE_NO_PAD.encode(changed), &key("1")), None, "{index}");
        }
        // As an earlier version encoded it.
        assert_eq!(UsersCursor::parse(&URL_SAFE_NO_PAD.encode(&bytes[MAC_LENGTH..]), &key("1")), None);
    }
}
