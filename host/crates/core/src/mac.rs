//! Message authentication codes over lists of byte strings (HMAC-SHA256, RFC 2104).

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::Secret;

/// Computes the MAC of a list of parts.
///
/// Each part is preceded by its length, so that different lists have different MACs.
#[must_use]
pub fn compute(key: &Secret<[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    start_hmac(key, parts).finalize().into_bytes().into()
}

/// Returns whether `expected` is the MAC of these parts.
///
/// The comparison takes the same time for every wrong MAC.
#[must_use]
pub fn verify(key: &Secret<[u8; 32]>, parts: &[&[u8]], expected: &[u8]) -> bool {
    start_hmac(key, parts).verify_slice(expected).is_ok()
}

/// Pads the key to the block size of the hash with zeros, as HMAC does (RFC 2104 §2).
fn to_block(key: &Secret<[u8; 32]>) -> [u8; 64] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key.expose());
    block
}

/// Starts an HMAC and adds each part, preceded by its length.
fn start_hmac(key: &Secret<[u8; 32]>, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&to_block(key).into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_valid_for_its_list_only() {
        let key = Secret::new([7; 32]);
        let mac = compute(&key, &[b"ab", b"c"]);
        assert!(verify(&key, &[b"ab", b"c"], &mac));
        assert!(!verify(&key, &[b"a", b"bc"], &mac));
        assert!(!verify(&Secret::new([8; 32]), &[b"ab", b"c"], &mac));
    }
}
