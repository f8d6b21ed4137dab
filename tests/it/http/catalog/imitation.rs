//! Ids, titles and labels that imitate others.

use jackfield_test_support::app::digest;
use serde_json::json;

use super::{approve, component, component_with, start_empty, upload, upload_new};

#[tokio::test]
async fn names_with_mixed_scripts_or_hidden_characters_are_rejected() {
    let app = start_empty().await;
    for (what, change) in [
        ("title", json!("M\u{430}de")),
        ("title", json!("Ma\u{200b}de")),
        ("title", json!("Made\u{202e}")),
        ("title", json!("Made\u{7}")),
    ] {
        let bytes = component_with("1.0.0", |manifest| manifest[what] = change.clone());
        let refused = upload(&app, bytes).await.problem(422, "invalid_request");
        assert!(refused["detail"].as_str().is_some_and(|why| why.contains("its title")), "{change}: {refused}");
    }
    let bytes = component_with("1.0.0", |manifest| manifest["fields"][0]["label"] = json!("T\u{43e}ken"));
    let refused = upload(&app, bytes).await.problem(422, "invalid_request");
    assert!(refused["detail"].as_str().is_some_and(|why| why.contains("label of `token`")), "{refused}");
}

#[tokio::test]
async fn a_plugin_that_imitates_an_approved_one_is_broken_and_cannot_be_approved() {
    let app = start_empty().await;
    upload_new(&app, component_with("1.0.0", |manifest| manifest["id"] = json!("slack-bot"))).await;
    let first = component_with("1.0.0", |manifest| manifest["id"] = json!("slack-bot"));
    let _ = approve(&app, "slack-bot", &digest(&first)).await.ok();
    for (id, title, why) in [("s1ack-bot", "Other", "its id looks"), ("other", "made ", "its title looks")] {
        let bytes = component_with("1.0.0", |manifest| {
            manifest["id"] = json!(id);
            manifest["title"] = json!(title);
        });
        let provider = upload_new(&app, bytes.clone()).await;
        assert_eq!(provider["state"], "broken", "{provider}");
        assert!(provider["reason"].as_str().is_some_and(|said| said.contains(why)), "{provider}");
        let _ = approve(&app, id, &digest(&bytes)).await.problem(409, "conflict");
    }
    let honest = component_with("1.0.0", |manifest| {
        manifest["id"] = json!("another");
        manifest["title"] = json!("Another");
    });
    assert_eq!(upload_new(&app, honest).await["state"], "pending");
    assert_eq!(upload_new(&app, component("1.0.0")).await["state"], "broken", "the same title under another id");
}
