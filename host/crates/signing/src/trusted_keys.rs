//! The trusted public keys: reads their file, and finds the one that signed a component.

use jackfield_core::manifest::Manifest;
use minisign_verify::{Error as VerifyError, PublicKey, Signature};
use serde::Deserialize;

use crate::{
    key_permissions::KeyPermissions,
    signature::{SignatureStatus, Signer, TrustedKey},
};

/// The trusted keys, each with its permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedKeys(Vec<TrustedKey>);

impl TrustedKeys {
    /// Parses the file that `JACKFIELD_PLUGINS_TRUSTED_KEYS` names.
    ///
    /// It is TOML with a table `[[key]]` for each key.
    ///
    /// # Errors
    /// The reason, for people. It continues a sentence that starts with the name of the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: KeysFile = toml::from_str(text).map_err(|error| format!("is not a file of trusted keys: {error}"))?;
        let mut keys: Vec<TrustedKey> = Vec::new();
        for KeyTable { name, public_key, providers, hosts, oauth, service_accounts } in file.key {
            let public = parse_public_key(&public_key)
                .map_err(|why| format!("has an invalid public key for `{name}`: {why}"))?;
            if name.is_empty() {
                return Err("has a key without a name".to_owned());
            }
            if keys.iter().any(|key| key.name == name || key.public == public) {
                return Err(format!("contains the key `{name}` or its name twice"));
            }
            let permissions = KeyPermissions { providers, hosts, oauth, service_accounts };
            permissions.validate().map_err(|why| format!("has invalid permissions for `{name}`: {why}"))?;
            keys.push(TrustedKey { name, public, permissions });
        }
        if keys.is_empty() { Err("contains no key".to_owned()) } else { Ok(Self(keys)) }
    }

    /// Creates a set with one key, whose permissions are unlimited.
    ///
    /// With it, [`find_signer`](Self::find_signer) checks whether that key signed a component.
    ///
    /// # Errors
    /// The text is not a public key of minisign.
    pub fn single(name: &str, public_key: &str) -> Result<Self, String> {
        let public = parse_public_key(public_key)?;
        Ok(Self(vec![TrustedKey { name: name.to_owned(), public, permissions: KeyPermissions::unlimited() }]))
    }

    /// Finds the key that signed these bytes.
    ///
    /// # Errors
    /// The signature is invalid, for the returned reason. An invalid signature never counts as a missing one.
    pub fn find_signer(&self, bytes: &[u8], signature: Option<&str>) -> Result<Signer, String> {
        let Some(text) = signature else { return Ok(Signer::Nobody) };
        let signature = Signature::decode(text).map_err(|why| format!("its signature cannot be read: {why}"))?;
        for key in &self.0 {
            // `false` rejects legacy signatures of the bytes themselves, which minisign no longer creates by default.
            match key.public.verify(bytes, &signature, false) {
                Ok(()) => return Ok(Signer::Trusted(key.clone())),
                Err(VerifyError::UnexpectedKeyId) => {}
                Err(VerifyError::InvalidSignature) => {
                    return Err(format!("its signature by the key `{}` does not match its bytes", key.name));
                }
                Err(why) => return Err(format!("its signature cannot be verified: {why}")),
            }
        }
        Ok(Signer::UnknownKey)
    }

    /// Returns whether a trusted key signed the bytes and may approve the manifest.
    #[must_use]
    pub fn signature_status(&self, bytes: &[u8], signature: Option<&str>, manifest: &Manifest) -> SignatureStatus {
        self.find_signer(bytes, signature).map_or_else(SignatureStatus::Invalid, |signer| signer.status(manifest))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    key: Vec<KeyTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    name: String,
    public_key: String,
    #[serde(default)]
    providers: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    oauth: bool,
    #[serde(default)]
    service_accounts: bool,
}

/// Parses a public key: either its line, or the whole file that minisign wrote.
fn parse_public_key(text: &str) -> Result<PublicKey, String> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    PublicKey::from_base64(line).map_err(|why| why.to_string())
}
