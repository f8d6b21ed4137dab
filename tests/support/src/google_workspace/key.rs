//! Keys of the service account, generated when needed: RSA with 2048 bits, like Google's.

use std::sync::OnceLock;

use getrandom::SysRng;
use rsa::{
    PrivateKey, PublicKey,
    pkcs8::{EncodePrivateKey, LineEnding},
};
use serde_json::json;
use uuid::Uuid;

use super::CLIENT_EMAIL;

const BITS: usize = 2_048;

/// One key.
#[derive(Debug)]
pub(super) struct GoogleKey {
    pub(super) id: String,
    pub(super) is_deleted: bool,
    key: PrivateKey,
}

impl GoogleKey {
    /// Returns the key that exists from the start. All stand-ins of a process share it, because generating one is slow.
    pub(super) fn first() -> Self {
        static FIRST: OnceLock<PrivateKey> = OnceLock::new();
        Self::of(FIRST.get_or_init(private_key).clone())
    }

    /// Generates another key.
    pub(super) fn generate() -> Self {
        Self::of(private_key())
    }

    pub(super) fn public(&self) -> &PublicKey {
        self.key.as_public_key()
    }

    /// Returns the file that an administrator downloads once.
    pub(super) fn file(&self) -> String {
        let pem = self.key.to_pkcs8_pem(LineEnding::LF).expect("the key can be encoded");
        let file = json!({
            "type": "service_account",
            "project_id": "acme-instruments",
            "private_key_id": self.id,
            "private_key": *pem,
            "client_email": CLIENT_EMAIL,
            "client_id": "113000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/jackfield",
            "universe_domain": "googleapis.com",
        });
        format!("{file:#}\n")
    }

    fn of(key: PrivateKey) -> Self {
        Self { id: format!("{}00000000", Uuid::new_v4().simple()), is_deleted: false, key }
    }
}

fn private_key() -> PrivateKey {
    PrivateKey::new(&mut SysRng, BITS).expect("the system provides random numbers")
}
