//! What a component asks for, in words that can be listed and compared, whatever its contract adds later. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::manifest::{CredentialSource, Manifest};
use jackfield_sandbox::catalog::endpoint_lines;
use serde_json::Value;

/// Every host that it calls.
#[must_use]
pub fn hosts(manifest: &Manifest) -> BTreeSet<String> {
    manifest.endpoints.iter().map(|endpoint| endpoint.host.clone()).collect()
}

/// Which credential goes to each endpoint, and in which place; endpoints without one are left out.
#[must_use]
pub fn credentials(manifest: &Manifest) -> BTreeMap<String, String> {
    let lines = endpoint_lines(manifest).into_iter().zip(&manifest.endpoints);
    lines.filter_map(|(line, endpoint)| Some((line, words(endpoint.credential.as_ref()?)))).collect()
}

/// Every scope that it has a token made for.
#[must_use]
pub fn scopes(manifest: &Manifest) -> BTreeSet<String> {
    let minted = manifest.endpoints.iter().filter_map(|endpoint| match &endpoint.credential.as_ref()?.source {
        CredentialSource::Minted { scopes, .. } => Some(scopes.clone()),
        _ => None,
    });
    let asked = json(&manifest.auth);
    let asked = asked.as_object().into_iter().flat_map(|grant| grant.values()).filter_map(|grant| grant.get("scopes"));
    let asked = asked.filter_map(Value::as_array).flatten().filter_map(Value::as_str).map(str::to_owned);
    minted.flatten().chain(asked).collect()
}

/// How one connects: the kind of grant, and each of its parts but the scopes.
#[must_use]
pub fn grant(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    match json(&manifest.auth) {
        Value::Object(kinds) => {
            for (kind, grant) in kinds {
                parts.insert("by".to_owned(), kind);
                for (name, value) in grant.as_object().into_iter().flatten().filter(|(name, _)| *name != "scopes") {
                    parts.insert(name.clone(), in_words(value));
                }
            }
        }
        kind => drop(parts.insert("by".to_owned(), in_words(&kind))),
    }
    parts
}

/// Every field of the connect form, with all that is said of it.
#[must_use]
pub fn fields(manifest: &Manifest) -> BTreeMap<String, String> {
    manifest
        .fields
        .iter()
        .map(|field| {
            let mut said = json(field);
            if let Some(said) = said.as_object_mut() {
                said.remove("name");
            }
            (field.name.clone(), in_words(&said))
        })
        .collect()
}

/// What it can do beyond connect, disconnect and health.
#[must_use]
pub fn capabilities(manifest: &Manifest) -> BTreeSet<String> {
    let all = json(&manifest.capabilities);
    let named = all.as_object().into_iter().flatten().filter(|(_, has)| **has == Value::Bool(true));
    named.map(|(name, _)| name.clone()).collect()
}

/// What else it says of itself: its title, what a disconnect does, and whatever a later contract adds.
pub(super) fn about(manifest: &Manifest) -> BTreeMap<String, String> {
    const ELSEWHERE: [&str; 6] = ["id", "version", "auth", "fields", "endpoints", "capabilities"];
    let all = json(manifest);
    let rest = all.as_object().into_iter().flatten().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()));
    rest.map(|(name, value)| (name.clone(), in_words(value))).collect()
}

fn words(thing: &impl serde::Serialize) -> String {
    in_words(&json(thing))
}

/// The stored form, which names every part. These types hold nothing that could not be written.
fn json(thing: &impl serde::Serialize) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}

/// A value as a person reads it: `source field api_token, place header (name Authorization, format Bearer {})`.
fn in_words(value: &Value) -> String {
    let nested = |value: &Value| match value {
        Value::Object(parts) if parts.len() > 1 => format!("({})", in_words(value)),
        other => in_words(other),
    };
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(nested).collect::<Vec<_>>().join(" "),
        Value::Object(parts) => {
            let said: Vec<String> = parts.iter().map(|(name, value)| format!("{name} {}", nested(value))).collect();
            said.join(", ")
        }
        other => other.to_string(),
    }
}
