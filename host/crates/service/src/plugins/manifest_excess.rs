//! Finds what a version requests beyond the approved one, for upgrades that nobody decides about. Pure.
//!
//! The comparison is strict: from the approved manifest, only parts that were listed here may be missing or smaller.
//! Everything else must be equal, including parts that a later contract adds.

use jackfield_core::manifest::{Attachment, Auth, CredentialSource, Endpoint, Manifest, MappingFate, OAuth2Grant};
use jackfield_egress::policy::host_matches;
use jackfield_sandbox::to_displayable;

use super::manifest_diff::ManifestDiff;

/// Returns what `new` requests beyond `approved`, or changes otherwise, as sentences.
///
/// The list is empty if `new` requests the same or less.
#[must_use]
pub fn find_excess(approved: &Manifest, new: &Manifest) -> Vec<String> {
    let reduced = reduce(approved, new);
    if reduced == *new {
        return Vec::new();
    }
    let words = ManifestDiff::between(&to_displayable(&reduced), &to_displayable(new)).words;
    if words.is_empty() { vec!["changes its manifest".to_owned()] } else { words }
}

/// Returns the approved manifest without the parts that `new` no longer requests.
fn reduce(approved: &Manifest, new: &Manifest) -> Manifest {
    let field = |name: &str| approved.field(name).cloned();
    let mut capabilities = approved.capabilities;
    capabilities.users &= new.capabilities.users;
    capabilities.alerts &= new.capabilities.alerts;
    capabilities.accounts &= new.capabilities.accounts;
    Manifest {
        version: new.version.clone(),
        auth: reduce_auth(&approved.auth, &new.auth),
        fields: new.fields.iter().filter_map(|new| field(&new.name)).collect(),
        endpoints: reduce_endpoints(&approved.endpoints, &new.endpoints),
        capabilities,
        on_disconnect: if new.on_disconnect == MappingFate::Keep { MappingFate::Keep } else { approved.on_disconnect },
        ..approved.clone()
    }
}

fn reduce_auth(approved: &Auth, new: &Auth) -> Auth {
    match (approved, new) {
        (Auth::OAuth2(approved), Auth::OAuth2(new)) => {
            Auth::OAuth2(OAuth2Grant { scopes: common_scopes(&approved.scopes, &new.scopes), ..approved.clone() })
        }
        (approved, _) => approved.clone(),
    }
}

fn common_scopes(approved: &[String], new: &[String]) -> Vec<String> {
    new.iter().filter(|scope| approved.contains(scope)).cloned().collect()
}

/// Returns the approved endpoints that `new` still has, in the order of `new`, and those that it may not drop.
fn reduce_endpoints(approved: &[Endpoint], new: &[Endpoint]) -> Vec<Endpoint> {
    let kept = new.iter().filter_map(|new| {
        let endpoint = approved.iter().find(|endpoint| is_same_endpoint(endpoint, new))?;
        let credential = match (&endpoint.credential, &new.credential) {
            (Some(approved), Some(new)) => Some(reduce_credential(approved, new)),
            (approved, _) => approved.clone(),
        };
        Some(Endpoint { credential, ..endpoint.clone() })
    });
    // Without a specific endpoint, a broader one applies to its requests. They must not get another credential.
    let required = approved.iter().filter(|dropped| {
        !new.iter().any(|endpoint| is_same_endpoint(dropped, endpoint))
            && new.iter().any(|endpoint| overlaps(dropped, endpoint) && dropped.credential != endpoint.credential)
    });
    kept.chain(required.cloned()).collect()
}

fn is_same_endpoint(one: &Endpoint, other: &Endpoint) -> bool {
    (one.method, &one.host, &one.path) == (other.method, &other.host, &other.path)
}

fn reduce_credential(approved: &Attachment, new: &Attachment) -> Attachment {
    let source = match (&approved.source, &new.source) {
        (
            CredentialSource::Minted { scopes, subject_field },
            CredentialSource::Minted { scopes: new_scopes, subject_field: _ },
        ) => {
            CredentialSource::Minted { scopes: common_scopes(scopes, new_scopes), subject_field: subject_field.clone() }
        }
        (approved, _) => approved.clone(),
    };
    Attachment { source, placement: approved.placement.clone() }
}

/// Returns whether some request matches both endpoints.
fn overlaps(one: &Endpoint, other: &Endpoint) -> bool {
    let hosts = one.host == other.host || host_matches(&one.host, &other.host) || host_matches(&other.host, &one.host);
    let (one_path, other_path): (Vec<&str>, Vec<&str>) =
        (one.path.split('/').collect(), other.path.split('/').collect());
    let paths = one_path.len() == other_path.len()
        && one_path.iter().zip(&other_path).all(|(one, other)| one == other || *one == "*" || *other == "*");
    one.method == other.method && hosts && paths
}

#[cfg(test)]
mod tests {
    use jackfield_core::leaf_pointers;
    use serde_json::{Value, json};

    use super::*;

    const FULL: [&str; 2] = [
        include_str!("../../../../../tests/data/manifests/oauth2.json"),
        include_str!("../../../../../tests/data/manifests/service_account.json"),
    ];

    fn parse(manifest: Value) -> Manifest {
        serde_json::from_value(manifest).expect("a manifest")
    }

    /// Changes that request less, by the leaf and its new value.
    fn is_less(pointer: &str, value: &Value) -> bool {
        pointer == "/version"
            || (pointer.starts_with("/capabilities/") && *value == json!(false))
            || (pointer == "/on_disconnect" && *value == json!("keep"))
    }

