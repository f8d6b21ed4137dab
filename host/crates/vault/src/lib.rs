//! Seals values with the master key and opens them again.
//!
//! It uses envelope encryption: each value is encrypted with a new data key, and the data key is encrypted (wrapped)
//! with the master key. Both use AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D §8.2.2). The associated data
//! contains table, row, column, key id and format, so that a value cannot be opened after it was moved to another row
//! or column. It can also contain a context that is stored alongside the value, and cannot be changed without it.

mod key_file;

use std::fmt;

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead, AeadCore, Generate, Key, KeyInit, Payload},
};
use hkdf::Hkdf;
use jackfield_core::Secret;
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::key_file::{KeyFileError, MayCreate, load_or_create, parse_base64};

/// The format of values that are bound to their location.
///
/// The format is stored with each value, so that a later version can add another one.
const FORMAT: i64 = 1;

/// The format of values that are also bound to a context.
const FORMAT_WITH_CONTEXT: i64 = 2;

/// A key of 256 bits.
pub type KeyBytes = [u8; 32];

/// The master key, with which values are sealed and opened.
#[derive(Clone)]
pub struct Vault {
    master: Secret<KeyBytes>,
    key_id: String,
}

/// The location of a sealed value in the database.
///
/// The value cannot be opened at another location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    pub table: &'a str,
    pub row: &'a str,
    pub column: &'a str,
}

/// A sealed value as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    pub key_id: String,
    pub format: i64,
    /// The nonce, followed by the encrypted data key.
    pub wrapped_key: Vec<u8>,
    /// The nonce, followed by the encrypted value.
    pub ciphertext: Vec<u8>,
}

/// Why a value could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The value was sealed with another key, moved, changed, or truncated.
    #[error("the sealed value cannot be opened with this key at this location")]
    CannotOpen,
    /// The value has the format of a later version.
    #[error("this version does not know the format of the sealed value")]
    UnknownFormat,
    /// The value is too large for the cipher.
    #[error("the value is too large to be sealed")]
    TooLarge,
}

impl Vault {
    /// Creates a vault from the master key.
    #[must_use]
    pub fn new(master: Secret<KeyBytes>) -> Self {
        let mut id = [0_u8; 8];
        expand(&master, b"key id", &mut id);
        Self { master, key_id: hex::encode(id) }
    }

