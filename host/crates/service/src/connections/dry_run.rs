//! Prepares one call for a command, from given fields and a given token, without a database.
//!
//! It sends no request to a token endpoint and stores nothing.

use std::{collections::BTreeMap, sync::Arc};

use jackfield_core::{
    Error, Secret,
    manifest::{Auth, CredentialSource, Manifest},
};
use jackfield_egress::{CallPermissions, CallRecorder, RequestBudget};
use jackfield_sandbox::{Call, CallError, CallOperation, Component, Connect};

use super::{
    fields::{self, StoredFields, SubmittedValue},
    provider_errors::{CredentialOrigin, into_api_error},
    secret_release::release_fields,
};

/// The values that a call uses instead of a stored connection.
#[derive(Debug, Default)]
pub struct DryRun {
    /// The fields. They are validated like those of a connect.
    pub fields: BTreeMap<String, SubmittedValue>,
    /// The access token of the OAuth grant, or the token to use for each minted one.
    pub token: Option<Secret<String>>,
    pub account: Option<String>,
    /// The maximum number of requests of the call.
    pub requests: u32,
}

impl DryRun {
    /// Creates the call. `recorder` records what the call does.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] for fields that break a rule, or [`Error::InvalidRequest`] if a token is missing.
    pub fn into_call(self, component: &Component, recorder: CallRecorder) -> Result<Call, Error> {
        let mut manifest = Manifest::clone(&component.manifest);
        let key_field = match &manifest.auth {
            Auth::ServiceAccount(grant) => Some(grant.field.clone()),
            Auth::Fields | Auth::OAuth2(_) => None,
        };
        // No token is minted here, so the key of a service account is not needed.
        let key = manifest.fields.iter_mut().find(|field| Some(&field.name) == key_field.as_ref());
        if let Some(key) = key {
            key.required = false;
        }
        let merged = fields::merge(&manifest, &self.fields, StoredFields::default())?;
        let needs_token = !matches!(manifest.auth, Auth::Fields);
        if needs_token && self.token.is_none() {
            return Err(Error::InvalidRequest("this provider's credential is a token, and none was given".to_owned()));
        }
        let released = release_fields(&manifest, &merged.secrets)?.into_iter();
        let released = released.filter(|(name, _)| Some(name) != key_field.as_ref());
        let mut credentials: Vec<(CredentialSource, Secret<String>)> =
            released.map(|(name, secret)| (CredentialSource::Field(name), secret)).collect();
        if let Some(token) = self.token.filter(|_| needs_token) {
            credentials.extend(find_token_sources(&manifest).into_iter().map(|source| (source, token.clone())));
        }
        let fields = merged.fields;
        let mut permissions = CallPermissions::new(
            "dry run".to_owned(),
            Arc::clone(&component.endpoints),
            credentials,
            fields.clone(),
            RequestBudget::new(self.requests),
        );
        permissions.recorder = recorder;
        Ok(Call { permissions, fields, account: self.account })
    }
}

/// Returns the error with which the API would answer.
///
/// It depends on `operation`, because a connect tries a new credential.
#[must_use]
pub fn to_api_error(error: CallError, provider: &str, operation: &str) -> Error {
    let is_connect = operation == Connect::NAME;
    let origin = if is_connect { CredentialOrigin::Submitted } else { CredentialOrigin::Stored };
    into_api_error(error, provider, origin)
}

/// Returns each credential source of the manifest that is a token and not a field.
fn find_token_sources(manifest: &Manifest) -> Vec<CredentialSource> {
    let mut sources: Vec<CredentialSource> = Vec::new();
    for attachment in manifest.endpoints.iter().filter_map(|endpoint| endpoint.credential.as_ref()) {
        let is_token = !matches!(attachment.source, CredentialSource::Field(_));
        if is_token && !sources.contains(&attachment.source) {
            sources.push(attachment.source.clone());
        }
    }
    sources
}
