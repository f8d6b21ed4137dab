//! A value that prints as `[secret]`, is wiped from memory when dropped, and cannot be serialized.

use std::fmt;

use zeroize::Zeroize;

/// A secret of type `T`, such as an API token or a key.
///
/// It has no `Serialize`, no `PartialEq` and no `Deref`, so that every place that reads it says
/// [`expose`](Self::expose).
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes hold of a secret.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Lends the secret itself.
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
    fn a_secret_prints_as_a_mark() {
        let secret = Secret::new(String::from("xoxb-very-secret"));
        assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
    }
}