    /// Returns the id of the master key: 16 hexadecimal digits that reveal nothing about it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals a value for a location.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    pub fn seal(&self, location: Location<'_>, value: &[u8]) -> Result<SealedValue, VaultError> {
        self.seal_as(Binding { location, context: None }, value)
    }

    /// Seals a value for a location and a context. It can be opened only with the same context.
    ///
    /// The context is stored alongside the value and is not secret.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    pub fn seal_with_context(
        &self,
        location: Location<'_>,
        context: &str,
        value: &[u8],
    ) -> Result<SealedValue, VaultError> {
        self.seal_as(Binding { location, context: Some(context) }, value)
    }

    fn seal_as(&self, binding: Binding<'_>, value: &[u8]) -> Result<SealedValue, VaultError> {
        let data_key = Zeroizing::new(<[u8; 32]>::from(Key::<Aes256Gcm>::generate()));
        Ok(SealedValue {
            key_id: self.key_id.clone(),
            format: binding.format(),
            wrapped_key: encrypt(
                self.master.expose(),
                data_key.as_ref(),
                &binding.associated_data("data key", &self.key_id),
            )?,
            ciphertext: encrypt(&data_key, value, &binding.associated_data("value", &self.key_id))?,
        })
    }

    /// Opens a value that was sealed for this location, without a context.
    ///
    /// # Errors
    /// [`VaultError::CannotOpen`] or [`VaultError::UnknownFormat`].
    pub fn open(&self, location: Location<'_>, sealed: &SealedValue) -> Result<Secret<Vec<u8>>, VaultError> {
        self.open_as(Binding { location, context: None }, sealed)
    }

    /// Opens a value that was sealed for this location and this context.
    ///
    /// # Errors
    /// [`VaultError::CannotOpen`], or [`VaultError::UnknownFormat`] also for a value without a context.
    pub fn open_with_context(
        &self,
        location: Location<'_>,
        context: &str,
        sealed: &SealedValue,
    ) -> Result<Secret<Vec<u8>>, VaultError> {
        self.open_as(Binding { location, context: Some(context) }, sealed)
    }

    fn open_as(&self, binding: Binding<'_>, sealed: &SealedValue) -> Result<Secret<Vec<u8>>, VaultError> {
        if sealed.format != binding.format() {
            return Err(VaultError::UnknownFormat);
        }
        if sealed.key_id != self.key_id {
            return Err(VaultError::CannotOpen);
        }
        let data_key =
            decrypt(self.master.expose(), &sealed.wrapped_key, &binding.associated_data("data key", &sealed.key_id))?;
        let data_key = Zeroizing::new(
            KeyBytes::try_from(data_key.expose().as_slice()).map_err(|_wrong_length| VaultError::CannotOpen)?,
        );
        decrypt(&data_key, &sealed.ciphertext, &binding.associated_data("value", &sealed.key_id))
    }

    /// Derives a key for another purpose (RFC 5869), such as a MAC.
    #[must_use]
    pub fn derive_key(&self, purpose: &str) -> Secret<KeyBytes> {
        let mut key = [0_u8; 32];
        expand(&self.master, purpose.as_bytes(), &mut key);
        Secret::new(key)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Fills `out` with key material for a purpose (HKDF-SHA256).
fn expand(master: &Secret<KeyBytes>, purpose: &[u8], out: &mut [u8]) {
    // The master key is uniformly random, so the extract step needs no salt (RFC 5869 §3.1). `expand` only fails for
    // more than 255 blocks, and every caller requests at most one.
    let expanded = Hkdf::<Sha256>::new(None, master.expose()).expand_multi_info(&[b"jackfield/", purpose], out);
    debug_assert!(expanded.is_ok(), "one block is within the limit");
}

fn encrypt(key: &KeyBytes, value: &[u8], associated_data: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce = Nonce::<<Aes256Gcm as AeadCore>::NonceSize>::generate();
    let sealed = Aes256Gcm::new(key.into())
        .encrypt(&nonce, Payload { msg: value, aad: associated_data })
        .map_err(|_opaque| VaultError::TooLarge)?;
    let mut output = nonce.to_vec();
    output.extend_from_slice(&sealed);
    Ok(output)
}

fn decrypt(key: &KeyBytes, input: &[u8], associated_data: &[u8]) -> Result<Secret<Vec<u8>>, VaultError> {
    let (nonce, sealed) = input.split_first_chunk::<12>().ok_or(VaultError::CannotOpen)?;
    Aes256Gcm::new(key.into())
        .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: associated_data })
        .map(Secret::new)
        .map_err(|_opaque| VaultError::CannotOpen)
}

/// What a sealed value is bound to.
#[derive(Clone, Copy)]
struct Binding<'a> {
    location: Location<'a>,
    context: Option<&'a str>,
}

