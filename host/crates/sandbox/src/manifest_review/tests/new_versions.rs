//! The rules for versions that were never approved, tried on every part of two full manifests.

use jackfield_core::{leaf_pointers, manifest::Manifest};
use serde_json::{Value, json};

use crate::manifest_review::{RiskKind, find_risks, review, review_new_version, to_displayable};

const OAUTH2: &str = include_str!("../../../../../../tests/data/manifests/oauth2.json");
const SERVICE_ACCOUNT: &str = include_str!("../../../../../../tests/data/manifests/service_account.json");

fn parse(manifest: Value) -> Option<Manifest> {
    serde_json::from_value(manifest).ok()
}

/// Returns all findings about a full manifest in which one part was replaced.
fn findings(text: &str, pointer: &str, value: &Value) -> Vec<String> {
    let mut manifest: Value = serde_json::from_str(text).expect("JSON");
    *manifest.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value.clone();
    let manifest = parse(manifest).expect("a manifest");
    let all = review(&manifest, true).into_iter().chain(review_new_version(&manifest));
    all.map(|finding| finding.what).collect()
}

#[test]
fn a_full_manifest_can_be_approved() {
    for text in [OAUTH2, SERVICE_ACCOUNT] {
        assert_eq!(findings(text, "/version", &json!("1.0.0")), Vec::<String>::new());
    }
}