    #[test]
    fn a_change_of_any_leaf_exceeds_the_approved_manifest_unless_it_requests_less() {
        let mut tried = 0;
        for text in FULL {
            let full: Value = serde_json::from_str(text).expect("JSON");
            let approved = parse(full.clone());
            assert_eq!(find_excess(&approved, &approved), Vec::<String>::new());
            let pointers = leaf_pointers(&full);
            for pointer in &pointers {
                let others = [
                    json!("other"),
                    json!("keep"),
                    json!("clear"),
                    json!("GET"),
                    json!("DELETE"),
                    json!("body"),
                    json!("reusable"),
                    json!("none"),
                    json!("email"),
                    json!("text"),
                    json!("hex"),
                    json!("base64"),
                    json!("seconds"),
                    json!("milliseconds"),
                    json!("HS256"),
                    json!("ES256"),
                    json!("random"),
                    json!("method"),
                    json!("body_sha256"),
                    json!("oauth_token"),
                    json!(7),
                    json!(true),
                    json!(false),
                    json!(null),
                    json!(["other"]),
                ];
                for other in others {
                    let mut changed = full.clone();
                    let leaf = changed.pointer_mut(pointer).expect("a leaf");
                    if *leaf == other {
                        continue;
                    }
                    *leaf = other.clone();
                    // A value of another type is not a manifest.
                    let Ok(changed) = serde_json::from_value::<Manifest>(changed) else { continue };
                    if changed == approved {
                        continue;
                    }
                    tried += 1;
                    let excess = find_excess(&approved, &changed);
                    assert_eq!(excess.is_empty(), is_less(pointer, &other), "{pointer} {other}: {excess:?}");
                }
            }
        }
        assert!(tried >= 150, "{tried}");
    }

    #[test]
    fn an_additional_element_of_any_list_exceeds_the_approved_manifest() {
        fn lists(value: &Value, at: &str, found: &mut Vec<String>) {
            match value {
                Value::Object(parts) => {
                    parts.iter().for_each(|(name, part)| lists(part, &format!("{at}/{name}"), found));
                }
                Value::Array(items) => {
                    found.push(at.to_owned());
                    items.iter().enumerate().for_each(|(index, item)| lists(item, &format!("{at}/{index}"), found));
                }
                _ => {}
            }
        }
        let mut tried = 0;
        for text in FULL {
            let full: Value = serde_json::from_str(text).expect("JSON");
            let mut pointers = Vec::new();
            lists(&full, "", &mut pointers);
            for pointer in pointers {
                let mut more = full.clone();
                let list = more.pointer_mut(&pointer).and_then(Value::as_array_mut).expect("a list");
                let Some(mut element) = list.last().cloned() else { continue };
                match &mut element {
                    Value::String(text) => text.push_str("-more"),
                    Value::Object(parts) if parts.contains_key("path") => {
                        drop(parts.insert("path".to_owned(), json!("/more")))
                    }
                    Value::Object(parts) if parts.contains_key("name") => {
                        drop(parts.insert("name".to_owned(), json!("more")))
                    }
                    _ => {}
                }
                list.push(element);
                let Ok(more) = serde_json::from_value::<Manifest>(more) else { continue };
                tried += 1;
                assert!(!find_excess(&parse(full.clone()), &more).is_empty(), "{pointer}");
            }
        }
        assert!(tried >= 10, "{tried}");
    }

    #[test]
    fn a_version_may_drop_what_it_no_longer_needs() {
        let full: Value = serde_json::from_str(FULL[0]).expect("JSON");
        let drop_from = |pointer: &str, index: usize| {
            let mut less = full.clone();
            less.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list").remove(index);
            find_excess(&parse(full.clone()), &parse(less))
        };
        for pointer in ["/auth/oauth2/scopes", "/fields", "/endpoints"] {
            assert_eq!(drop_from(pointer, 0), Vec::<String>::new(), "{pointer}");
        }
        assert!(!drop_from("/auth/oauth2/authorize_parameters", 0).is_empty());
        let mut reversed = full.clone();
        reversed.pointer_mut("/endpoints").and_then(Value::as_array_mut).expect("a list").reverse();
        assert_eq!(find_excess(&parse(full.clone()), &parse(reversed)), Vec::<String>::new());
    }

    #[test]
    fn an_exception_from_a_broader_endpoint_may_not_be_dropped() {
        let endpoint = |path: &str, credential: Value| json!({ "method": "GET", "host": "api.acme.example", "path": path, "credential": credential });
        let token =
            json!({ "source": "oauth_token", "place": { "header": { "name": "Authorization", "format": "{}" } } });
        let with = |endpoints: Vec<Value>| {
            let mut manifest: Value = serde_json::from_str(FULL[0]).expect("JSON");
            manifest["endpoints"] = json!(endpoints);
            parse(manifest)
        };
        let approved =
            with(vec![endpoint("/*", token.clone()), endpoint("/public", json!(null)), endpoint("/me", token.clone())]);
        let without_me = with(vec![endpoint("/*", token.clone()), endpoint("/public", json!(null))]);
        assert_eq!(find_excess(&approved, &without_me), Vec::<String>::new());
        let without_public = with(vec![endpoint("/*", token.clone()), endpoint("/me", token)]);
        assert_eq!(find_excess(&approved, &without_public), ["no longer has the endpoint GET api.acme.example/public"]);
    }
}
