//! One call of an operation that is tried without a service: fields as they were typed in, and a token that was given.
//!
//! Opens no store, keeps nothing, and asks no token endpoint.

use std::{collections::BTreeMap, sync::Arc};

use jackfield_core::{
    Error, Secret,
    manifest::{Auth, CredentialSource, Manifest},
};
use jackfield_egress::{Activity, Budget, Grant};
use jackfield_sandbox::{Call, CallError, Component, Operation};

use super::{
    fields::{self, Stored, Submitted},
    outcome::{Phase, error_of},
};

/// What stands in for a connection.
#[derive(Debug, Default)]
pub struct DryRun {
    /// The fields, held to the manifest as the API holds them.
    pub fields: BTreeMap<String, Submitted>,
    /// Stands in for the grant, or for every token that would be minted.
    pub token: Option<Secret<String>>,
    pub account: Option<String>,
    /// Requests that the call may send.
    pub requests: u32,
}

impl DryRun {
    /// Makes the call, and what it will do can be read from its `activity` afterwards.
    ///
    /// # Errors
    /// A field is wrong or missing, or a token is needed and none was given.
    pub fn call(self, component: &Component, activity: Activity) -> Result<Call, Error> {
        let mut manifest = Manifest::clone(&component.manifest);
        let key_field = match &manifest.auth {
            Auth::ServiceAccount(grant) => Some(grant.field.clone()),
            Auth::Fields | Auth::OAuth2(_) => None,
        };
        // Nothing is minted from a key here, so none has to be given.
        let key = manifest.fields.iter_mut().find(|field| Some(&field.name) == key_field.as_ref());
        if let Some(key) = key {
            key.required = false;
        }
        let merged = fields::merge(&manifest, &self.fields, Stored::default())?;
        let needs_token = !matches!(manifest.auth, Auth::Fields);
        if needs_token && self.token.is_none() {
            return Err(Error::InvalidRequest("this provider's credential is a token; one has to be given".to_owned()));
        }
        let secrets = merged.secrets.into_iter().filter(|(name, _)| Some(name) != key_field.as_ref());
        let mut ready: Vec<(CredentialSource, Secret<String>)> =
            secrets.map(|(name, secret)| (CredentialSource::Field(name), secret)).collect();
        if let Some(token) = self.token.filter(|_| needs_token) {
            ready.extend(sources_of_tokens(&manifest).map(|source| (source, token.clone())));
        }
        let endpoints = Arc::clone(&component.endpoints);
        let fields = merged.fields;
        let mut grant = Grant::new("dry run".to_owned(), endpoints, ready, fields.clone(), Budget::new(self.requests));
        grant.activity = activity;
        Ok(Call { grant, fields, account: self.account })
    }
}

/// What the API would answer to a caller in place of this failure, had the call been one of a connection.
#[must_use]
pub fn outcome(error: CallError, provider: &str, operation: &Operation) -> Error {
    let phase = if matches!(operation, Operation::Connect) { Phase::Connect } else { Phase::Later };
    error_of(error, provider, phase)
}

/// Every source of the manifest that is a token and no field.
fn sources_of_tokens(manifest: &Manifest) -> impl Iterator<Item = CredentialSource> {
    let mut sources: Vec<CredentialSource> = Vec::new();
    for attachment in manifest.endpoints.iter().filter_map(|endpoint| endpoint.credential.as_ref()) {
        let is_token = !matches!(attachment.source, CredentialSource::Field(_));
        if is_token && !sources.contains(&attachment.source) {
            sources.push(attachment.source.clone());
        }
    }
    sources.into_iter()
}
