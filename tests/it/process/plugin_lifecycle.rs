//! The life of a plugin that is newer than the program: added, approved, used, replaced, rolled back and removed, while
//! another provider is called continuously without errors.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use http::Method;
use jackfield_test_support::{
    app::{client, digest, eventually},
    guests, marked,
    slack::SlackStandIn,
    stand_in_server::{StandInResponse, StandInServer},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::program::{Installation, copy_to_sinks};

const ACME: &str = "/api/admin/connections/acme-hr";
const PROVIDERS: &str = "/api/admin/providers";

/// Clients that call the other provider continuously.
const ASKING: usize = 4;

/// Sends requests as the administrator does.
struct AdminClient {
    client: reqwest::Client,
    base: String,
    bearer: String,
}

impl AdminClient {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.bearer);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a complete response");
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    async fn expect_success(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    async fn provider(&self, id: &str) -> Value {
        let list = self.expect_success(Method::GET, PROVIDERS, None).await;
        let providers = list["providers"].as_array().expect("providers");
        providers.iter().find(|provider| provider["id"] == id).cloned().unwrap_or_default()
    }

    /// Waits until a provider reaches a state, and returns the provider.
    async fn wait_until(&self, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let provider = self.provider(id).await;
            if condition(&provider) { Ok(provider) } else { Err(format!("the state of {id}: {provider}")) }
        })
        .await
    }

    async fn approve(&self, id: &str, digest: &Value) -> Value {
        self.expect_success(Method::POST, &format!("{PROVIDERS}/{id}/approve"), Some(json!({ "digest": digest }))).await
    }

    async fn users(&self) -> Value {
        self.expect_success(Method::GET, &format!("{ACME}/users"), None).await["users"].clone()
    }
}

/// Returns the example plugin with new bytes: a custom section contains the name of this run.
fn first_version() -> Vec<u8> {
    let mut bytes = guests::read_component("guests/example");
    let name = Uuid::new_v4().to_string();
    let length = u8::try_from(name.len()).expect("a short name");
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}

/// Builds a later version, which adds a host and lists another person.
fn second_version() -> Vec<u8> {
    let header = json!({ "header": { "name": "X-Api-Key", "format": "{}" } });
    let endpoint = |host: &str, path: &str| {
        let credential = json!({ "source": { "field": "api_key" }, "place": header });
        json!({ "method": "get", "host": host, "path": path, "credential": credential })
    };
    let mut manifest = guests::manifest();
    manifest["id"] = json!("acme-hr");
    manifest["title"] = json!("Acme HR");
    manifest["version"] = json!("7.0.0");
    manifest["fields"][0]["name"] = json!("api_key");
    manifest["endpoints"] = json!([
        endpoint("api.acme-hr.example", "/v1/company"),
        endpoint("api.acme-hr.example", "/v1/people"),
        endpoint("payroll.acme-hr.example", "/v1/people"),
    ]);
    for endpoint in manifest["endpoints"].as_array_mut().expect("endpoints") {
        endpoint["credential"]["source"] = json!({ "field": "api_key" });
    }
    let name = Uuid::new_v4().to_string();
    let user = json!({ "external-id": "7", "name": name, "email": null, "aliases": [], "active": true });
    guests::with_users_page(&manifest, &json!({ "users": [user], "next-cursor": null }))
}

async fn acme_hr(key: String) -> StandInServer {
    StandInServer::start(move |request| {
        if request.header("x-api-key") != Some(&key) {
            return StandInResponse::empty(401);
        }
        match request.path.as_str() {
            "/v1/company" => StandInResponse::json(&json!({ "name": "Acme Instruments" })),
            "/v1/people" => StandInResponse::json(&json!({
                "people": [{ "id": "1", "name": "Ada Lee", "email": "ada.lee@acme.example" }], "more": false,
            })),
            _ => StandInResponse::empty(404),
        }
    })
    .await
}

