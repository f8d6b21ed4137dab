//! Message authentication codes over lists of byte strings (HMAC-SHA256, RFC 2104).

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::Secret;

/// Authenticates the parts, each with its length, so that no two lists have one MAC.
pub fn mac(key: &Secret<[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, parts).finalize().into_bytes().into()
}

/// Checks a MAC of [`mac`] in constant time.
pub fn mac_holds(key: &Secret<[u8; 32]>, parts: &[&[u8]], expected: &[u8]) -> bool {
    keyed(key, parts).verify_slice(expected).is_ok()
}

/// The key as the hash's whole block: HMAC pads a shorter key with zeros (RFC 2104 §2).
fn block(key: &Secret<[u8; 32]>) -> [u8; 64] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key.expose());
    block
}

fn keyed(key: &Secret<[u8; 32]>, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&block(key).into());
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
    fn a_mac_holds_for_its_own_list_alone() {
        let key = Secret::new([7; 32]);
        let made = mac(&key, &[b"ab", b"c"]);
        assert!(mac_holds(&key, &[b"ab", b"c"], &made));
        assert!(!mac_holds(&key, &[b"a", b"bc"], &made));
        assert!(!mac_holds(&Secret::new([8; 32]), &[b"ab", b"c"], &made));
    }
}
