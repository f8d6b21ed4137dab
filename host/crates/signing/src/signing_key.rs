//! A secret key that signs components.

use std::fmt;

/// A secret key. `Debug` does not print it.
pub struct SigningKey(minisign::SecretKey);

impl SigningKey {
    /// Opens a secret key in the format of minisign.
    ///
    /// Calls `password` only if the key is encrypted.
    ///
    /// # Errors
    /// The text is not a secret key, or the password is wrong.
    pub fn open<E: fmt::Display>(text: &str, password: impl FnOnce() -> Result<String, E>) -> Result<Self, String> {
        let key_box = || minisign::SecretKeyBox::from(text.to_owned());
        if let Ok(key) = key_box().into_unencrypted_secret_key() {
            return Ok(Self(key));
        }
        let password = password().map_err(|why| format!("cannot read the password: {why}"))?;
        key_box().into_secret_key(Some(password)).map(Self).map_err(|why| why.to_string())
    }

    /// Signs a component's bytes and returns the content of its signature file.
    ///
    /// The signature also covers the file name and the time, in Unix `seconds`.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn sign(&self, bytes: &[u8], file_name: &str, seconds: i64) -> Result<String, String> {
        // The same comment that minisign writes, because other tools may read the name and the time from it.
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
