//! The differences between an approved manifest and one that waits for approval, in sentences and part by part. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::manifest::Manifest;
use serde::Serialize;

use super::manifest_parts;

/// The differences between two manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManifestDiff {
    /// Each difference as a sentence.
    pub words: Vec<String>,
    pub hosts: PartDiff,
    pub endpoints: PartDiff,
    pub credentials: PartDiff,
    pub scopes: PartDiff,
    /// How the plugin is authorized: URLs, audiences, parameters.
    pub grant: PartDiff,
    pub fields: PartDiff,
    pub capabilities: PartDiff,
    /// The title, and what a disconnect does to the mappings.
    pub about: PartDiff,
}

/// The differences in one part of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartDiff {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub changed: Vec<ChangedPart>,
}

/// An item that both manifests have, with different values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedPart {
    pub what: String,
    pub from: String,
    pub to: String,
}

impl ManifestDiff {
    /// Compares an approved manifest with one that waits for approval.
    #[must_use]
    pub fn between(approved: &Manifest, waiting: &Manifest) -> Self {
        let lines = |manifest: &Manifest| jackfield_sandbox::endpoint_lines(manifest).into_iter().collect();
        let mut changes = Self {
            words: Vec::new(),
            hosts: diff_sets(&manifest_parts::hosts(approved), &manifest_parts::hosts(waiting)),
            endpoints: diff_sets(&lines(approved), &lines(waiting)),
            credentials: diff_maps(&manifest_parts::credentials(approved), &manifest_parts::credentials(waiting)),
            scopes: diff_sets(&manifest_parts::scopes(approved), &manifest_parts::scopes(waiting)),
            grant: diff_maps(&manifest_parts::grant(approved), &manifest_parts::grant(waiting)),
            fields: diff_maps(&manifest_parts::fields(approved), &manifest_parts::fields(waiting)),
            capabilities: diff_sets(&manifest_parts::capabilities(approved), &manifest_parts::capabilities(waiting)),
            about: diff_maps(&manifest_parts::others(approved), &manifest_parts::others(waiting)),
        };
        let parts = [
            ("the host", &changes.hosts),
            ("the endpoint", &changes.endpoints),
            ("a credential at", &changes.credentials),
            ("the scope", &changes.scopes),
            ("the authorization setting", &changes.grant),
            ("the field", &changes.fields),
            ("the capability", &changes.capabilities),
            ("its", &changes.about),
        ];
        let words: Vec<String> =
            parts.into_iter().flat_map(|(what, difference)| difference.to_sentences(what)).collect();
        changes.words = words;
        changes
    }
}

impl PartDiff {
    fn to_sentences(&self, what: &str) -> Vec<String> {
        let added = self.added.iter().map(|item| format!("adds {what} {item}"));
        let removed = self.removed.iter().map(|item| format!("no longer has {what} {item}"));
        let changed = self.changed.iter();
        let changed =
            changed.map(|ChangedPart { what: name, from, to }| format!("changes {what} {name}: from {from} to {to}"));
        added.chain(removed).chain(changed).collect()
    }
}

fn diff_sets(before: &BTreeSet<String>, after: &BTreeSet<String>) -> PartDiff {
    PartDiff {
        added: after.difference(before).cloned().collect(),
        removed: before.difference(after).cloned().collect(),
        changed: Vec::new(),
    }
}

