//! `GET /api/openapi.json` and `/docs`: the document is complete and valid, and reveals nothing about this service.

use std::collections::BTreeMap;

use http::Method;
use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{TestApp, TestCaller, validator},
    guests,
    slack::SlackStandIn,
};
use serde_json::{Value, json};

use super::with_slack;

const WHOLE: &str = "/api/openapi.json";
const GENERAL: &str = "/docs/openapi.json";

async fn slack_alone() -> Value {
    let slack = SlackStandIn::start().await;
    with_slack(&slack).start().await.get(WHOLE).await.ok()
}

/// Returns every operation with its name.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let items = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().expect("a path item").iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    items.collect()
}

/// Returns every schema of a request or response body, with its examples.
fn bodies(document: &Value) -> Vec<(String, &Value)> {
    let mut bodies = Vec::new();
    for (name, operation) in operations(document) {
        let taken = operation["requestBody"]["content"].as_object().into_iter().flatten();
        bodies.extend(taken.map(|(kind, media)| (format!("{name} takes {kind}"), media)));
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let response = match response["$ref"].as_str() {
                Some(reference) => document.pointer(&reference[1..]).expect("a response"),
                None => response,
            };
            let given = response["content"].as_object();
            // Only a redirect has no body.
            assert!(given.is_some() || status.starts_with('3'), "{name} {status}: no body");
            let given = given.into_iter().flatten();
            bodies.extend(given.map(|(kind, media)| (format!("{name} {status} {kind}"), media)));
        }
    }
    bodies
}

#[tokio::test]
async fn the_document_for_slack_matches_the_snapshot() {
    let document = slack_alone().await;
    let said = json!({
        "connect": document["paths"]["/api/admin/connections/slack"]["put"],
        "status": document["paths"]["/api/admin/connections/slack/status"]["get"],
        "fields": document["components"]["schemas"]["Fields.slack"],
    });
    insta::assert_json_snapshot!("openapi_slack", said);
}

#[tokio::test]
async fn the_document_is_valid_openapi() {
    let rules: Value =
        serde_json::from_str(include_str!("../../data/openapi-3.1.json")).expect("the rules of OpenAPI 3.1");
    let rules = jsonschema::draft202012::options().should_validate_formats(true).build(&rules).expect("a schema");
    let document = slack_alone().await;
    let wrong: Vec<String> =
        rules.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(rules.validate(&json!({ "openapi": "3.1.1", "info": {}, "paths": {} })).is_err(), "the rules are strict");
}

#[tokio::test]
async fn every_schema_is_valid_and_every_example_matches_its_schema() {
    let document = slack_alone().await;
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}: {schema:#}");
    }
    let mut examples = 0;
    for (what, media) in bodies(&document) {
        assert!(jsonschema::draft202012::meta::is_valid(&media["schema"]), "{what}: {media:#}");
        let schema = validator(&document, &media["schema"]);
        let several = media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
        for example in media.get("example").into_iter().chain(several) {
            let wrong: Vec<String> = schema.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{what}: {wrong:?}\n{example:#}");
            examples += 1;
        }
        assert!(media.get("example").is_some() || media.get("examples").is_some(), "{what} has no example");
    }
    assert!(examples > 50, "only {examples} examples");
}

