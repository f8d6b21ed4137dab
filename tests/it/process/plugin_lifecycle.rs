//! A component that nobody knew when the program was built: dropped in, approved, used, replaced, gone back from,
//! removed, while another provider is asked all the time and notices nothing.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::Method;
use jackfield_test_support::{
    app::{client, digest},
    guests, marked,
    slack::Slack,
    stand_in_server::{StandInResponse, StandInServer},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::program::{Installation, copy_to_sinks};

const ACME: &str = "/api/admin/connections/acme-hr";
const PROVIDERS: &str = "/api/admin/providers";

/// How soon a drop has to show as `pending`: far more than it takes, for a machine that is busy with other tests.
/// `catalog.drop_to_pending_ms` of the benchmarks holds the promise.
const SHOWN: Duration = Duration::from_secs(15);

/// Those who ask the other provider all the time.
const ASKING: usize = 4;

/// A service as its administrator speaks to it.
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
        let text = answer.text().await.expect("a whole answer");
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    async fn done(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    async fn provider(&self, id: &str) -> Value {
        let list = self.done(Method::GET, PROVIDERS, None).await;
        let providers = list["providers"].as_array().expect("providers");
        providers.iter().find(|provider| provider["id"] == id).cloned().unwrap_or_default()
    }

    /// Waits until a provider stands as it should, and tells how it does and how long that took.
    async fn until(&self, id: &str, stands: impl Fn(&Value) -> bool) -> (Value, Duration) {
        let begun = Instant::now();
        loop {
            let provider = self.provider(id).await;
            if stands(&provider) {
                return (provider, begun.elapsed());
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{id} does not come to stand so: {provider}");
            // Between two tries; what is waited for is the answer above.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn approve(&self, id: &str, digest: &Value) -> Value {
        self.done(Method::POST, &format!("{PROVIDERS}/{id}/approve"), Some(json!({ "digest": digest }))).await
    }

    async fn users(&self) -> Value {
        self.done(Method::GET, &format!("{ACME}/users"), None).await["users"].clone()
    }
}

/// The example provider as bytes that nobody has seen before: a custom section names this very run.
fn first_version() -> Vec<u8> {
    let mut bytes = guests::read_component("guests/example");
    let name = Uuid::new_v4().to_string();
    let length = u8::try_from(name.len()).expect("a short name");
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}

/// A later version, made in this moment, which wants one more host and lists somebody else.
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

/// Asks the other provider without a pause until told to stop; every answer counts.
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

    /// Every answer that was no success, and how many were.
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
    let (slack, key) = (Slack::start().await, marked::secret("acme_"));
    let upstream = acme_hr(key.clone()).await;
    let reroutes = [slack.reroute("slack.com"), upstream.reroute("api.acme-hr.example")];
    let place = Installation::new(&["slack"], &reroutes, &[("JACKFIELD_PLUGINS_TRUST", "approve".to_owned())]).await;
    let bearer = place.token();
    let service = place.serve().await;
    let process = service.0.id();
    let console = AdminClient { client: client(), base: place.base(), bearer };
    let other = console.provider("slack").await;
    if other["state"] == "pending" {
        // The program was built without the digests of its components.
        let _approved = console.approve("slack", &other["digest"]).await;
    }
    let token = marked::secret("xoxb-");
    slack.token(&token);
    let body = super::super::http::body(&token);
    let _connected = console.done(Method::PUT, "/api/admin/connections/slack", Some(body)).await;
    let load = Load::start(&console);

    // Dropped in, it waits.
    let file = place.folder.path().join("plugins/acme-hr.wasm");
    let first = first_version();
    fs::write(&file, &first).expect("dropped in");
    let (waits, took) = console.until("acme-hr", |provider| provider["state"] == "pending").await;
    assert!(took < SHOWN, "it was shown after {took:?}");
    assert_eq!((&waits["digest"], &waits["hosts"]), (&json!(digest(&first)), &json!(["api.acme-hr.example"])));
    let fields = json!({ "api_key": key });
    assert_eq!(console.ask(Method::PUT, ACME, Some(fields.clone())).await.0, 409);

    // Approved, it is used.
    let _approved = console.approve("acme-hr", &waits["digest"]).await;
    let connected = console.done(Method::PUT, ACME, Some(fields)).await;
    assert_eq!(connected["org_name"], "Acme Instruments");
    assert_eq!(console.users().await[0]["name"], "Ada Lee");

    // Replaced by a version that wants one more host, the first one serves on and the second waits.
    fs::write(&file, second_version()).expect("replaced");
    let (waits, _) = console.until("acme-hr", |provider| provider["waiting"][0].is_object()).await;
    let asks = &waits["waiting"][0];
    assert_eq!((&waits["state"], &waits["digest"]), (&json!("approved"), &json!(digest(&first))));
    assert_eq!(asks["changes"]["hosts"]["added"], json!(["payroll.acme-hr.example"]));
    assert_eq!(console.users().await[0]["name"], "Ada Lee");
    let _approved = console.approve("acme-hr", &asks["digest"]).await;
    assert_eq!(console.users().await[0]["external_id"], "7");

    // Gone back from, the first one serves again and the second waits again.
    let back = console.done(Method::POST, &format!("{PROVIDERS}/acme-hr/rollback"), None).await;
    assert_eq!(back["provider"]["digest"], json!(digest(&first)));
    assert_eq!(back["provider"]["waiting"][0]["digest"], asks["digest"]);
    assert_eq!(console.users().await[0]["name"], "Ada Lee");

    // Removed, it is gone, and its connection says so.
    fs::remove_file(&file).expect("taken away");
    let removed = console.done(Method::DELETE, &format!("{PROVIDERS}/acme-hr"), None).await;
    assert_eq!(removed["ok"], true);
    let (_, _) = console.until("acme-hr", Value::is_null).await;
    let list = console.done(Method::GET, "/api/admin/connections", None).await;
    let kept = list["connections"].as_array().expect("connections").iter().find(|one| one["provider"] == "acme-hr");
    assert!(kept.expect("it is kept")["reason"].as_str().is_some_and(|reason| reason.contains("is missing")), "{kept:?}");

    let (failed, answered) = load.end().await;
    assert_eq!(failed, Vec::<String>::new(), "of {} calls of the other provider", answered + failed.len());
    assert!(answered > 100, "{answered} calls of the other provider");
    assert_eq!(service.0.id(), process);
    println!("shown after {took:?}; {answered} calls of the other provider, none failed");
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}
