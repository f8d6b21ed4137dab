//! Seals values under the master key and opens them again. Knows keys and ciphers, not tables or files' meaning.
//!
//! Envelope encryption: each sealing draws a fresh data key, encrypts the value with it, and wraps the data key with
//! the master key, both by AES-256-GCM with a fresh random 96-bit nonce (NIST SP 800-38D §8.2.2). The associated data
//! binds table, row, column, key id and format, so that a value moved elsewhere does not open.

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

/// The layout of a sealed value; stored beside each, so that a later layout can live next to this one.
pub const FORMAT: i64 = 1;

/// A key of 256 bits.
pub type KeyBytes = [u8; 32];

/// The master key, ready to seal and open.
#[derive(Clone)]
pub struct Vault {
    master: Secret<KeyBytes>,
    key_id: String,
}

/// Where a sealed value stands; it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    pub table: &'a str,
    pub row: &'a str,
    pub column: &'a str,
}

/// A sealed value as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub key_id: String,
    pub format: i64,
    /// Nonce and wrapped data key.
    pub wrapped_key: Vec<u8>,
    /// Nonce and encrypted value.
    pub ciphertext: Vec<u8>,
}

/// Why a value was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The value was sealed by another key, moved, changed, or cut.
    #[error("the sealed value does not open here")]
    DoesNotOpen,
    /// The value was sealed in a layout that this version does not know.
    #[error("the sealed value has a format that this version does not know")]
    UnknownFormat,
    /// The cipher refused, which a value of this size never meets.
    #[error("the value could not be sealed")]
    NotSealed,
}

impl Vault {
    /// Makes a vault from the master key.
    #[must_use]
    pub fn new(master: Secret<KeyBytes>) -> Self {
        let mut id = [0_u8; 8];
        expand(&master, b"key id", &mut id);
        Self { master, key_id: hex::encode(id) }
    }

    /// The id of the master key: 16 hexadecimal digits that tell keys apart and nothing of the key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals a value for one place.
    ///
    /// # Errors
    /// [`VaultError::NotSealed`] when the cipher refuses.
    pub fn seal(&self, location: Location<'_>, value: &[u8]) -> Result<Sealed, VaultError> {
        let data_key = Zeroizing::new(<[u8; 32]>::from(Key::<Aes256Gcm>::generate()));
        Ok(Sealed {
            key_id: self.key_id.clone(),
            format: FORMAT,
            wrapped_key: encrypt(
                self.master.expose(),
                data_key.as_ref(),
                &binding("data key", location, &self.key_id, FORMAT),
            )?,
            ciphertext: encrypt(&data_key, value, &binding("value", location, &self.key_id, FORMAT))?,
        })
    }

    /// Opens a value that was sealed for this very place.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] for another key, place or content, [`VaultError::UnknownFormat`] for a layout of
    /// a later version.
    pub fn open(&self, location: Location<'_>, sealed: &Sealed) -> Result<Secret<Vec<u8>>, VaultError> {
        if sealed.format != FORMAT {
            return Err(VaultError::UnknownFormat);
        }
        if sealed.key_id != self.key_id {
            return Err(VaultError::DoesNotOpen);
        }
        let data_key = decrypt(
            self.master.expose(),
            &sealed.wrapped_key,
            &binding("data key", location, &sealed.key_id, sealed.format),
        )?;
        let data_key = Zeroizing::new(
            KeyBytes::try_from(data_key.expose().as_slice()).map_err(|_wrong_length| VaultError::DoesNotOpen)?,
        );
        decrypt(&data_key, &sealed.ciphertext, &binding("value", location, &sealed.key_id, sealed.format))
    }