#[test]
fn no_text_of_a_manifest_has_a_control_bidirectional_or_invisible_character() {
    let mut tried = 0;
    for text in [OAUTH2, SERVICE_ACCOUNT] {
        let full: Value = serde_json::from_str(text).expect("JSON");
        let pointers = leaf_pointers(&full);
        let is_text = |pointer: &String| full.pointer(pointer).is_some_and(Value::is_string);
        for pointer in pointers.into_iter().filter(is_text) {
            for character in
                ['\u{1b}', '\r', '\t', '\0', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{e0041}']
            {
                let original = full.pointer(&pointer).and_then(Value::as_str).expect("a text");
                for changed in [format!("{original}{character}[8m"), format!("{character}{original}")] {
                    let mut manifest = full.clone();
                    *manifest.pointer_mut(&pointer).expect("a leaf") = json!(changed);
                    // An enum has no such value.
                    let Some(manifest) = parse(manifest) else { continue };
                    let found: Vec<_> =
                        review(&manifest, true).into_iter().chain(review_new_version(&manifest)).collect();
                    assert!(!found.is_empty(), "{pointer} {character:?}");
                    let is_clean = |text: &str| !text.contains(character);
                    assert!(
                        found.iter().all(|finding| is_clean(&finding.what) && is_clean(&finding.cure)),
                        "{pointer}"
                    );
                    let shown = serde_json::to_string(&to_displayable(&manifest)).expect("JSON");
                    let escaped = json!(character.to_string()).to_string();
                    assert!(!shown.contains(escaped.trim_matches('"')), "{pointer} {character:?}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 1_000, "{tried}");
}

#[test]
fn every_list_and_every_technical_text_is_bounded() {
    let long = json!(format!("https://acme.example/{}", "a".repeat(2_000)));
    for (text, pointer) in [
        (OAUTH2, "/auth/oauth2/issuer"),
        (OAUTH2, "/auth/oauth2/authorize_url"),
        (OAUTH2, "/auth/oauth2/authorize_parameters/0/1"),
        (OAUTH2, "/auth/oauth2/scopes/0"),
        (OAUTH2, "/fields/0/help_url"),
        (SERVICE_ACCOUNT, "/auth/service_account/audience"),
        (SERVICE_ACCOUNT, "/auth/service_account/token_uris/0"),
        (SERVICE_ACCOUNT, "/auth/service_account/universe_domains/0"),
    ] {
        assert!(!findings(text, pointer, &long).is_empty(), "{pointer}");
    }
    for (text, pointer, element) in [
        (OAUTH2, "/auth/oauth2/authorize_parameters", json!(["name", "value"])),
        (SERVICE_ACCOUNT, "/auth/service_account/token_uris", json!("https://oauth.acme.example/token")),
        (SERVICE_ACCOUNT, "/auth/service_account/universe_domains", json!("acme.example")),
    ] {
        assert!(!findings(text, pointer, &json!(vec![element; 65])).is_empty(), "{pointer}");
    }
    for value in ["a b", "a\u{e4}"] {
        for pointer in ["/auth/service_account/audience", "/auth/service_account/token_uris/0"] {
            assert!(!findings(SERVICE_ACCOUNT, pointer, &json!(value)).is_empty(), "{pointer} {value}");
        }
    }
}

#[test]
fn a_credential_on_a_host_with_a_star_is_refused_whatever_its_placement() {
    for text in [OAUTH2, SERVICE_ACCOUNT] {
        let full: Value = serde_json::from_str(text).expect("JSON");
        for (index, endpoint) in full["endpoints"].as_array().expect("endpoints").iter().enumerate() {
            let found = findings(text, &format!("/endpoints/{index}/host"), &json!("*.zendesk.com"));
            let is_refused = found.iter().any(|what| what.contains("any host that the component chooses"));
            assert_eq!(is_refused, !endpoint["credential"].is_null(), "{endpoint}: {found:?}");
        }
    }
}

#[test]
fn a_secret_in_several_kinds_of_placements_is_refused() {
    let header = json!({ "header": { "name": "X-Key", "format": "{}" } });
    let basic = json!({ "basic": { "literal": "user" } });
    let jwt = json!({ "jwt": {
        "header": "X-Token", "format": "{}", "algorithm": "HS256", "key": "text", "key_id": null, "claims": [],
        "lifetime": 60,
    } });
    let aws = json!({ "aws": {
        "access_key": { "literal": "a" }, "region": { "literal": "b" }, "service": "c",
    } });
    let (form, body) = (json!({ "form": "text" }), json!({ "json": "/a" }));
    let key = json!({ "query": "api_key" });
    let query = json!({ "query": "text" });
    for (one, other, is_refused) in [
        (&header, &basic, false),
        (&header, &key, false),
        (&jwt, &aws, false),
        (&form, &form, false),
        (&header, &form, true),
        (&header, &body, true),
        (&header, &query, true),
        (&key, &query, true),
        (&form, &body, true),
        (&form, &query, true),
        (&jwt, &header, true),
        (&aws, &body, true),
    ] {
        let mut manifest: Value = serde_json::from_str(OAUTH2).expect("JSON");
        for (index, place) in [one, other].into_iter().enumerate() {
            manifest["endpoints"][index]["credential"] =
                json!({ "source": { "field": "form_secret" }, "place": place });
        }
        let manifest = parse(manifest).expect("a manifest");
        let found = review_new_version(&manifest);
        let kinds = found.iter().filter(|finding| finding.what.contains("several kinds of placements"));
        assert_eq!(kinds.count() == 1, is_refused, "{one} {other}: {found:?}");
    }
    let key_file = json!({ "field": "key_file" });
    let found = findings(SERVICE_ACCOUNT, "/endpoints/0/credential/source", &key_file);
    assert!(found.iter().any(|what| what.contains("secret `key_file` is used in several kinds")), "{found:?}");
}

#[test]
fn a_secret_in_a_url_or_in_content_and_a_complete_api_are_risks_that_name_the_secret() {
    let manifest = parse(serde_json::from_str(OAUTH2).expect("JSON")).expect("a manifest");
    let risks: Vec<_> = find_risks(&manifest).into_iter().map(|risk| (risk.kind, risk.what)).collect();
    let has = |kind: RiskKind, words: &[&str]| {
        risks.iter().any(|(found, what)| *found == kind && words.iter().all(|word| what.contains(word)))
    };
    assert!(has(RiskKind::SecretInContent, &["secret `form_secret`", "`text`", "POST api.acme.example/v1/messages"]));
    assert!(has(RiskKind::SecretInContent, &["secret `json_secret`", "`/auth/team_value`"]));
    assert!(has(RiskKind::SecretInUrl, &["secret `query_secret`", "`api_key`", "search.acme.example"]));
    assert!(has(RiskKind::WholeApi, &["POST api.acme.example/graphql"]));
    assert_eq!(risks.len(), 4, "{risks:?}");
    let label = |(_, what): &(RiskKind, String)| what.contains("Workspace") || what.contains("Team");
    assert!(!risks.iter().any(label), "{risks:?}");

    let starred: Value = {
        let mut manifest: Value = serde_json::from_str(OAUTH2).expect("JSON");
        manifest["endpoints"][0]["host"] = json!("*.acme.example");
        manifest["auth"]["oauth2"]["authorize_parameters"] = json!([["user_scope", "admin"]]);
        manifest
    };
    let risks = find_risks(&parse(starred).expect("a manifest"));
    assert_eq!(risks[0].kind, RiskKind::NotApprovableToday, "{risks:?}");
    assert!(risks.iter().any(|risk| risk.kind == RiskKind::ScopeInParameter), "{risks:?}");
}

#[test]
fn no_oauth_parameter_of_the_host_is_in_a_manifest() {
    let is_reserved = |found: &[String]| found.iter().any(|what| what.contains("reserved for the host"));
    for name in [
        "scope",
        "Scope",
        "s%63ope",
        "scope[]",
        "request",
        "REQUEST_URI",
        "authorization_details",
        "nonce",
        "resource",
        "claims",
        "response_mode",
        "response.type",
        "code_challenge",
        "code_challenge_method",
        "redirect_uri",
        "client_id",
        "client_secret",
        "state",
        "dpop_jkt",
        "client%5Fid",
    ] {
        let url = json!(format!("https://login.acme.example/authorize?tenant=a&{name}=x"));
        assert!(is_reserved(&findings(OAUTH2, "/auth/oauth2/authorize_url", &url)), "{name}");
        let parameters = json!([[name, "x"]]);
        let found = findings(OAUTH2, "/auth/oauth2/authorize_parameters", &parameters);
        assert!(is_reserved(&found), "{name} {found:?}");
    }
    for name in ["client_secret", "grant_type", "Code", "assertion", "token", "redirect%5furi", "code_verifier"] {
        for part in ["token_url", "revocation_url"] {
            let url = json!(format!("https://login.acme.example/token?{name}=x"));
            assert!(is_reserved(&findings(OAUTH2, &format!("/auth/oauth2/{part}"), &url)), "{part} {name}");
        }
    }
    for part in ["authorize_url", "token_url", "revocation_url"] {
        let pointer = format!("/auth/oauth2/{part}");
        assert!(!findings(OAUTH2, &pointer, &json!("https://login.acme.example/x#scope=a")).is_empty(), "{part}");
        let url = json!("https://login.acme.example/x?tenant=acme&version=2");
        assert_eq!(findings(OAUTH2, &pointer, &url), Vec::<String>::new(), "{part}");
    }
    let legitimate = json!([["prompt", "consent"], ["access_type", "offline"], ["audience", "api.acme.example"]]);
    assert_eq!(findings(OAUTH2, "/auth/oauth2/authorize_parameters", &legitimate), Vec::<String>::new());
    let twice = json!([["prompt", "consent"], ["Prompt", "none"]]);
    assert!(!findings(OAUTH2, "/auth/oauth2/authorize_parameters", &twice).is_empty());
}
