//! The conformance check: shipped plugins against every failure of a provider, and components that fail it.

use std::path::PathBuf;

use jackfield_test_support::{guests, slack::SlackStandIn};
use serde_json::Value;

use crate::process::program::{Installation, output_text};

/// The shipped plugins, and the field values of their recordings.
const SHIPPED: [(&str, &[&str]); 6] = [
    ("slack", &["--field", "channel_id=C0GENERAL"]),
    ("xero", &["--account", "t-acme"]),
    (
        "google-workspace",
        &["--field", "calendar_id=c_4f@group.calendar.google.com", "--field", "admin_email=ada@acme.test"],
    ),
    ("productive", &[]),
    ("remote", &[]),
    ("scrapin", &[]),
];

fn fixtures(name: &str) -> String {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins")).join(name).join("fixtures");
    folder.canonicalize().expect("recorded exchanges").display().to_string()
}

fn cases(output: &std::process::Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", output_text(output)));
    report["cases"].as_array().expect("cases").clone()
}

#[tokio::test]
async fn shipped_plugins_pass_every_conformance_case() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    for (name, more) in SHIPPED {
        let file = guests::component_path(name).display().to_string();
        let fixtures = fixtures(name);
        let arguments = ["plugin", "check", "--conformance", "--json", "--fixtures", &fixtures, &file];
        let checked = place.run(&[&arguments, more].concat());
        let cases = cases(&checked);
        let broken: Vec<&Value> = cases.iter().filter(|case| case["verdict"] == "broken").collect();
        assert!(checked.status.success() && broken.is_empty(), "{name}: {broken:#?}");
        let recorded =
            cases.iter().filter(|case| case["case"] == "recorded responses" && case["operation"] == "connect");
        for case in recorded {
            let came = case["came"].as_str().unwrap_or_default();
            assert!(came == "connected" || came.starts_with("a choice"), "{name}: the recordings do not match: {case}");
        }
        let waits = cases.iter().filter(|case| case["case"] == "429 with seconds" && case["operation"] == "health");
        assert!(waits.clone().count() == 1 && waits.clone().all(|case| case["verdict"] == "good"), "{name}: {waits:?}");
    }
}

#[tokio::test]
async fn a_third_party_plugin_passes_every_conformance_case() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let file = guests::component_path("guests/example").display().to_string();
    let checked = place.run(&["plugin", "check", "--conformance", &file]);
    assert!(checked.status.success(), "{}", output_text(&checked));
    let folder = place.folder.path().join("fixtures");
    std::fs::create_dir(&folder).expect("a folder");
    let page = "GET https://api.acme-hr.example/v1/company\n\nHTTP/1.1 200\n\n{\"name\":\"Acme\"}\n###\n\n\
                GET https://api.acme-hr.example/v1/people?page=1\n\nHTTP/1.1 200\n\n\
                {\"people\":[{\"id\":\"1\",\"name\":\"Ada\",\"email\":\"ada@acme.example\"}],\"more\":true}\n";
    std::fs::write(folder.join("people.http"), page).expect("the file is written");
    let folder = folder.display().to_string();
    let checked = place.run(&["plugin", "check", "--conformance", "--json", "--fixtures", &folder, &file]);
    let cases = cases(&checked);
    let of = |name: &str| cases.iter().find(|case| case["case"] == name && case["operation"] == "list-users");
    assert_eq!(of("users without email").expect("the case runs")["came"], "1 users");
    assert_eq!(of("the same page forever").expect("the case runs")["verdict"], "note", "page numbers count up");
    assert!(checked.status.success(), "{}", output_text(&checked));
}

#[tokio::test]
async fn a_failed_check_names_its_case() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let file = guests::component_path("guests/hostile").display().to_string();
    let with = |behaviour: &str| {
        let field = format!("behaviour={behaviour}");
        place.run(&["plugin", "check", "--conformance", "--json", "--field", &field, &file])
    };
    for (behaviour, why) in [("panic", "plugin_fault"), ("bad-report", "plugin_fault"), ("echo", "a success")] {
        let checked = with(behaviour);
        assert_eq!(checked.status.code(), Some(1), "{behaviour}: {}", output_text(&checked));
        let broken: Vec<Value> = cases(&checked).into_iter().filter(|case| case["verdict"] == "broken").collect();
        let explains = |case: &Value| case["why"].as_str().is_some_and(|text| text.contains(why));
        assert!(broken.iter().any(|case| case["operation"] == "health" && explains(case)), "{behaviour}: {broken:#?}");
    }
    let wrong = place.run(&["plugin", "check", "--fixtures", "/nowhere", &file]);
    assert_eq!(wrong.status.code(), Some(2), "recordings are for --conformance");
}

#[tokio::test]
async fn a_good_response_that_is_not_recorded_fails_the_check() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let file = guests::component_path("guests/example").display().to_string();
    let folder = place.folder.path().join("fixtures");
    std::fs::create_dir(&folder).expect("a folder");
    // Of another host than the plugin's.
    let exchange = "GET https://api.other.example/v1/company\n\nHTTP/1.1 200\n\n{\"name\":\"Acme\"}\n";
    std::fs::write(folder.join("company.http"), exchange).expect("the file is written");
    let folder = folder.display().to_string();
    let checked = place.run(&["plugin", "check", "--conformance", "--json", "--fixtures", &folder, &file]);
    assert_eq!(checked.status.code(), Some(1), "{}", output_text(&checked));
    let connect = cases(&checked)
        .into_iter()
        .find(|case| case["case"] == "recorded responses" && case["operation"] == "connect")
        .expect("the case runs");
    assert_eq!(connect["verdict"], "broken", "{connect}");
    let why = connect["why"].as_str().expect("a reason");
    assert!(why.contains("no exchange is recorded for GET https://api.acme-hr.example/v1/company"), "{why}");
}
