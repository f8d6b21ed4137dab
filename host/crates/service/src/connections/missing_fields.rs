//! Finds required fields that a stored connection does not have, because a version of the plugin added them.

use jackfield_core::{
    Connection,
    manifest::{Auth, Manifest},
};

/// The required fields of a plugin that nobody has entered for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MissingFields {
    names: Vec<String>,
    /// Whether one of them is a secret.
    pub(super) has_secret: bool,
}

impl MissingFields {
    /// Finds the fields; `None` if the connection has all.
    pub(super) fn find(
        manifest: &Manifest,
        connection: &Connection,
        is_secret_stored: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let is_stored = |name: &str, secret: bool| match secret {
            true => is_secret_stored(name),
            false => connection.fields.contains_key(name),
        };
        let required = manifest.fields.iter().filter(|field| field.required);
        let missing: Vec<_> = required.filter(|field| !is_stored(&field.name, field.secret)).collect();
        let has_secret = missing.iter().any(|field| field.secret);
        let names: Vec<String> = missing.into_iter().map(|field| field.name.clone()).collect();
        (!names.is_empty()).then_some(Self { names, has_secret })
    }

    /// Returns one sentence for each field.
    pub(super) fn to_sentences(&self) -> Vec<String> {
        self.names.iter().map(|name| format!("the field `{name}` is required and was never entered")).collect()
    }

    /// Says why the connection cannot be used with this version of its plugin.
    pub(super) fn describe(&self, manifest: &Manifest) -> String {
        format!(
            "version {} of the plugin requires more than the connection has: {}. Connect again and enter it, or roll the \
             plugin back",
            manifest.version,
            self.to_sentences().join("; ")
        )
    }
}

/// Returns whether a secret that is missing can have been deleted from the database: the connection has no other one.
///
/// A version that adds a secret leaves those that were entered before.
pub(super) fn may_be_deleted(manifest: &Manifest, stored_secrets: usize) -> bool {
    stored_secrets == 0 && !matches!(manifest.auth, Auth::OAuth2(_))
}
