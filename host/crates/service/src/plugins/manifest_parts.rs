//! The parts of a manifest as texts that can be listed and compared, including parts that a later contract adds. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::manifest::{CredentialSource, Manifest};
use jackfield_sandbox::endpoint_lines;
use serde_json::Value;

/// Returns the hosts that the plugin calls.
#[must_use]
pub fn hosts(manifest: &Manifest) -> BTreeSet<String> {
    manifest.endpoints.iter().map(|endpoint| endpoint.host.clone()).collect()
}

/// Returns the credential and its placement for each endpoint that has one.
#[must_use]
pub fn credentials(manifest: &Manifest) -> BTreeMap<String, String> {
    let lines = endpoint_lines(manifest).into_iter().zip(&manifest.endpoints);
    lines.filter_map(|(line, endpoint)| Some((line, to_text(&to_json(endpoint.credential.as_ref()?))))).collect()
}

/// Returns the scopes that it requests, from OAuth and from service accounts.
#[must_use]
pub fn scopes(manifest: &Manifest) -> BTreeSet<String> {
    let minted = manifest.endpoints.iter().filter_map(|endpoint| match &endpoint.credential.as_ref()?.source {
        CredentialSource::Minted { scopes, .. } => Some(scopes.clone()),
        _ => None,
    });
    let asked = to_json(&manifest.auth);
    let asked = asked.as_object().into_iter().flat_map(|grant| grant.values()).filter_map(|grant| grant.get("scopes"));
    let asked = asked.filter_map(Value::as_array).flatten().filter_map(Value::as_str).map(str::to_owned);
    minted.flatten().chain(asked).collect()
}

/// Returns how it is authorized: the kind as `by`, and the settings except the scopes.
#[must_use]
pub fn grant(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    match to_json(&manifest.auth) {
        Value::Object(kinds) => {
            for (kind, grant) in kinds {
                parts.insert("by".to_owned(), kind);
                for (name, value) in grant.as_object().into_iter().flatten().filter(|(name, _)| *name != "scopes") {
                    parts.insert(name.clone(), to_text(value));
                }
            }
        }
        kind => drop(parts.insert("by".to_owned(), to_text(&kind))),
    }
    parts
}

/// Returns the fields of the connect form with their settings.
pub(super) fn fields(manifest: &Manifest) -> BTreeMap<String, String> {
    manifest
        .fields
        .iter()
        .map(|field| {
            let mut settings = to_json(field);
            if let Some(settings) = settings.as_object_mut() {
                settings.remove("name");
            }
            (field.name.clone(), to_text(&settings))
        })
        .collect()
}

/// Returns the capabilities that it has besides connect, disconnect and health.
pub(super) fn capabilities(manifest: &Manifest) -> BTreeSet<String> {
    let all = to_json(&manifest.capabilities);
    let named = all.as_object().into_iter().flatten().filter(|(_, has)| **has == Value::Bool(true));
    named.map(|(name, _)| name.clone()).collect()
}

/// Returns the other parts: the title, what a disconnect does, and later additions.
pub(super) fn others(manifest: &Manifest) -> BTreeMap<String, String> {
    const ELSEWHERE: [&str; 6] = ["id", "version", "auth", "fields", "endpoints", "capabilities"];
    let all = to_json(manifest);
    let rest = all.as_object().into_iter().flatten().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()));
    rest.map(|(name, value)| (name.clone(), to_text(value))).collect()
}

/// Returns the stored form, which names every part.
///
/// Serializing these types cannot fail.
fn to_json(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

/// Formats a value for people.
///
/// For example: `source field api_token, place header (name Authorization, format Bearer {})`.
fn to_text(value: &Value) -> String {
    let nested = |value: &Value| match value {
        Value::Object(parts) if parts.len() > 1 => format!("({})", to_text(value)),
        other => to_text(other),
    };
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(nested).collect::<Vec<_>>().join(" "),
        Value::Object(parts) => {
            let texts: Vec<String> = parts.iter().map(|(name, value)| format!("{name} {}", nested(value))).collect();
            texts.join(", ")
        }
        other => other.to_string(),
    }
}