#[tokio::test]
async fn every_reference_resolves() {
    fn walk(document: &Value, at: &Value) {
        match at {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
                }
                members.values().for_each(|member| walk(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = slack_alone().await;
    walk(&document, &document);
}

#[tokio::test]
async fn a_new_plugin_adds_its_fields_to_the_document() {
    let field = |name: &str, more: Value| {
        let mut field = json!({
            "name": name, "label": name, "help": "Somewhere.", "help-url": null, "kind": "text", "secret": false,
            "required": false, "choices": [], "pattern": null,
        });
        for (key, value) in more.as_object().expect("an object") {
            field[key] = value.clone();
        }
        field
    };
    let mut manifest = guests::manifest();
    manifest["id"] = json!("acme-payroll");
    manifest["title"] = json!("Acme Payroll");
    manifest["fields"] = json!([
        field("token", json!({ "secret": true, "required": true, "pattern": "pay_[a-z]+" })),
        field(
            "region",
            json!({ "kind": "choice", "required": true, "choices": [
            { "value": "eu", "label": "Europe" }, { "value": "us", "label": "America" },
        ] })
        ),
        field("plan", json!({ "kind": "choice", "choices": [{ "value": "pro", "label": "Professional" }] })),
        field("admin", json!({ "kind": "email" })),
        field("key_file", json!({ "kind": "json" })),
        field("home", json!({ "kind": "url", "required": true, "help-url": "https://acme.example/help" })),
    ]);
    let app = TestApp::builder().file("acme-payroll.wasm", guests::with_manifest(&manifest)).start().await;
    let document = app.get(WHOLE).await.ok();

    let put = &document["paths"]["/api/admin/connections/acme-payroll"]["put"];
    assert_eq!(put["summary"], "Connects Acme Payroll, or updates its connection");
    let media = &put["requestBody"]["content"]["application/json"];
    assert_eq!(media["schema"], json!({ "$ref": "#/components/schemas/Fields.acme-payroll" }));
    assert_eq!(media["example"], json!({ "token": "pay_aaaaaaaa", "region": "eu", "home": "https://acme.example/" }));
    let schema = &document["components"]["schemas"]["Fields.acme-payroll"];
    assert_eq!(schema["x-needed-to-connect"], json!(["token", "region", "home"]));
    let fields = &schema["properties"];
    assert_eq!(
        fields["token"],
        json!({
            "type": "string", "pattern": "^(?:pay_[a-z]+)$", "minLength": 8, "writeOnly": true, "title": "token",
            "description": "Somewhere. Required for a new connection.",
        })
    );
    assert_eq!(fields["region"]["enum"], json!(["eu", "us"]));
    assert_eq!(fields["plan"]["enum"], json!(["pro", null]), "null clears what is optional");
    assert_eq!(fields["plan"]["description"], "Somewhere. `pro`: Professional. Optional; null clears it.");
    assert_eq!((&fields["admin"]["type"], &fields["admin"]["format"]), (&json!(["string", "null"]), &json!("email")));
    assert_eq!(fields["key_file"]["type"], json!(["string", "object", "null"]));
    assert_eq!(fields["home"]["externalDocs"]["url"], "https://acme.example/help");

    let schema = validator(&document, &media["schema"]);
    for good in [
        json!({ "token": "pay_abcdef", "region": "us", "home": "https://acme.example/" }),
        json!({ "plan": null, "admin": "ada@acme.example", "key_file": { "kind": "key" } }),
        json!({}),
    ] {
        assert!(schema.is_valid(&good), "{good}");
    }
    for wrong in [
        json!({ "token": "tok_abcdef" }),
        json!({ "token": null }),
        json!({ "region": "mars" }),
        json!({ "admin": "nobody" }),
        json!({ "tokn": "pay_abcdef" }),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
    let status = &document["paths"]["/api/admin/connections/acme-payroll/status"]["get"]["responses"]["200"];
    let shown = &status["content"]["application/json"]["schema"]["properties"];
    assert!(shown.get("region").is_some() && shown.get("token").is_none(), "no secret is shown: {shown}");
}

#[tokio::test]
async fn a_plugin_that_may_not_run_is_not_documented() {
    let slack = SlackStandIn::start().await;
    let app = with_slack(&slack).trust(Trust::Shipped(BTreeMap::new())).start().await;
    let document = app.get(WHOLE).await.ok();
    assert!(document["paths"].get("/api/admin/connections/slack").is_none());
    assert_eq!(document, app.get(GENERAL).await.ok());
}

#[tokio::test]
async fn the_public_document_reveals_nothing_about_this_service() {
    let mut manifest = guests::manifest();
    manifest["id"] = json!("canary-payroll");
    manifest["title"] = json!("Canary Payroll");
    manifest["fields"][0]["help"] = json!("Ask Canary Hopper of the canary team.");
    let app = TestApp::builder().file("canary-payroll.wasm", guests::with_manifest(&manifest)).start().await;
    for (caller, status) in [
        (TestCaller::Anonymous, 401),
        (TestCaller::Member, 403),
        (TestCaller::Manager, 403),
        (TestCaller::Service, 403),
    ] {
        let answer = app.send_as(caller, Method::GET, WHOLE, None).await;
        assert_eq!(answer.status, status, "{caller:?}");
        assert!(!answer.text.to_lowercase().contains("canary"), "{}", answer.text);
        for path in ["/docs", "/docs/page.js", "/docs/page.css", GENERAL] {
            let answer = app.send_as(caller, Method::GET, path, None).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(!answer.text.to_lowercase().contains("canary"), "{path}");
        }
    }
    assert!(app.get(WHOLE).await.text.contains("Ask Canary Hopper"), "an Executive sees it");
}

#[tokio::test]
async fn the_docs_page_loads_nothing_external_and_has_no_script() {
    let app = TestApp::builder().start().await;
    let page = app.get("/docs").await;
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for word in ["unsafe", "http", "*", "blob:"] {
        assert!(!policy.contains(word), "{policy}");
    }
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.text.matches("<script").count(), 1);
    assert!(page.text.contains("<script src=\"/docs/page.js\" defer></script>"));
    for word in ["<style", " style=", " onclick=", " onload=", "javascript:", "//"] {
        let without_doctype = page.text.replace("<!doctype html>", "");
        assert!(!without_doctype.contains(word), "{word}");
    }
    let script = app.get("/docs/page.js").await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "cookie"] {
        assert!(!script.text.contains(word), "{word}");
    }
    let style = app.get("/docs/page.css").await;
    assert!(!style.text.contains("url(") && !style.text.contains("@import"));
}
