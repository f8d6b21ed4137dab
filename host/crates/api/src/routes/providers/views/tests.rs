//! The API shows every part of a manifest.

use jackfield_core::{leaf_pointers, manifest::Manifest};
use jackfield_service::connections::StoredDestinations;
use serde_json::{Value, json};

use super::ManifestView;

/// Each manifest with the view that the browser test of the approval page shows.
const FULL: [(&str, &str); 2] = [
    (
        include_str!("../../../../../../../tests/data/manifests/oauth2.json"),
        include_str!("../../../../../../../tests/data/manifests/oauth2.view.json"),
    ),
    (
        include_str!("../../../../../../../tests/data/manifests/service_account.json"),
        include_str!("../../../../../../../tests/data/manifests/service_account.view.json"),
    ),
];

fn view(manifest: Value) -> Option<Value> {
    let manifest: Manifest = serde_json::from_value(manifest).ok()?;
    Some(serde_json::to_value(ManifestView::new(&manifest, &StoredDestinations::default())).expect("JSON"))
}

#[test]
fn the_browser_test_shows_the_view_of_a_full_manifest() {
    for (manifest, expected) in FULL {
        let shown = view(serde_json::from_str(manifest).expect("JSON")).expect("a manifest");
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(shown, expected, "{}", serde_json::to_string_pretty(&shown).expect("JSON"));
    }
}

#[test]
fn a_change_of_any_part_of_a_manifest_changes_what_the_api_shows() {
    let mut tried = 0;
    for (manifest, _) in FULL {
        let full: Value = serde_json::from_str(manifest).expect("JSON");
        let shown = view(full.clone());
        let pointers = leaf_pointers(&full);
        // The id is shown by the list itself.
        for pointer in pointers.iter().filter(|pointer| *pointer != "/id") {
            let others = ["other", "keep", "GET", "body", "none", "text", "base64", "hex", "seconds", "HS256", "host"];
            let others = others.map(|other| json!(other)).into_iter().chain([json!(7), json!(true), json!(false)]);
            let mut of_pointer = 0;
            for other in others {
                let mut changed = full.clone();
                let leaf = changed.pointer_mut(pointer).expect("a leaf");
                if *leaf == other {
                    continue;
                }
                *leaf = other.clone();
                // A value of another type is not a manifest.
                let Some(changed) = view(changed) else { continue };
                of_pointer += 1;
                assert_ne!(Some(changed), shown, "{pointer} {other}");
            }
            tried += of_pointer;
        }
    }
    assert!(tried >= 150, "{tried}");
}

#[test]
fn no_text_of_the_api_has_a_control_or_bidirectional_character() {
    for (manifest, _) in FULL {
        let full: Value = serde_json::from_str(manifest).expect("JSON");
        let pointers = leaf_pointers(&full);
        for pointer in pointers {
            for character in ['\u{1b}', '\n', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}'] {
                let mut changed = full.clone();
                let leaf = changed.pointer_mut(&pointer).expect("a leaf");
                let Some(text) = leaf.as_str() else { continue };
                *leaf = json!(format!("{text}{character}x"));
                let Some(shown) = view(changed) else { continue };
                let escaped = json!(character.to_string()).to_string();
                assert!(!shown.to_string().contains(escaped.trim_matches('"')), "{pointer} {character:?}: {shown}");
            }
        }
    }
}