impl Binding<'_> {
    fn format(self) -> i64 {
        if self.context.is_some() { FORMAT_WITH_CONTEXT } else { FORMAT }
    }

    /// Returns the associated data of a sealed value. Each part is preceded by its length.
    fn associated_data(self, what: &str, key_id: &str) -> Vec<u8> {
        let Location { table, row, column } = self.location;
        let mut data = Vec::with_capacity(160);
        for part in ["jackfield", what, table, row, column, key_id].into_iter().chain(self.context) {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data.extend_from_slice(&self.format().to_be_bytes());
        data
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const HERE: Location<'_> = Location { table: "connections", row: "1", column: "bot_token" };

    fn vault(byte: u8) -> Vault {
        Vault::new(Secret::new([byte; 32]))
    }

    #[test]
    fn a_value_can_be_opened_where_it_was_sealed() {
        let sealed = vault(1).seal(HERE, b"xoxb-1").expect("seals");
        assert_eq!(vault(1).open(HERE, &sealed).expect("opens").expose(), b"xoxb-1");
    }

    #[test]
    fn a_value_cannot_be_opened_elsewhere() {
        let sealed = vault(1).seal(HERE, b"xoxb-1").expect("seals");
        for elsewhere in [
            Location { table: "oauth_flows", ..HERE },
            Location { row: "2", ..HERE },
            Location { column: "other", ..HERE },
            // Each part is preceded by its length, so characters cannot move from one part to the next.
            Location { table: "connections1", row: "", ..HERE },
        ] {
            assert_eq!(vault(1).open(elsewhere, &sealed).err(), Some(VaultError::CannotOpen), "{elsewhere:?}");
        }
        assert_eq!(vault(2).open(HERE, &sealed).err(), Some(VaultError::CannotOpen));
    }

    #[test]
    fn every_changed_byte_is_detected() {
        let sealed = vault(1).seal(HERE, b"xoxb-1").expect("seals");
        for index in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[index] ^= 1;
            assert_eq!(vault(1).open(HERE, &changed).err(), Some(VaultError::CannotOpen));
        }
        for index in 0..sealed.wrapped_key.len() {
            let mut changed = sealed.clone();
            changed.wrapped_key[index] ^= 1;
            assert_eq!(vault(1).open(HERE, &changed).err(), Some(VaultError::CannotOpen));
        }
        let later = SealedValue { format: 3, ..sealed.clone() };
        assert_eq!(vault(1).open(HERE, &later).err(), Some(VaultError::UnknownFormat));
        let other_key = SealedValue { key_id: vault(2).key_id().to_owned(), ..sealed };
        assert_eq!(vault(1).open(HERE, &other_key).err(), Some(VaultError::CannotOpen));
    }

    #[test]
    fn a_value_cannot_be_opened_with_another_context_or_without_one() {
        let sealed = vault(1).seal_with_context(HERE, "api.example.com", b"xoxb-1").expect("seals");
        assert_eq!(vault(1).open_with_context(HERE, "api.example.com", &sealed).expect("opens").expose(), b"xoxb-1");
        for context in ["", "api.example.com.evil.example", "api.example.co"] {
            let opened = vault(1).open_with_context(HERE, context, &sealed);
            assert_eq!(opened.err(), Some(VaultError::CannotOpen), "{context}");
        }
        assert_eq!(vault(1).open(HERE, &sealed).err(), Some(VaultError::UnknownFormat));
        let relabelled = SealedValue { format: 1, ..sealed };
        assert_eq!(vault(1).open(HERE, &relabelled).err(), Some(VaultError::CannotOpen));
        let without = vault(1).seal(HERE, b"xoxb-1").expect("seals");
        assert_eq!(vault(1).open_with_context(HERE, "", &without).err(), Some(VaultError::UnknownFormat));
        let relabelled = SealedValue { format: 2, ..without };
        assert_eq!(vault(1).open_with_context(HERE, "", &relabelled).err(), Some(VaultError::CannotOpen));
    }

    #[test]
    fn every_sealed_value_has_its_own_nonces_and_data_key() {
        let vault = vault(1);
        let mut seen = HashSet::new();
        for _ in 0..5_000 {
            let sealed = vault.seal(HERE, b"same").expect("seals");
            assert!(seen.insert(sealed.wrapped_key[..12].to_vec()));
            assert!(seen.insert(sealed.ciphertext[..12].to_vec()));
            assert!(seen.insert(sealed.ciphertext[12..].to_vec()));
        }
    }

    #[test]
    fn each_purpose_has_a_different_key() {
        let vault = vault(1);
        assert_ne!(vault.derive_key("a").expose(), vault.derive_key("b").expose());
    }

    #[test]
    fn a_vault_does_not_print_its_key() {
        assert!(!format!("{:?}", vault(7)).contains("7, 7"));
    }
}
