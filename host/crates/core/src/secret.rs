//! A secret value.
//!
//! It prints as `[secret]`, is erased from memory when it is dropped, and cannot be serialized.

use std::fmt;

use zeroize::Zeroize;

/// A secret of type `T`, such as an API token or a key.
///
/// It implements neither `Serialize` nor `PartialEq` nor `Deref`, so that it can only be read with
/// [`expose`](Self::expose).
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a secret.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the secret itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_does_not_print_its_value() {
        let secret = Secret::new(String::from("xoxb-very-secret"));
        assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
    }
}