fn diff_maps(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> PartDiff {
    let only = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| -> Vec<String> {
        let alone = one.iter().filter(|(name, _)| !other.contains_key(*name));
        alone.map(|(name, value)| format!("{name}: {value}")).collect()
    };
    let changed = before.iter().filter_map(|(name, from)| {
        let to = after.get(name).filter(|to| *to != from)?;
        Some(ChangedPart { what: name.clone(), from: from.clone(), to: to.clone() })
    });
    PartDiff { added: only(after, before), removed: only(before, after), changed: changed.collect() }
}

#[cfg(test)]
mod tests {
    use jackfield_core::leaf_pointers;
    use serde_json::{Value, json};

    use super::*;

    /// A manifest with something in every part.
    fn full() -> Value {
        json!({
            "id": "acme", "title": "Acme", "version": "1.0.0",
            "auth": { "oauth2": {
                "authorize_url": "https://acme.example/authorize", "token_url": "https://acme.example/token",
                "revocation_url": null, "issuer": null, "scopes": ["read"], "authorize_parameters": [],
                "client_authentication": "basic", "refresh": "reusable", "idle_lifetime": null,
            } },
            "fields": [{
                "name": "team", "label": "Team", "help": "Any.", "help_url": null, "kind": "text", "secret": false,
                "required": true, "choices": [], "pattern": null,
            }],
            "endpoints": [{
                "method": "GET", "host": "api.acme.example", "path": "/users", "credential": {
                    "source": "oauth_token",
                    "place": { "header": { "name": "Authorization", "format": "Bearer {}" } },
                },
            }],
            "capabilities": { "users": true, "alerts": false, "accounts": false },
            "on_disconnect": "keep",
        })
    }

    fn sentences(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut other = full();
        change(&mut other);
        let manifest = |json: Value| serde_json::from_value(json).expect("a manifest");
        ManifestDiff::between(&manifest(full()), &manifest(other)).words
    }

    #[test]
    fn a_new_version_alone_is_not_a_change() {
        assert_eq!(sentences(|manifest| manifest["version"] = json!("2.0.0")), Vec::<String>::new());
    }

    #[test]
    fn every_change_has_a_sentence() {
        let more = json!({ "method": "POST", "host": "hooks.acme.example", "path": "/x", "credential": null });
        assert_eq!(
            sentences(|manifest| manifest["endpoints"].as_array_mut().expect("endpoints").push(more)),
            ["adds the host hooks.acme.example", "adds the endpoint POST hooks.acme.example/x"]
        );
        for (pointer, value, expected) in [
            ("/auth/oauth2/scopes", json!(["read", "write"]), "adds the scope write"),
            (
                "/auth/oauth2/token_url",
                json!("https://x.example/t"),
                "changes the authorization setting token_url: from",
            ),
            ("/auth/oauth2/issuer", json!("https://x.example"), "changes the authorization setting issuer: from none"),
            (
                "/auth/oauth2/authorize_parameters",
                json!([["a", "b"]]),
                "changes the authorization setting authorize_param",
            ),
            ("/auth/oauth2/client_authentication", json!("body"), "changes the authorization setting client_auth"),
            ("/auth/oauth2/refresh", json!({ "rotating": 60 }), "changes the authorization setting refresh"),
            ("/fields/0/secret", json!(true), "changes the field team: from"),
            ("/fields/0/label", json!("Group"), "changes the field team: from"),
            ("/endpoints/0/path", json!("/all"), "adds the endpoint GET api.acme.example/all"),
            (
                "/endpoints/0/credential/place",
                json!({ "query": "key" }),
                "changes a credential at GET api.acme.example",
            ),
            ("/endpoints/0/credential", json!(null), "no longer has a credential at GET api.acme.example/users"),
            ("/capabilities/alerts", json!(true), "adds the capability alerts"),
            ("/capabilities/users", json!(false), "no longer has the capability users"),
            ("/title", json!("Acme Pay"), "changes its title: from Acme to Acme Pay"),
            ("/on_disconnect", json!("clear"), "changes its on_disconnect: from keep to clear"),
        ] {
            let found = sentences(|manifest| *manifest.pointer_mut(pointer).expect("a part of the manifest") = value);
            assert!(found.iter().any(|line| line.starts_with(expected)), "{pointer}: {found:?}");
        }
        let fields = sentences(|manifest| manifest["auth"] = json!("fields"));
        assert!(fields.iter().any(|line| line == "no longer has the scope read"), "{fields:?}");
        assert!(fields.iter().any(|line| line.contains("by: from oauth2 to fields")), "{fields:?}");
    }

    #[test]
    fn a_change_of_any_part_has_a_sentence() {
        let pointers = leaf_pointers(&full());
        let mut tried = 0;
        for pointer in pointers.iter().filter(|pointer| !["/id", "/version"].contains(&pointer.as_str())) {
            for other in [json!("other"), json!(7), json!(true), json!(false), json!(["other"]), json!("POST")] {
                let mut manifest = full();
                let leaf = manifest.pointer_mut(pointer).expect("a leaf");
                if *leaf == other {
                    continue;
                }
                *leaf = other;
                // A value of another type is not a manifest.
                let Ok(changed) = serde_json::from_value::<Manifest>(manifest) else { continue };
                let original: Manifest = serde_json::from_value(full()).expect("a manifest");
                tried += 1;
                assert!(!ManifestDiff::between(&original, &changed).words.is_empty(), "{pointer}");
            }
        }
        assert!(tried >= 20, "{tried}");
    }
}