    /// Derives a key for one other purpose (RFC 5869), such as the MAC over compiled components.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Secret<KeyBytes> {
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

fn expand(master: &Secret<KeyBytes>, purpose: &[u8], out: &mut [u8]) {
    // The master key is uniformly random already, so the extract step needs no salt (RFC 5869 §3.1). Expanding fails
    // only past 255 blocks; every caller asks for one at most, and an unfilled output would open nothing.
    let expanded = Hkdf::<Sha256>::new(None, master.expose()).expand_multi_info(&[b"jackfield/", purpose], out);
    debug_assert!(expanded.is_ok(), "one block is always within the limit");
}

fn encrypt(key: &KeyBytes, value: &[u8], binding: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce = Nonce::<<Aes256Gcm as AeadCore>::NonceSize>::generate();
    let sealed = Aes256Gcm::new(key.into())
        .encrypt(&nonce, Payload { msg: value, aad: binding })
        .map_err(|_opaque| VaultError::NotSealed)?;
    let mut whole = nonce.to_vec();
    whole.extend_from_slice(&sealed);
    Ok(whole)
}

fn decrypt(key: &KeyBytes, whole: &[u8], binding: &[u8]) -> Result<Secret<Vec<u8>>, VaultError> {
    let (nonce, sealed) = whole.split_first_chunk::<12>().ok_or(VaultError::DoesNotOpen)?;
    Aes256Gcm::new(key.into())
        .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: binding })
        .map(Secret::new)
        .map_err(|_opaque| VaultError::DoesNotOpen)
}

fn binding(what: &str, location: Location<'_>, key_id: &str, format: i64) -> Vec<u8> {
    let mut binding = Vec::with_capacity(160);
    for part in ["jackfield", what, location.table, location.row, location.column, key_id] {
        binding.extend_from_slice(&(part.len() as u64).to_be_bytes());
        binding.extend_from_slice(part.as_bytes());
    }
    binding.extend_from_slice(&format.to_be_bytes());
    binding
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
    fn a_value_opens_where_it_was_sealed() {
        let sealed = vault(1).seal(HERE, b"xoxb-1").expect("seals");
        assert_eq!(vault(1).open(HERE, &sealed).expect("opens").expose(), b"xoxb-1");
    }

    #[test]
    fn a_value_opens_nowhere_else() {
        let sealed = vault(1).seal(HERE, b"xoxb-1").expect("seals");
        for elsewhere in [
            Location { table: "oauth_flows", ..HERE },
            Location { row: "2", ..HERE },
            Location { column: "other", ..HERE },
            // The parts carry their lengths, so letters do not wander from one to the next.
            Location { table: "connections1", row: "", ..HERE },
        ] {
            assert_eq!(vault(1).open(elsewhere, &sealed).err(), Some(VaultError::DoesNotOpen), "{elsewhere:?}");
        }
        assert_eq!(vault(2).open(HERE, &sealed).err(), Some(VaultError::DoesNotOpen));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let sealed = vault(1).seal(HERE, b"xoxb-1").expect("seals");
        for index in 0..sealed.ciphertext.len() {
            let mut changed = sealed.clone();
            changed.ciphertext[index] ^= 1;
            assert_eq!(vault(1).open(HERE, &changed).err(), Some(VaultError::DoesNotOpen));
        }
        for index in 0..sealed.wrapped_key.len() {
            let mut changed = sealed.clone();
            changed.wrapped_key[index] ^= 1;
            assert_eq!(vault(1).open(HERE, &changed).err(), Some(VaultError::DoesNotOpen));
        }
        let later = Sealed { format: 2, ..sealed.clone() };
        assert_eq!(vault(1).open(HERE, &later).err(), Some(VaultError::UnknownFormat));
        let other_key = Sealed { key_id: vault(2).key_id().to_owned(), ..sealed };
        assert_eq!(vault(1).open(HERE, &other_key).err(), Some(VaultError::DoesNotOpen));
    }

    #[test]
    fn no_two_sealings_share_a_nonce_or_a_data_key() {
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
    fn purposes_have_keys_of_their_own() {
        let vault = vault(1);
        assert_ne!(vault.derive("a").expose(), vault.derive("b").expose());
    }

    #[test]
    fn a_vault_prints_no_key() {
        assert!(!format!("{:?}", vault(7)).contains("7, 7"));
    }
}
