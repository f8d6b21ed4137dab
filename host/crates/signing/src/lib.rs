//! Who signed a component, and whether that key may ask for what the component asks. Pure: bytes, texts, a manifest.
//!
//! Signatures and keys have the form of minisign (jedisct1.github.io/minisign), so that its own tool checks and makes
//! them too. What a grant covers is said in `signing/grant.rs`.

mod grant;

use std::fmt;

use jackfield_core::manifest::Manifest;
use minisign_verify::{Error as Wrong, PublicKey, Signature};
use serde::Deserialize;

pub use self::grant::KeyGrant;

/// The keys whose word counts, each with what it may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedKeys(Vec<TrustedKey>);

/// One such key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// What the operator calls it.
    pub name: String,
    public: PublicKey,
    grant: KeyGrant,
}

/// What a signature over a component's bytes comes to, before anybody looks at what the component asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer<'a> {
    /// A trusted key signed these very bytes.
    Trusted(&'a TrustedKey),
    /// Somebody else may have.
    Unknown,
    /// There is a signature and it does not hold; says why. Never the same as none.
    Broken(String),
    /// There is no signature.
    Nobody,
}

/// What a signature and a manifest come to together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted key signed it, and it asks for no more than that key's grant.
    Granted { key: String },
    /// A trusted key signed it, and it asks for more; says what, in words.
    AsksMore { key: String, beyond: Vec<String> },
    /// No trusted key signed it.
    UnknownKey,
    /// It is refused; says why.
    Broken(String),
    /// There is no signature.
    Unsigned,
}

impl TrustedKeys {
    /// Reads the file that `JACKFIELD_PLUGINS_TRUSTED_KEYS` names: TOML, a table `[[key]]` for each.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| format!("is not a file of trusted keys: {error}"))?;
        let mut keys: Vec<TrustedKey> = Vec::new();
        for Written { name, public_key: text, providers, hosts, oauth, service_accounts } in file.key {
            let public = public_key(&text).map_err(|why| format!("has a wrong public key under `{name}`: {why}"))?;
            if name.is_empty() || keys.iter().any(|key| key.name == name || key.public == public) {
                return Err(format!("names a key twice, or one without a name: `{name}`"));
            }
            let grant = KeyGrant { providers, hosts, oauth, service_accounts };
            grant.check().map_err(|why| format!("has a wrong grant under `{name}`: {why}"))?;
            keys.push(TrustedKey { name, public, grant });
        }
        if keys.is_empty() { Err("names no key".to_owned()) } else { Ok(Self(keys)) }
    }

    /// One key that may ask for everything: whoever names it on a command line wants to know who signed, no more.
    ///
    /// # Errors
    /// The text is not a public key of minisign.
    pub fn one(name: &str, public_key_text: &str) -> Result<Self, String> {
        let public = public_key(public_key_text)?;
        Ok(Self(vec![TrustedKey { name: name.to_owned(), public, grant: KeyGrant::everything() }]))
    }

    /// Tells which trusted key signed these bytes.
    #[must_use]
    pub fn signer(&self, bytes: &[u8], signature: Option<&str>) -> Signer<'_> {
        let Some(text) = signature else { return Signer::Nobody };
        let signature = match Signature::decode(text) {
            Ok(signature) => signature,
            Err(why) => return Signer::Broken(format!("its signature cannot be read: {why}")),
        };
        for key in &self.0 {
            // The old form signs the bytes themselves and not their digest; no tool of today makes it unasked.
            match key.public.verify(bytes, &signature, false) {
                Ok(()) => return Signer::Trusted(key),
                Err(Wrong::UnexpectedKeyId) => {}
                Err(Wrong::InvalidSignature) => {
                    return Signer::Broken(format!("its signature by `{}` is not one of these bytes", key.name));
                }
                Err(why) => return Signer::Broken(format!("its signature cannot be used: {why}")),
            }
        }
        Signer::Unknown
    }

    /// Judges a signature and what the component asks for together.
    #[must_use]
    pub fn verdict(&self, bytes: &[u8], signature: Option<&str>, manifest: &Manifest) -> Verdict {
        match self.signer(bytes, signature) {
            Signer::Trusted(key) => key.verdict(manifest),
            Signer::Unknown => Verdict::UnknownKey,
            Signer::Broken(why) => Verdict::Broken(why),
            Signer::Nobody => Verdict::Unsigned,
        }
    }
}

impl TrustedKey {
    /// Holds what a component asks for, which this key signed, against the key's grant.
    #[must_use]
    pub fn verdict(&self, manifest: &Manifest) -> Verdict {
        let (key, beyond) = (self.name.clone(), self.grant.beyond(manifest));
        if beyond.is_empty() { Verdict::Granted { key } } else { Verdict::AsksMore { key, beyond } }
    }
}

/// Who signed a component, apart from the keys that were asked; what is broken has been told before.
#[derive(Clone, Debug)]
pub enum Signed {
    By(TrustedKey),
    ByUnknown,
    ByNobody,
}

impl Signed {
    /// Holds what the component asks for against the grant of the key that signed it.
    #[must_use]
    pub fn verdict(&self, manifest: &Manifest) -> Verdict {
        match self {
            Self::By(key) => key.verdict(manifest),
            Self::ByUnknown => Verdict::UnknownKey,
            Self::ByNobody => Verdict::Unsigned,
        }
    }
}

impl Signer<'_> {
    /// Who signed it.
    ///
    /// # Errors
    /// The signature does not hold; in words.
    pub fn whose(self) -> Result<Signed, String> {
        match self {
            Self::Trusted(key) => Ok(Signed::By(key.clone())),
            Self::Unknown => Ok(Signed::ByUnknown),
            Self::Nobody => Ok(Signed::ByNobody),
            Self::Broken(why) => Err(why),
        }
    }

    /// Whether this signature alone approves what asks for this.
    #[must_use]
    pub fn grants(&self, manifest: &Manifest) -> bool {
        matches!(self, Self::Trusted(key) if matches!(key.verdict(manifest), Verdict::Granted { .. }))
    }
}

/// A key that signs. It is not printed.
pub struct SigningKey(minisign::SecretKey);

impl SigningKey {
    /// Reads a secret key as minisign writes it, and asks for the password only where it has one.
    ///
    /// # Errors
    /// The text is no such key, or the password is wrong.
    pub fn open<E: fmt::Display>(text: &str, password: impl FnOnce() -> Result<String, E>) -> Result<Self, String> {
        let sealed = || minisign::SecretKeyBox::from(text.to_owned());
        if let Ok(key) = sealed().into_unencrypted_secret_key() {
            return Ok(Self(key));
        }
        let password = password().map_err(|why| format!("the password could not be read: {why}"))?;
        sealed().into_secret_key(Some(password)).map(Self).map_err(|why| why.to_string())
    }

    /// Signs a component's bytes, and gives the text of the file that lies beside it.
    ///
    /// # Errors
    /// The machine gives no randomness.
    pub fn sign(&self, bytes: &[u8], file_name: &str, seconds: i64) -> Result<String, String> {
        // As the tool itself writes it, whose readers may look for the name and the time there.
        let trusted = format!("timestamp:{seconds}\tfile:{file_name}\thashed");
        let comment = Some("signature of a Jackfield component");
        let signature = minisign::sign(None, &self.0, bytes, Some(&trusted), comment).map_err(|why| why.to_string())?;
        Ok(signature.into_string())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey([secret])")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
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

/// Reads a public key: its line alone, or the whole file that minisign wrote.
fn public_key(text: &str) -> Result<PublicKey, String> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    PublicKey::from_base64(line).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests;