/// Calls the other provider continuously until stopped, and counts every response.
struct Load {
    stopped: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    workers: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(console: &AdminClient) -> Self {
        let (stopped, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let workers = (0..ASKING).map(|_| {
            let (stopped, answered) = (Arc::clone(&stopped), Arc::clone(&answered));
            let (client, bearer) = (console.client.clone(), console.bearer.clone());
            let url = format!("{}/api/admin/connections/slack/users", console.base);
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !stopped.load(Ordering::Relaxed) {
                    match client.get(&url).bearer_auth(&bearer).send().await {
                        Ok(answer) if answer.status() == 200 => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Ok(answer) => failed.push(answer.text().await.unwrap_or_default()),
                        Err(error) => failed.push(error.to_string()),
                    }
                }
                failed
            })
        });
        Self { stopped: Arc::clone(&stopped), answered: Arc::clone(&answered), workers: workers.collect() }
    }

    /// Waits until the other provider has answered this many calls.
    async fn wait_for_answers(&self, count: usize) {
        eventually(async || match self.answered.load(Ordering::Relaxed) {
            answered if answered >= count => Ok(()),
            answered => Err(answered),
        })
        .await;
    }

    /// Stops. Returns every response that was not a success, and the number of successes.
    async fn end(self) -> (Vec<String>, usize) {
        self.stopped.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        for worker in self.workers {
            failed.extend(worker.await.expect("the worker ends"));
        }
        (failed, self.answered.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn a_new_plugin_is_added_approved_used_replaced_rolled_back_and_removed() {
    let (slack, key) = (SlackStandIn::start().await, marked::secret("acme_"));
    let upstream = acme_hr(key.clone()).await;
    let reroutes = [slack.reroute("slack.com"), upstream.reroute("api.acme-hr.example")];
    let place = Installation::new(&["slack"], &reroutes, &[("JACKFIELD_PLUGINS_TRUST", "approve".to_owned())]).await;
    let bearer = place.token();
    let service = place.serve().await;
    let process = service.0.id();
    let console = AdminClient { client: client(), base: place.base(), bearer };
    let other = console.provider("slack").await;
    if other["state"] == "pending" {
        // The program was built without the digests of its plugins.
        let _approved = console.approve("slack", &other["digest"]).await;
    }
    let token = marked::secret("xoxb-");
    slack.add_token(&token);
    let body = super::super::http::body(&token);
    let _connected = console.expect_success(Method::PUT, "/api/admin/connections/slack", Some(body)).await;
    let load = Load::start(&console);

    // A new file is pending.
    let file = place.folder.path().join("plugins/acme-hr.wasm");
    let first = first_version();
    fs::write(&file, &first).expect("the file is written to the plugins folder");
    let waits = console.wait_until("acme-hr", |provider| provider["state"] == "pending").await;
    assert_eq!((&waits["digest"], &waits["hosts"]), (&json!(digest(&first)), &json!(["api.acme-hr.example"])));
    let fields = json!({ "api_key": key });
    assert_eq!(console.ask(Method::PUT, ACME, Some(fields.clone())).await.0, 409);

    // An approved plugin is used.
    let _approved = console.approve("acme-hr", &waits["digest"]).await;
    let connected = console.expect_success(Method::PUT, ACME, Some(fields.clone())).await;
    assert_eq!(connected["org_name"], "Acme Instruments");
    assert_eq!(console.users().await[0]["name"], "Ada Lee");

    // If a version with another host replaces it, the first version keeps serving and the second is pending.
    fs::write(&file, second_version()).expect("replaced");
    let waits = console.wait_until("acme-hr", |provider| provider["waiting"][0].is_object()).await;
    let asks = &waits["waiting"][0];
    assert_eq!((&waits["state"], &waits["digest"]), (&json!("approved"), &json!(digest(&first))));
    assert_eq!(asks["changes"]["hosts"]["added"], json!(["payroll.acme-hr.example"]));
    assert_eq!(console.users().await[0]["name"], "Ada Lee");
    let again = asks["secrets_again"][0].as_str().expect("a secret that is needed again");
    assert!(again.contains("`api_key`") && again.contains("payroll.acme-hr.example"), "{again}");
    let _approved = console.approve("acme-hr", &asks["digest"]).await;

    // The second version gets the secret once somebody has entered it for the other host, too.
    let (status, refused) = console.ask(Method::GET, &format!("{ACME}/users"), None).await;
    assert_eq!((status, &refused["code"]), (409, &json!("needs_reauth")), "{refused}");
    let _connected = console.expect_success(Method::PUT, ACME, Some(fields)).await;
    assert_eq!(console.users().await[0]["external_id"], "7");

    // After a rollback, the first version serves again and the second is pending again.
    let back = console.expect_success(Method::POST, &format!("{PROVIDERS}/acme-hr/rollback"), None).await;
    assert_eq!(back["provider"]["digest"], json!(digest(&first)));
    assert_eq!(back["provider"]["waiting"][0]["digest"], asks["digest"]);
    assert_eq!(console.users().await[0]["name"], "Ada Lee");

    // If the file is removed, so is the plugin, and its connection reports it.
    fs::remove_file(&file).expect("the file is removed");
    let removed = console.expect_success(Method::DELETE, &format!("{PROVIDERS}/acme-hr"), None).await;
    assert_eq!(removed["ok"], true);
    let _removed = console.wait_until("acme-hr", Value::is_null).await;
    let list = console.expect_success(Method::GET, "/api/admin/connections", None).await;
    let kept = list["connections"].as_array().expect("connections").iter().find(|one| one["provider"] == "acme-hr");
    assert!(
        kept.expect("the file is kept")["reason"].as_str().is_some_and(|reason| reason.contains("is missing")),
        "{kept:?}"
    );

    load.wait_for_answers(100).await;
    let (failed, answered) = load.end().await;
    assert_eq!(failed, Vec::<String>::new(), "of {} calls of the other provider", answered + failed.len());
    assert_eq!(service.0.id(), process);
    println!("{answered} calls of the other provider, none failed");
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}
