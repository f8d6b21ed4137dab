//! The cursor that a caller holds: the provider's own, and what is needed to notice that a walk goes in circles.
//!
//! A provider may name the same page twice, at once or in a longer loop. Brent's algorithm finds any loop with one
//! remembered page, so the cursor stays small however long the list is. (R. P. Brent, An improved Monte Carlo
//! factorization algorithm, BIT 20, 1980.)

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::Error;
use serde::{Deserialize, Serialize};

/// Longer than any cursor of ours: the provider's 2 KiB in JSON and base64.
const LONGEST: usize = 8 << 10;

/// A walk through a provider's pages, up to the page that is asked for next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// The provider's cursor; none for the first page.
    #[serde(rename = "c")]
    position: Option<String>,
    /// The remembered page, as a hash of its cursor.
    #[serde(rename = "h")]
    remembered: u64,
    /// Steps since that page.
    #[serde(rename = "s")]
    steps: u64,
    /// After how many steps another page is remembered; doubles each time.
    #[serde(rename = "p")]
    power: u64,
}

impl Walk {
    /// Before the first page.
    pub(super) fn start() -> Self {
        Self { position: None, remembered: 0, steps: 0, power: 1 }
    }

    /// Reads a cursor that [`step`](Self::step) gave.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&bytes).ok().filter(|walk: &Self| walk.position.is_some() && walk.power > 0)
    }

    /// The provider's cursor of the page to ask for.
    pub(super) fn position(&self) -> Option<&str> {
        self.position.as_deref()
    }

    /// Goes on to the page that the provider names, and gives the cursor for it.
    ///
    /// # Errors
    /// The provider named a page that this walk has seen.
    pub(super) fn step(&self, next: String) -> Result<String, Error> {
        let hash = hash(&next);
        if self.position.as_deref() == Some(next.as_str()) || (self.steps > 0 && hash == self.remembered) {
            return Err(Error::ProviderError("its list of users names a page for the second time".to_owned()));
        }
        let step = if self.steps == 0 || self.steps == self.power {
            // `power` grows before `steps` starts over, so loops of any length are met.
            let power = if self.steps == 0 { self.power } else { self.power.saturating_mul(2) };
            Self { position: Some(next), remembered: hash, steps: 1, power }
        } else {
            Self { position: Some(next), remembered: self.remembered, steps: self.steps + 1, power: self.power }
        };
        serde_json::to_vec(&step).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(Error::internal)
    }
}

fn hash(text: &str) -> u64 {
    // The standard hasher without keys: the same on every host. A clash would end a list early at odds of 2^-64.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(pages: impl Iterator<Item = String>) -> Option<usize> {
        let mut walk = Walk::start();
        for (index, page) in pages.enumerate() {
            match walk.step(page) {
                Err(_) => return Some(index),
                Ok(cursor) => walk = Walk::parse(&cursor).expect("our own cursor"),
            }
        }
        None
    }

    #[test]
    fn a_long_list_is_walked_to_its_end() {
        assert_eq!(walk((0..5_000).map(|page| format!("page {page}"))), None);
    }

    #[test]
    fn every_loop_is_noticed_soon() {
        assert_eq!(walk(std::iter::repeat_n("same".to_owned(), 10)), Some(1));
        for length in 2..50_usize {
            for lead in [0, 1, 7, 30] {
                let pages = (0..10_000).map(|step: usize| {
                    if step < lead { format!("lead {step}") } else { format!("loop {}", (step - lead) % length) }
                });
                let noticed = walk(pages).expect("noticed");
                assert!(noticed <= 6 * (length + lead) + 6, "a loop of {length} after {lead} was noticed at {noticed}");
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        for text in ["", "!", "e30", "bnVsbA", &"A".repeat(LONGEST + 1)] {
            assert_eq!(Walk::parse(text), None, "{text}");
        }
    }
}
