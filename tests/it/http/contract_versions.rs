//! Two contract versions in one service, with a plugin of each.

use jackfield_test_support::{app::TestApp, guests, marked};
use serde_json::{Value, json};

/// Returns a manifest for a component of either version.
fn manifest(id: &str) -> Value {
    let mut manifest = guests::manifest();
    manifest["id"] = id.into();
    manifest
}

fn user(id: &str) -> Value {
    json!({ "external-id": id, "name": "", "email": null, "aliases": [], "active": true })
}

#[tokio::test]
async fn plugins_of_both_contract_versions_are_served_side_by_side() {
    let older = json!({ "users": [user("1"), user("2")], "next-cursor": null });
    let kinds = [("1", "person"), ("2", "bot"), ("3", "service"), ("4", "person")].map(|(id, kind)| {
        let mut user = user(id);
        user["kind"] = kind.into();
        user
    });
    let newer = json!({ "users": kinds, "next-cursor": "more" });
    let app = TestApp::builder()
        .file("older.wasm", guests::with_users_page(&manifest("older"), &older))
        .file("newer.wasm", guests::with_users_page_v0_2(&manifest("newer"), &newer))
        .start()
        .await;
    for (id, ids) in [("older", ["1", "2"]), ("newer", ["1", "4"])] {
        let path = format!("/api/admin/connections/{id}");
        let connected = app.put(&path, json!({ "token": marked::secret("tok-") })).await.ok();
        assert_eq!(connected["org_name"], "Made", "{id}");
        assert_eq!(app.get(&format!("{path}/health")).await.ok()["made"], "made by hand", "{id}");
        let page = app.get(&format!("{path}/users")).await.ok();
        let listed: Vec<_> =
            page["users"].as_array().expect("users").iter().map(|user| user["external_id"].clone()).collect();
        assert_eq!(listed, ids, "{id}: {page}");
        assert_eq!(page["next_cursor"].is_string(), id == "newer", "{page}");
        assert_eq!(app.delete(&path).await.ok()["ok"], true, "{id}");
    }
}

#[tokio::test]
async fn both_contract_versions_have_the_same_page_limit() {
    for (count, skipped) in [(1_000, json!(null)), (1_001, json!(1))] {
        let mut bot = user("1");
        bot["kind"] = "bot".into();
        let page = json!({ "users": vec![bot; count], "next-cursor": null });
        let made = guests::with_users_page_v0_2(&manifest("newer"), &page);
        let app = TestApp::builder().file("newer.wasm", made).start().await;
        let path = "/api/admin/connections/newer";
        assert_eq!(app.put(path, json!({ "token": marked::secret("tok-") })).await.status, 200);
        let page = app.get(&format!("{path}/users")).await.ok();
        assert_eq!(page["skipped"], skipped, "{count}: {page}");
    }
}

#[tokio::test]
async fn an_unsupported_contract_version_is_named_with_the_supported_ones() {
    let app = TestApp::builder().file("later.wasm", guests::newer_world()).start().await;
    let list = app.get("/api/admin/providers").await.ok();
    let later = &list["providers"][0];
    assert_eq!(later["state"], "broken", "{list}");
    let reason = later.to_string();
    for version in ["0.3.0", "0.1.0", "0.2.0"] {
        assert!(reason.contains(version), "{version}: {reason}");
    }
}
