//! Caches the access tokens that are minted from the keys of service accounts (RFC 7523).
//!
//! A token is cached until it expires, for one connection, one set of scopes and one subject.

mod service_account_key;
mod token_minter;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jackfield_core::Secret;
use jiff::Timestamp;

pub(super) use self::token_minter::TokenMinter;

/// When this many tokens are cached, unused ones are removed before another is added.
const MAX_TOKENS: usize = 1_024;

/// The minted tokens of this process.
///
/// Other processes mint their own, because a key can mint any number of tokens.
#[derive(Clone, Default)]
pub(super) struct MintedTokens(Arc<Mutex<HashMap<TokenPurpose, TokenSlot>>>);

/// The cached token of one purpose.
///
/// The call that has locked it mints the token, and all others wait for the lock.
type TokenSlot = Arc<tokio::sync::Mutex<Option<MintedToken>>>;

/// What a token is minted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TokenPurpose {
    connection_id: String,
    generation: i64,
    scopes: Vec<String>,
    subject: Option<String>,
}

#[derive(Clone)]
struct MintedToken {
    access: Secret<String>,
    expires_at: Timestamp,
}

impl MintedTokens {
    /// Removes the tokens of a connection, and returns whether there were any.
    pub(super) fn remove(&self, connection_id: &str) -> bool {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = slots.len();
        slots.retain(|purpose, _| purpose.connection_id != connection_id);
        slots.len() < before
    }

    fn slot(&self, purpose: TokenPurpose) -> TokenSlot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_TOKENS && !slots.contains_key(&purpose) {
            // Keeps only the slots that a call is using. The other tokens are minted again when they are needed.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(purpose).or_default())
    }
}

impl fmt::Debug for MintedTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MintedTokens")
    }
}
